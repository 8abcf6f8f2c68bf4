//! TLS: certificates, authorities, plain text on a TLS port.

use super::{docs, findings, troubleshooting};

const SELF_SIGNED: Option<&str> = docs!("client-options/#nodejs-specific-options");
const SERVER_IS_NOT_REACHABLE: Option<&str> = troubleshooting!("the-server-is-not-reachable");

findings! {
    ALL_TLS:

    TLS_SELF_SIGNED: "SIO-120", Error, "the certificate is signed by itself" {
        cause: "The server's certificate is signed by itself, so clients have no reason to trust it.",
        remedy: "Get a certificate from an authority, or give the certificate itself to the \
                 clients as an authority. `rejectUnauthorized: false` makes the error go away and \
                 the protection with it: anyone on the way can then read and change everything, \
                 so do not ship it.",
        settings: [
            Client => "io(url, { ca: readFileSync(\"./cert.pem\") })",
            SioLoad => "`tls.ca`, or `tls.insecure = true` on a test system",
        ],
        docs: SELF_SIGNED,
    }
    TLS_UNKNOWN_CA: "SIO-121", Error, "the certificate's issuer is not trusted" {
        cause: "The certificate's issuer is not trusted on this machine, or the server does not \
                send its intermediate certificates.",
        remedy: "Let the server send its whole chain; with an authority of your own, give its \
                 certificate to the clients. `rejectUnauthorized: false` would hide the problem \
                 and the protection with it, so do not ship it.",
        settings: [
            Nginx => "ssl_certificate /etc/ssl/fullchain.pem;",
            Server => "createServer({ key, cert: readFileSync(\"fullchain.pem\") })",
            Client => "io(url, { ca: readFileSync(\"./ca.pem\") })",
            SioLoad => "`tls.ca`",
        ],
        docs: SELF_SIGNED,
    }
    TLS_WRONG_HOST: "SIO-122", Error, "the certificate is for another name" {
        cause: "The certificate is for another name than the one in the URL.",
        remedy: "Use a name that the certificate holds, or get a certificate that holds this one \
                 in its subject alternative names.",
        settings: [SioLoad => "`connect_to` reaches the right name at another address"],
        docs: None,
    }
    TLS_EXPIRED: "SIO-123", Error, "the certificate is not valid now" {
        cause: "The certificate is expired or not valid yet.",
        remedy: "Renew it and let the server load it, and check the clocks of both machines.",
        settings: [],
        docs: None,
    }
    TLS_NOT_OFFERED: "SIO-124", Error, "the port does not speak TLS" {
        cause: "The port answers, but not with TLS: https:// or wss:// was used for a plain port.",
        remedy: "Use http://, or the TLS port.",
        settings: [],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    TLS_REQUIRED: "SIO-125", Error, "the port wants TLS" {
        cause: "The port wants TLS and was spoken to in plain text.",
        remedy: "Use https:// or wss:// in the URL.",
        settings: [SioLoad => "`target.url`"],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    TLS_FAILED: "SIO-126", Error, "the TLS handshake failed" {
        cause: "The TLS handshake failed: versions, cipher suites or a required client certificate \
                do not fit. The message says what the other side objected to.",
        remedy: "Offer TLS 1.2 or 1.3 on the server, and give the clients a certificate where the \
                 server asks for one.",
        settings: [
            Nginx => "ssl_protocols TLSv1.2 TLSv1.3;",
            Client => "io(url, { cert: readFileSync(\"./client.pem\"), key: readFileSync(\"./client.key\") })",
            SioLoad => "`tls.cert` and `tls.key`",
        ],
        docs: SELF_SIGNED,
    }
    CERTIFICATE_ENDS_SOON: "SIO-127", Warning, "the certificate ends soon" {
        cause: "The certificate is valid for less than 14 more days. After that no client connects.",
        remedy: "Renew it, and see to it that renewing it makes the server load it again.",
        settings: [],
        docs: None,
    }
    VERIFICATION_OFF: "SIO-128", Warning, "the certificate is accepted by --insecure alone" {
        cause: "The certificate would be refused, and was accepted because verification is off, as \
                with `rejectUnauthorized: false`. Browsers cannot switch it off.",
        remedy: "Mend the certificate, or name its authority. Never ship \
                 `rejectUnauthorized: false`: anyone on the way can read and change everything.",
        settings: [
            Client => "io(url, { ca: readFileSync(\"./ca.pem\") })",
            SioLoad => "`tls.ca` in place of `tls.insecure`",
        ],
        docs: SELF_SIGNED,
    }
    HTTP2_ONLY: "SIO-129", Error, "the server speaks HTTP/2 alone" {
        cause: "The port speaks HTTP/2 and no HTTP/1.1. WebSocket clients and Node.js clients \
                speak HTTP/1.1 and cannot connect.",
        remedy: "Let the server speak HTTP/1.1 too.",
        settings: [Server => "http2.createSecureServer({ allowHTTP1: true, key, cert })"],
        docs: docs!("server-initialization/#with-an-http2-server"),
    }
}
