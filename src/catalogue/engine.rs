//! Answers over HTTP and WebSocket: Engine.IO's own codes, and what is none of them.

use super::{docs, findings, troubleshooting};

const PATH: Option<&str> = troubleshooting!("the-request-path-does-not-match-on-both-sides");
const PROXY: Option<&str> =
    troubleshooting!("a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection");

findings! {
    ALL_ENGINE:

    TRANSPORT_UNKNOWN: "SIO-130", Error, "the server does not allow this transport (code 0)" {
        cause: "The server does not know or does not allow this transport.",
        remedy: "Compare `transports` of the client with the server's option.",
        settings: [
            Server => "new Server({ transports: [\"polling\", \"websocket\"] })",
            Client => "io(url, { transports: [\"websocket\"] })",
        ],
        docs: docs!("server-options/#transports"),
    }
    SESSION_ID_UNKNOWN: "SIO-131", Error, "the session is not known there (code 1)" {
        cause: "The session was not known where the request arrived: with several servers, sticky \
                sessions are missing; with one, it was restarted or had dropped the session.",
        remedy: "Make the load balancer send all requests of a session to one server.",
        settings: [
            Nginx => "upstream io { hash $remote_addr consistent; server a:3000; server b:3000; }",
            Haproxy => "cookie io prefix indirect nocache",
            Alb => "stickiness.enabled = true (target group)",
            Client => "io(url, { transports: [\"websocket\"] }) needs no stickiness",
        ],
        docs: troubleshooting!("you-didnt-enable-sticky-sessions-in-a-multi-server-setup"),
    }
    BAD_HANDSHAKE_METHOD: "SIO-132", Error, "the handshake came with another method (code 2)" {
        cause: "The handshake must be a GET request, and it arrived as another: something on the \
                way rewrote it, a redirect for instance.",
        remedy: "Use the URL that the redirect leads to, and let proxies keep the method.",
        settings: [],
        docs: troubleshooting!("troubleshooting-steps"),
    }
    BAD_REQUEST: "SIO-133", Error, "the server makes no sense of the request (code 3)" {
        cause: "The server could not make sense of the request. For long-polling: a middleware of \
                the engine failed. For a WebSocket: a proxy in front does not forward its headers \
                (Upgrade, Connection).",
        remedy: "Look at the server's `connection_error` event, which says more than the answer.",
        settings: [
            Server => "io.engine.on(\"connection_error\", (e) => console.log(e.code, e.context))",
        ],
        docs: docs!("reverse-proxy/"),
    }
    FORBIDDEN: "SIO-134", Error, "the server turned the client away (code 4)" {
        cause: "The server's `allowRequest` (or an authentication in front of it) turned the \
                client away.",
        remedy: "Check the headers, cookies, query and origin that it looks at.",
        settings: [Server => "new Server({ allowRequest: (req, callback) => callback(null, true) })"],
        docs: docs!("server-options/#allowrequest"),
    }
    UNSUPPORTED_PROTOCOL_VERSION: "SIO-135", Error, "the server does not speak this revision (code 5)" {
        cause: "Client and server speak different revisions of the protocol.",
        remedy: "Bring client and server to the same release, or let a release 3 or 4 server take \
                 release 2 clients too.",
        settings: [
            Server => "new Server({ allowEIO3: true })",
            SioLoad => "`protocol = 3` for release 2 servers",
        ],
        docs: troubleshooting!("the-client-is-not-compatible-with-the-version-of-the-server"),
    }
    ANSWERED_IN_FRONT: "SIO-136", Warning, "something in front answers in the server's place" {
        cause: "A request that the Socket.IO server answers with an error of its own was answered \
                by something in front of it. Clients then see another error than the server gave, \
                or none.",
        remedy: "Let proxy, firewall or framework pass everything below the path on unchanged.",
        settings: [
            Nginx => "location /socket.io/ { proxy_pass http://io; proxy_intercept_errors off; }",
            Haproxy => "use_backend io if { path_beg /socket.io/ }",
        ],
        docs: docs!("reverse-proxy/"),
    }
    OTHER_IMPLEMENTATION: "SIO-137", Info, "errors are written as another implementation writes them" {
        cause: "The server does not write errors as npm socket.io does. Which implementation it \
                seems to be stands beside it.",
        remedy: "Nothing is wrong. Code that looks at the body of an error must know this form.",
        settings: [],
        docs: None,
    }
    MISTAKE_ACCEPTED: "SIO-138", Info, "the server accepts a request that npm socket.io 4 refuses" {
        cause: "A request that is wrong by the protocol was answered as if it were right.",
        remedy: "Nothing to do for clients that make no such mistake; some implementations and \
                 older releases do not check.",
        settings: [],
        docs: docs!("engine-io-protocol/"),
    }
    QUERY_DROPPED: "SIO-139", Error, "the query is lost on the way" {
        cause: "The server calls both transports unknown (code 0), and something stands in front \
                of it: a CDN or proxy drops the query of requests, and the `transport` that it \
                names.",
        remedy: "Let the CDN or proxy forward the whole query.",
        settings: [
            Nginx => "proxy_pass http://io; (without a path, or with $is_args$args)",
        ],
        docs: docs!("reverse-proxy/"),
    }
    HTTP_STATUS: "SIO-140", Error, "an HTTP error that is not Engine.IO's" {
        cause: "Something answered with an HTTP error that is not Engine.IO's. 404: the path does \
                not match; 401 and 403: authentication in front; 429: rate limit; 502 to 504: the \
                proxy has no healthy server.",
        remedy: "Find out who answers (its headers and its page often say), and let it pass \
                 everything below the path on to the Socket.IO server.",
        settings: [SioLoad => "`path`"],
        docs: PATH,
    }
    NOT_SOCKETIO: "SIO-141", Error, "what answers is no Socket.IO server" {
        cause: "What answers is no Socket.IO server. An HTML page usually comes from a proxy or a \
                web application on the same host.",
        remedy: "Check URL and path, and that the proxy passes the path on to the Socket.IO server.",
        settings: [
            Nginx => "location /socket.io/ { proxy_pass http://io; }",
            SioLoad => "`target.url` and `path`",
        ],
        docs: PATH,
    }
    WEBSOCKET_REFUSED: "SIO-142", Error, "the WebSocket handshake was refused" {
        cause: "The WebSocket handshake was not answered with 101: a proxy does not pass upgrades \
                on, or the server does not allow this transport.",
        remedy: "Let every proxy on the way pass upgrades on.",
        settings: [
            Nginx => "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                      proxy_set_header Connection \"upgrade\";",
            Apache => "ProxyPass /socket.io/ http://localhost:3000/socket.io/ upgrade=websocket",
            Server => "new Server({ transports: [\"polling\", \"websocket\"] })",
        ],
        docs: PROXY,
    }
    PROBE_FAILED: "SIO-143", Error, "the WebSocket opens, but its probe is not answered" {
        cause: "The WebSocket opened but its probe was not answered: a proxy swallows frames, or \
                the WebSocket reached another server than the polling session.",
        remedy: "Let the proxy pass frames on in both directions, and make its stickiness hold for \
                 WebSocket connections too.",
        settings: [Nginx => "proxy_buffering off;"],
        docs: PROXY,
    }
    PAYLOAD_TOO_LARGE: "SIO-144", Error, "a message is larger than the server takes" {
        cause: "A message was larger than the server takes.",
        remedy: "Raise `maxHttpBufferSize` (1 MB by default) or the proxy's body limit, or send less.",
        settings: [
            Server => "new Server({ maxHttpBufferSize: 1e8 })",
            Nginx => "client_max_body_size 100m;",
        ],
        docs: docs!("server-options/#maxhttpbuffersize"),
    }
    PROTOCOL_VIOLATION: "SIO-145", Error, "a packet that the protocol does not allow" {
        cause: "The server sent a packet that the protocol does not allow at that point.",
        remedy: "Check for a proxy that alters bodies, or for an incompatible server release.",
        settings: [],
        docs: docs!("engine-io-protocol/"),
    }
    WRONG_PATH: "SIO-146", Error, "Socket.IO answers at another path" {
        cause: "The path that was asked is not the one that the server serves.",
        remedy: "Set the same `path` on both sides. It is an option of the client, not a part of \
                 the URL.",
        settings: [
            Client => "io(\"https://example.com\", { path: \"/my-path/\" })",
            Server => "new Server(httpServer, { path: \"/my-path/\" })",
        ],
        docs: PATH,
    }
    PLAIN_WEBSOCKET: "SIO-147", Error, "a plain WebSocket server, no Socket.IO server" {
        cause: "A WebSocket server answers there that does not speak Socket.IO: it accepts the \
                connection and never sends the handshake.",
        remedy: "Use the browser's own `WebSocket` for this server, or serve Socket.IO on it.",
        settings: [Client => "new WebSocket(\"wss://example.com\")"],
        docs: troubleshooting!("you-are-trying-to-reach-a-plain-websocket-server"),
    }
    TOO_LARGE: "SIO-148", Error, "the server sends more than is buffered here" {
        cause: "A response, a message or an unread backlog exceeds a limit of sio-load on what one \
                server may make it hold.",
        remedy: "Check whether the server means to send that much; docs/LIMITS.md lists the limits.",
        settings: [],
        docs: None,
    }
    REDIRECTED: "SIO-149", Error, "the server redirects to another URL" {
        cause: "The request was answered with a redirect. Browsers follow one for polling, never \
                for WebSocket; Node.js clients follow 302, 303 and 307 and fail on 301 and 308; \
                Swift and Java clients differ again. A POST that follows a 301, 302 or 303 turns \
                into a GET.",
        remedy: "Use the URL that it leads to, and answer below the path without a redirect. Where \
                 only a slash at the end differs, switch it off in the client.",
        settings: [
            Client => "io(url, { addTrailingSlash: false })",
            SioLoad => "`add_trailing_slash = false`, or `--no-trailing-slash` of the doctor",
        ],
        docs: docs!("client-options/#addtrailingslash"),
    }
}
