//! WebSocket through the proxies, and clients that stay in long-polling.

use super::{docs, findings, troubleshooting};

const STUCK: Option<&str> = troubleshooting!("problem-the-socket-is-stuck-in-http-long-polling");

findings! {
    ALL_WEBSOCKET:

    UPGRADE_HEADERS_STRIPPED: "SIO-200", Error, "a proxy strips the WebSocket headers" {
        cause: "The WebSocket handshake reached the Socket.IO server as a plain GET (which it \
                calls \"Bad request\", TRANSPORT_MISMATCH in its own events): a proxy in front of \
                it drops the Upgrade and Connection headers. Clients stay in long-polling.",
        remedy: "Let the proxy forward both headers, over HTTP/1.1.",
        settings: [
            Nginx => "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                      proxy_set_header Connection \"upgrade\";",
            Apache => "ProxyPass /socket.io/ http://localhost:3000/socket.io/ upgrade=websocket",
        ],
        docs: docs!("reverse-proxy/"),
    }
    UPGRADE_SWALLOWED: "SIO-201", Error, "the WebSocket handshake is never answered" {
        cause: "The WebSocket handshake gets no answer at all, while polling works: a proxy or \
                firewall swallows it, or the upgrade request finds no handler in the server. \
                Clients stay in long-polling, and those that start with WebSocket time out.",
        remedy: "Let the proxy pass upgrades on, and check that the HTTP server that Socket.IO is \
                 attached to gets the `upgrade` event.",
        settings: [
            Nginx => "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                      proxy_set_header Connection \"upgrade\";",
        ],
        docs: STUCK,
    }
    WEBSOCKET_OFF: "SIO-202", Warning, "the server offers no WebSocket" {
        cause: "The handshake offers no upgrade: the server allows polling alone \
                (`transports` or `allowUpgrades`), or lacks its WebSocket library. Every client \
                stays in long-polling, at several times the cost.",
        remedy: "Allow the WebSocket transport.",
        settings: [
            Server => "new Server({ transports: [\"polling\", \"websocket\"], allowUpgrades: true })",
        ],
        docs: docs!("server-options/#transports"),
    }
    POLLING_OFF: "SIO-203", Warning, "the server allows WebSocket alone" {
        cause: "The server refuses polling. Clients begin with polling unless told otherwise, so \
                those with default options cannot connect.",
        remedy: "Tell the clients to use WebSocket alone, or allow polling.",
        settings: [
            Client => "io(url, { transports: [\"websocket\"] })",
            Server => "new Server({ transports: [\"polling\", \"websocket\"] })",
        ],
        docs: docs!("client-options/#transports"),
    }
    UPGRADE_SLOW: "SIO-204", Warning, "the upgrade is slow" {
        cause: "The upgrade to WebSocket takes more than three seconds: the handshake or the probe \
                waits somewhere on the way. Until then clients are in long-polling, and the \
                server gives up after `upgradeTimeout` (10 s).",
        remedy: "Look at the steps of the handshake for the one that takes the time.",
        settings: [],
        docs: STUCK,
    }
    DIRECT_WEBSOCKET_FAILS: "SIO-205", Warning, "WebSocket works as an upgrade only" {
        cause: "A session that begins with WebSocket is refused, while the upgrade of a polling \
                session works. Clients with `transports: [\"websocket\"]` or `rememberUpgrade` \
                cannot connect.",
        remedy: "Look for a rule in front of the server that wants a `sid` or a cookie.",
        settings: [],
        docs: docs!("client-options/#transports"),
    }
    UPGRADE_TIMED_OUT: "SIO-206", Error, "the upgrade takes longer than the server allows" {
        cause: "The server closed the WebSocket before the upgrade was complete, as it does after \
                `upgradeTimeout`: the round trips of the upgrade take longer. Clients are stuck \
                in long-polling.",
        remedy: "Raise `upgradeTimeout`, and find out what makes the round trip long.",
        settings: [Server => "new Server({ upgradeTimeout: 30000 })"],
        docs: docs!("server-options/#upgradetimeout"),
    }
    FRAMES_HELD: "SIO-207", Error, "frames from the server do not come through" {
        cause: "The WebSocket opens, but what the server sends later does not arrive: a gateway \
                on the way buffers it, or keeps it. Clients upgrade and then hear nothing \
                (\"ping timeout\").",
        remedy: "Let the gateway pass WebSocket frames on as they come.",
        settings: [Nginx => "proxy_buffering off;"],
        docs: STUCK,
    }
    SECOND_UPGRADE_LISTENER: "SIO-208", Error, "a second WebSocket server answers the upgrade" {
        cause: "HTTP (such as `HTTP/1.1 400 Bad Request`) came after the 101: another WebSocket \
                server listens for `upgrade` on the same HTTP server and refuses what is not \
                its own, into the open WebSocket. Clients stay in long-polling.",
        remedy: "Create the other server with `noServer: true`, and hand each upgrade to one of \
                 them by its path.",
        settings: [
            Server => "new WebSocketServer({ noServer: true }); httpServer.on(\"upgrade\", byPath)",
        ],
        docs: STUCK,
    }
    COMPRESSION_LOST: "SIO-209", Error, "frames are compressed, though nothing agreed on it" {
        cause: "Clients offer permessage-deflate, the server accepts it, and the header that says \
                so (`Sec-WebSocket-Extensions`) is lost on the way: clients get compressed frames \
                that they must refuse (\"RSV1 must be clear\"), and stay in long-polling.",
        remedy: "Let the proxy pass the header on, or switch compression off.",
        settings: [
            Server => "new Server({ perMessageDeflate: false })",
            Nginx => "proxy_pass_header Sec-WebSocket-Extensions;",
        ],
        docs: docs!("server-options/#permessagedeflate"),
    }
}
