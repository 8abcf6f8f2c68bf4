//! Requests that something in between treats by its own rules: caches, methods, pages.

use super::{docs, findings, troubleshooting};

const PROXY: Option<&str> =
    troubleshooting!("a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection");

findings! {
    ALL_PASSAGE:

    CACHED_HANDSHAKE: "SIO-194", Error, "a cache answers handshakes" {
        cause: "Two handshakes got the same session id: a cache or CDN answers in the server's \
                place and leaves the query out of its key. Every client gets the session of \
                another.",
        remedy: "Keep the cache away from everything below the path, or put the whole query into \
                 its key.",
        settings: [
            Nginx => "location /socket.io/ { proxy_cache off; proxy_pass http://io; }",
        ],
        docs: docs!("reverse-proxy/"),
    }
    POST_REFUSED: "SIO-195", Error, "GET passes, POST is refused on the way" {
        cause: "The handshake (GET) is answered by Socket.IO, but a POST of the same session is \
                refused by something in front of it. Long-polling clients send every packet by \
                POST, the CONNECT included, so none of them connects.",
        remedy: "Allow POST below the path, or let clients use WebSocket alone.",
        settings: [
            Nginx => "location /socket.io/ { proxy_pass http://io; } (without limit_except)",
            Client => "io(url, { transports: [\"websocket\"] })",
        ],
        docs: docs!("reverse-proxy/"),
    }
    WEBSOCKET_PAGE: "SIO-196", Error, "the WebSocket handshake gets a web page" {
        cause: "Polling reaches Socket.IO, but the WebSocket handshake at the same path is \
                answered with 200 and a page: the rule that leads to Socket.IO does not match \
                upgrades, so the web application answers them. Clients stay in long-polling.",
        remedy: "Match the path alone, for both transports, in the rule that leads to Socket.IO.",
        settings: [
            Nginx => "location /socket.io/ { proxy_pass http://io; proxy_http_version 1.1; \
                      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \
                      \"upgrade\"; }",
        ],
        docs: PROXY,
    }
    RATE_LIMITED: "SIO-197", Warning, "this address is rate limited" {
        cause: "Requests that were answered before are refused with 429 or 503: a rate limit \
                counts them. One client needs four to five requests to connect, and many clients \
                share one address behind a NAT or proxy.",
        remedy: "Raise the limit below the path, or count per session or user. The doctor went on \
                 more slowly; checks that the limit met again were skipped.",
        settings: [
            Nginx => "limit_req zone=io burst=50 nodelay;",
        ],
        docs: None,
    }
}
