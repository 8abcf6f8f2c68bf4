//! Answers to the Socket.IO CONNECT.

use super::{docs, findings};

findings! {
    ALL_NAMESPACE:

    INVALID_NAMESPACE: "SIO-150", Error, "the server has no such namespace" {
        cause: "The server has no such namespace.",
        remedy: "Check the path of the URL, which names the namespace in all clients, and that the \
                 server defines it.",
        settings: [
            Server => "io.of(\"/admin\").on(\"connection\", (socket) => {})",
            SioLoad => "`namespaces`, and the path of `target.url`",
        ],
        docs: docs!("namespaces/"),
    }
    NAMESPACE_REJECTED: "SIO-151", Error, "the server's middleware refused the connection" {
        cause: "A middleware of the server refused the connection; its message is shown. Usually \
                the credentials are missing or wrong.",
        remedy: "Give what the middleware looks at, in `auth` for most servers.",
        settings: [
            Client => "io(url, { auth: { token: \"…\" } })",
            SioLoad => "`auth`, or `--auth` of the doctor",
        ],
        docs: docs!("middlewares/#handling-middleware-error"),
    }
    NAMESPACE_AS_PATH: "SIO-152", Error, "the namespace was given as the path" {
        cause: "What was given as `path` is a namespace: the server serves Socket.IO at its usual \
                path and has a namespace of that name.",
        remedy: "Put the namespace into the URL and leave `path` alone.",
        settings: [Client => "io(\"https://example.com/admin\")"],
        docs: docs!("namespaces/"),
    }
    CONNECT_UNANSWERED: "SIO-153", Error, "the CONNECT is not answered" {
        cause: "The engine is open, but the server does not answer the CONNECT to the namespace: a \
                middleware that never calls `next()`, or a server of another kind behind it.",
        remedy: "Make every middleware call `next()` on every way out, errors included.",
        settings: [Server => "io.use((socket, next) => check(socket).then(() => next(), next))"],
        docs: docs!("middlewares/"),
    }
    KICKED: "SIO-154", Error, "the server disconnects clients right after they connect" {
        cause: "The server connected the namespace and took it back within seconds: a handler of \
                `connection` calls `disconnect()`, usually because it does not accept the \
                credentials. Clients see `io server disconnect` and do not come back by \
                themselves.",
        remedy: "Give what the handler looks at, in `auth` for most servers. Refuse clients in a \
                 middleware, whose message reaches them.",
        settings: [
            Server => "io.use((socket, next) => next(new Error(\"not authorized\")))",
            Client => "io(url, { auth: { token: \"…\" } })",
            SioLoad => "`auth`, or `--auth` of the doctor",
        ],
        docs: docs!("middlewares/#handling-middleware-error"),
    }
    CONNECT_DROPPED: "SIO-155", Error, "the CONNECT ends the session" {
        cause: "The server took the CONNECT and ended the session in place of an answer: to its \
                parser the packet is garbage, as those of the default parser are to \
                `socket.io-msgpack-parser`, or something else is spoken above its Engine.IO.",
        remedy: "Give server and clients the same parser. sio-load speaks that of the default one \
                 alone.",
        settings: [
            Server => "new Server({ parser })",
            Client => "io(url, { parser })",
        ],
        docs: docs!("custom-parser/"),
    }
    PATH_AS_NAMESPACE: "SIO-156", Error, "the HTTP path was given as the namespace" {
        cause: "The path of the URL names the namespace, and this one is the HTTP path, which all \
                clients add by themselves.",
        remedy: "Leave the HTTP path out of the URL.",
        settings: [Client => "io(\"https://example.com\")"],
        docs: docs!("namespaces/"),
    }
    ONE_SESSION_PER_LOGIN: "SIO-157", Info, "a new connection ends the older one of the same login" {
        cause: "A connection was disconnected when another with the same credentials came, and \
                stayed when it was alone: the server allows one session per login.",
        remedy: "Nothing is wrong if that is meant. Load needs a login for each client.",
        settings: [SioLoad => "`auth = { token = \"user-{{client}}\" }`"],
        docs: None,
    }
    CONNECT_TIMED_OUT: "SIO-158", Error, "the session ends while the CONNECT waits for its answer" {
        cause: "The server took the CONNECT and closed the session a while later without an \
                answer, as it does after `connectTimeout`: a middleware takes longer than that.",
        remedy: "Make the middleware faster, or raise `connectTimeout` (45 s by default).",
        settings: [Server => "new Server({ connectTimeout: 45000 })"],
        docs: docs!("server-options/#connecttimeout"),
    }
    CONNECT_SLOW: "SIO-159", Warning, "the CONNECT is answered slowly" {
        cause: "The reply to the CONNECT took several seconds: a middleware of the server waits \
                for something slow.",
        remedy: "Look at what the middleware waits for.",
        settings: [Server => "io.use((socket, next) => check(socket).then(() => next(), next))"],
        docs: docs!("middlewares/"),
    }
}
