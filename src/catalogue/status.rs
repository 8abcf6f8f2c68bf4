//! Findings in the words that fit what was seen: by the status of an HTTP error that is not
//! Engine.IO's, by the time and bytes that a connection had. They have the codes of their causes.

use super::{Finding, HTTP_STATUS, docs, findings, troubleshooting};

const PATH: Option<&str> = troubleshooting!("the-request-path-does-not-match-on-both-sides");
const PROXY: Option<&str> = docs!("reverse-proxy/");
const SERVER_IS_NOT_REACHABLE: Option<&str> = troubleshooting!("the-server-is-not-reachable");

findings! {
    ALL_STATUS:

    RESET_AT_ONCE: "SIO-112", Error, "connections are accepted and cut off at once" {
        cause: "Something accepts the connection and cuts it off at once, without \
                writing: nothing stands behind the port. A container's server may listen on its \
                own loopback address only, a forwarded port may lead nowhere, or the server may \
                expect a PROXY protocol header that does not come.",
        remedy: "Let the server listen on 0.0.0.0 inside its container, check the forwarded port, \
                 and use the PROXY protocol on both sides or on neither.",
        settings: [
            Server => "httpServer.listen(3000, \"0.0.0.0\")",
            Nginx => "listen 80; (without proxy_protocol, unless the balancer sends it)",
        ],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    CLOSED_AT_ONCE: "SIO-113", Error, "connections are accepted and closed at once" {
        cause: "Something accepts the connection and closes it at once, without reading or \
                writing: nothing stands behind the port. A container's server may listen on its \
                own loopback address only, a forwarded port may lead nowhere, or the server may \
                expect a PROXY protocol header that does not come.",
        remedy: "Let the server listen on 0.0.0.0 inside its container, check the forwarded port, \
                 and use the PROXY protocol on both sides or on neither.",
        settings: [
            Server => "httpServer.listen(3000, \"0.0.0.0\")",
            Nginx => "listen 80; (without proxy_protocol, unless the balancer sends it)",
        ],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    REQUEST_NOT_READ: "SIO-133", Error, "the request is refused before Socket.IO reads it" {
        cause: "An empty 400 comes from the HTTP parser, not from Engine.IO: something stands \
                before the request line, usually a PROXY protocol header that the server does \
                not expect, or something on the way breaks the request.",
        remedy: "Use the PROXY protocol on both sides or on neither.",
        settings: [
            Haproxy => "server a 127.0.0.1:3000 (without send-proxy)",
            Nginx => "listen 80 proxy_protocol; (where the balancer sends it)",
        ],
        docs: docs!("reverse-proxy/"),
    }

    STATUS_401: "SIO-140", Error, "something in front asks for HTTP authentication (401)" {
        cause: "A proxy asks for a user and a password, or for a token. Clients drop `user:pass@` \
                from the URL; they send credentials only in headers of their own.",
        remedy: "Send the header that it wants, or let the path pass without authentication.",
        settings: [
            Client => "io(url, { extraHeaders: { Authorization: \"Basic …\" } })",
            Nginx => "location /socket.io/ { auth_basic off; proxy_pass http://io; }",
            SioLoad => "`headers`, or `-H \"Authorization: Basic …\"` of the doctor",
        ],
        docs: docs!("client-options/#extraheaders"),
    }
    STATUS_403: "SIO-140", Error, "something in front forbids the request (403)" {
        cause: "The answer is not Socket.IO's own: a firewall, an access list or another service \
                refuses the request.",
        remedy: "Let everything below the path through to the Socket.IO server.",
        settings: [Nginx => "location /socket.io/ { allow all; proxy_pass http://io; }"],
        docs: PROXY,
    }
    STATUS_404: "SIO-140", Error, "nothing serves this path (404)" {
        cause: "Another service or a proxy answers, and knows no such path: the path differs from \
                the server's, or the proxy does not lead it to Socket.IO.",
        remedy: "Set the same `path` on both sides, and lead it to the Socket.IO server.",
        settings: [
            Client => "io(\"https://example.com\", { path: \"/my-path/\" })",
            Nginx => "location /socket.io/ { proxy_pass http://io; }",
            SioLoad => "`path`",
        ],
        docs: PATH,
    }
    STATUS_405: "SIO-140", Error, "the method is not allowed there (405)" {
        cause: "Something in front of Socket.IO allows only some methods at this path; \
                long-polling needs GET and POST.",
        remedy: "Allow GET, POST and OPTIONS below the path.",
        settings: [Nginx => "location /socket.io/ { proxy_pass http://io; }"],
        docs: PROXY,
    }
    STATUS_413: "SIO-140", Error, "the request is larger than something allows (413)" {
        cause: "A proxy's limit for bodies is smaller than the request.",
        remedy: "Raise the limit to the server's `maxHttpBufferSize`.",
        settings: [Nginx => "client_max_body_size 1m;"],
        docs: troubleshooting!("you-are-trying-to-send-a-huge-payload"),
    }
    STATUS_414: "SIO-140", Error, "the URL is too long (414)" {
        cause: "The query is longer than something on the way allows.",
        remedy: "Send tokens in `auth`, not in the query.",
        settings: [
            Client => "io(url, { auth: { token: \"…\" } })",
            Nginx => "large_client_header_buffers 4 16k;",
        ],
        docs: docs!("client-options/#auth"),
    }
    STATUS_426: "SIO-140", Error, "the server wants a WebSocket here (426)" {
        cause: "A plain WebSocket server answers a long-polling request.",
        remedy: "Use the browser's own `WebSocket` for this server, or serve Socket.IO on it.",
        settings: [Client => "new WebSocket(\"wss://example.com\")"],
        docs: troubleshooting!("you-are-trying-to-reach-a-plain-websocket-server"),
    }
    STATUS_429: "SIO-140", Error, "this address is rate limited (429)" {
        cause: "Something counts requests and refuses this address for now.",
        remedy: "Wait and try again, or raise the limit below the path: one client needs four to \
                 five requests to connect.",
        settings: [Nginx => "limit_req zone=io burst=50 nodelay;"],
        docs: None,
    }
    STATUS_431: "SIO-140", Error, "the headers are too large (431)" {
        cause: "Cookies or other headers are larger than the server takes.",
        remedy: "Send less in cookies, or raise the limit.",
        settings: [Server => "node --max-http-header-size=32768 server.js"],
        docs: None,
    }
    STATUS_500: "SIO-140", Error, "the server or something in front failed (500)" {
        cause: "An error in the server or in something before it; the answer is not Engine.IO's.",
        remedy: "Look at its log at that time.",
        settings: [],
        docs: None,
    }
    STATUS_502: "SIO-140", Error, "the proxy has no healthy server (502, 503, 504)" {
        cause: "A proxy answers and gets no answer from the Socket.IO server: it is down, \
                restarting, overloaded, or at another address than the proxy thinks.",
        remedy: "Start the server, and compare its address with the proxy's upstream.",
        settings: [Nginx => "upstream io { server 127.0.0.1:3000; }"],
        docs: PROXY,
    }
    STATUS_525: "SIO-140", Error, "Cloudflare cannot speak TLS to the server (525, 526)" {
        cause: "Cloudflare reaches the server and the TLS handshake between them fails.",
        remedy: "Give the server a certificate that fits the encryption mode of the zone.",
        settings: [],
        docs: None,
    }
    STATUS_530: "SIO-140", Error, "Cloudflare cannot reach the server (520 to 530)" {
        cause: "Cloudflare answers and cannot reach the server, or cannot resolve its name.",
        remedy: "Check the address of the server in the zone, its firewall, and the tunnel.",
        settings: [],
        docs: None,
    }
}

/// The finding of an HTTP error that is not Engine.IO's, in the words that fit its status.
#[must_use]
pub fn of_status(status: u16) -> &'static Finding {
    match status {
        301..=308 => &super::REDIRECTED,
        401 | 407 => &STATUS_401,
        403 => &STATUS_403,
        404 | 410 => &STATUS_404,
        405 => &STATUS_405,
        413 => &STATUS_413,
        414 => &STATUS_414,
        426 => &STATUS_426,
        429 => &STATUS_429,
        431 => &STATUS_431,
        500 => &STATUS_500,
        502..=504 => &STATUS_502,
        525 | 526 => &STATUS_525,
        520..=524 | 527..=530 => &STATUS_530,
        _ => &HTTP_STATUS,
    }
}

/// The findings that stand for `SIO-140` where the status is known.
pub fn statuses() -> impl Iterator<Item = &'static Finding> {
    ALL_STATUS.iter().copied()
}
