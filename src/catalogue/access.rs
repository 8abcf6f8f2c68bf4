//! CORS: what a browser lets a page of another origin read.

use super::{docs, findings, troubleshooting};

const CORS: Option<&str> = troubleshooting!("the-server-did-not-send-the-necessary-cors-headers");

findings! {
    ALL_ACCESS:

    CORS_MISSING: "SIO-180", Error, "the server sends no CORS headers" {
        cause: "The answer carries no Access-Control-Allow-Origin, so the browser keeps it from a \
                page of another origin. Since release 3 the server sends none unless told to.",
        remedy: "Name the origin in the server's `cors` option.",
        settings: [Server => "new Server({ cors: { origin: \"https://app.example.com\" } })"],
        docs: CORS,
    }
    CORS_OTHER_ORIGIN: "SIO-181", Error, "the server allows another origin" {
        cause: "Access-Control-Allow-Origin names another origin than the page's, so the browser \
                keeps the answer from it. Scheme, host and port must all match, without a slash \
                at the end.",
        remedy: "Add the origin to the server's `cors` option.",
        settings: [Server => "new Server({ cors: { origin: [\"https://app.example.com\"] } })"],
        docs: CORS,
    }
    CORS_WILDCARD_CREDENTIALS: "SIO-182", Warning, "credentials are allowed to any origin, which browsers refuse" {
        cause: "The server allows any origin by `*` and credentials too. With `withCredentials: \
                true`, which cookies for sticky sessions need, browsers refuse `*` and want the \
                origin by its name.",
        remedy: "Name the origins, and allow credentials, if clients use `withCredentials`.",
        settings: [
            Server => "new Server({ cors: { origin: \"https://app.example.com\", credentials: true } })",
        ],
        docs: docs!("handling-cors/#credential-is-not-supported-if-the-cors-header-access-control-allow-origin-is-"),
    }
    CORS_PREFLIGHT_FAILS: "SIO-183", Warning, "the preflight is not answered" {
        cause: "Browsers ask with OPTIONS before they send headers of their own \
                (`extraHeaders`), and the answer does not allow it. Clients without extra headers \
                are not affected.",
        remedy: "Let OPTIONS requests reach the server, and name the headers in `allowedHeaders`.",
        settings: [
            Server => "new Server({ cors: { origin, allowedHeaders: [\"my-header\"] } })",
        ],
        docs: CORS,
    }
    CORS_TWICE: "SIO-184", Error, "CORS headers are sent twice" {
        cause: "Access-Control-Allow-Origin stands in the answer more than once, which browsers \
                refuse: both the server and a proxy or framework in front of it add it.",
        remedy: "Let one of them add it, best the server by its `cors` option.",
        settings: [Nginx => "proxy_hide_header Access-Control-Allow-Origin;"],
        docs: docs!("handling-cors/"),
    }
    CORS_ORIGIN_REFUSED: "SIO-185", Error, "the server refuses requests of this origin" {
        cause: "The same request is answered without an Origin header and refused with this one: \
                the server, or a proxy, checks it.",
        remedy: "Add the origin to what the server allows (`cors_allowed_origins` in python, \
                 `allowRequest` in Node).",
        settings: [],
        docs: CORS,
    }
    CORS_SAME_ORIGIN: "SIO-186", Info, "pages of other origins cannot connect" {
        cause: "The server allows no other origin. Pages that it serves itself, and clients that \
                are no browsers, are not affected.",
        remedy: "Nothing is wrong if pages come from the same origin. Give --origin to have yours \
                 checked.",
        settings: [Server => "new Server({ cors: { origin: \"https://app.example.com\" } })"],
        docs: docs!("handling-cors/"),
    }
    CORS_ANY_WITH_CREDENTIALS: "SIO-187", Info, "any origin is allowed, with credentials" {
        cause: "The server allows whatever origin asks, with credentials: any page that a user \
                visits can connect as that user, if cookies are what identifies users.",
        remedy: "Name the origins, unless cookies mean nothing to the server.",
        settings: [Server => "new Server({ cors: { origin: \"https://app.example.com\" } })"],
        docs: docs!("handling-cors/"),
    }
    CORS_WILDCARD: "SIO-188", Info, "any origin is allowed, without credentials" {
        cause: "The server allows any origin by `*`. Pages cannot use `withCredentials: true`, \
                which cookies for sticky sessions need.",
        remedy: "Nothing is wrong unless clients use `withCredentials`; then name the origins and \
                 allow credentials.",
        settings: [
            Server => "new Server({ cors: { origin: \"https://app.example.com\", credentials: true } })",
        ],
        docs: docs!("handling-cors/"),
    }
    MIXED_CONTENT: "SIO-189", Error, "a page at https cannot reach a server at http" {
        cause: "Browsers block requests from a page at https:// to http:// or ws:// (mixed \
                content), before anything is sent.",
        remedy: "Serve Socket.IO over TLS, on the page's own host for instance.",
        settings: [Client => "io(\"https://example.com\")"],
        docs: docs!("handling-cors/"),
    }
}
