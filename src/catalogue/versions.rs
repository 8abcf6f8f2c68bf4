//! Which revisions a server speaks, and so which clients it serves.

use super::{docs, findings, troubleshooting};

const VERSIONS: Option<&str> =
    troubleshooting!("the-client-is-not-compatible-with-the-version-of-the-server");

findings! {
    ALL_VERSIONS:

    REVISION_4_ONLY: "SIO-170", Info, "the server serves clients of releases 3 and 4" {
        cause: "The server speaks Engine.IO revision 4 alone: JS clients 3.x and 4.x, \
                socket.io-client-java 2.x, socket.io-client-swift 16.x.",
        remedy: "Nothing is wrong. For older clients a Node server has a switch.",
        settings: [Server => "new Server({ allowEIO3: true })"],
        docs: docs!("client-installation/#version-compatibility"),
    }
    REVISION_3_ONLY: "SIO-171", Info, "this is a release 2 server" {
        cause: "The server speaks Engine.IO revision 3 alone: JS clients 1.x and 2.x, \
                socket.io-client-java 1.x, socket.io-client-swift up to 15.x. It answers clients \
                of releases 3 and 4 in a form that they report as \"server error\" or as a parse \
                error.",
        remedy: "Keep clients at release 2, or move the server to release 4 with allowEIO3 first \
                 and the clients after it.",
        settings: [
            Client => "npm install socket.io-client@2",
            SioLoad => "`protocol = 3`",
        ],
        docs: docs!("client-installation/#version-compatibility"),
    }
    BOTH_REVISIONS: "SIO-172", Info, "the server serves clients of releases 2, 3 and 4" {
        cause: "The server speaks Engine.IO revisions 3 and 4 (allowEIO3).",
        remedy: "Nothing is wrong. Switch it off once no release 2 client is left: they cost a \
                 second heartbeat mechanism, and some guards of revision 4 do not apply to them.",
        settings: [Server => "new Server({ allowEIO3: false })"],
        docs: docs!("server-options/#alloweio3"),
    }
    NO_REVISION: "SIO-173", Error, "the server answers neither revision 3 nor 4" {
        cause: "Neither Engine.IO revision 3 nor 4 gets a handshake.",
        remedy: "See the other findings for what answers instead.",
        settings: [],
        docs: VERSIONS,
    }
}
