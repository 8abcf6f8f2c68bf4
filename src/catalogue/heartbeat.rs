//! Why connections end while they are watched.

use super::{docs, findings, troubleshooting};

const DISCONNECTED: Option<&str> = troubleshooting!("problem-the-socket-gets-disconnected");
const SOMETHING_CLOSES: Option<&str> =
    troubleshooting!("something-between-the-server-and-the-client-closes-the-connection");

findings! {
    ALL_HEARTBEAT:

    IDLE_TIMEOUT: "SIO-210", Error, "something closes connections that are silent for a while" {
        cause: "An idle connection was closed from outside before the server's next ping: the \
                timeout of a proxy or load balancer is shorter than pingInterval.",
        remedy: "Raise the timeout above pingInterval + pingTimeout (45 s by default), or lower \
                 pingInterval.",
        settings: [
            Nginx => "proxy_read_timeout 90s; proxy_send_timeout 90s;",
            Haproxy => "timeout client 90s, timeout server 90s, timeout tunnel 1h",
            Apache => "ProxyTimeout 90",
            Alb => "idle_timeout.timeout_seconds = 90",
            Server => "new Server({ pingInterval: 10000 })",
        ],
        docs: SOMETHING_CLOSES,
    }
    PINGS_MISSING: "SIO-211", Error, "the server's pings do not come" {
        cause: "No ping came within pingInterval + pingTimeout, so clients drop the connection \
                (\"ping timeout\"): the server's event loop is blocked, or something on the way \
                keeps what it sends.",
        remedy: "Look for long synchronous work in the server, and for a proxy that buffers.",
        settings: [Nginx => "proxy_buffering off;"],
        docs: DISCONNECTED,
    }
    PINGS_LATE: "SIO-212", Warning, "the server's pings come late" {
        cause: "Pings came later than pingInterval by a good part of pingTimeout: the server's \
                event loop is busy. A little more and clients drop the connection.",
        remedy: "Measure the event loop's lag, and move long synchronous work out of it.",
        settings: [Server => "perf_hooks.monitorEventLoopDelay()"],
        docs: DISCONNECTED,
    }
    CLOSED_WHILE_WATCHED: "SIO-213", Error, "a connection was closed while it was watched" {
        cause: "A connection that was in use was closed by the other side: the server or a proxy \
                restarted, limits the age of connections, or closes clients of this kind.",
        remedy: "Look at the log of server and proxy at that time.",
        settings: [],
        docs: DISCONNECTED,
    }
    PROXY_BODY_LIMIT: "SIO-214", Warning, "a proxy takes smaller messages than the server" {
        cause: "A message that the server's own limit allows was refused on the way with 413: \
                clients that keep to the server's `maxPayload` get a transport error all the same.",
        remedy: "Raise the proxy's limit to the server's.",
        settings: [
            Nginx => "client_max_body_size 1m;",
            Server => "new Server({ maxHttpBufferSize: 1e6 })",
        ],
        docs: troubleshooting!("you-are-trying-to-send-a-huge-payload"),
    }
    PAYLOAD_LIMIT: "SIO-215", Info, "the largest message that the server takes" {
        cause: "A larger message closes the connection (WebSocket) or is refused with 413 \
                (polling).",
        remedy: "Raise the limit if clients send more.",
        settings: [Server => "new Server({ maxHttpBufferSize: 1e8 })"],
        docs: docs!("server-options/#maxhttpbuffersize"),
    }
    HEARTBEAT_MISMATCH: "SIO-216", Info, "release 4 clients on WebSocket are closed after a while" {
        cause: "A release 2 server takes a WebSocket of a release 4 client, and waits for its \
                pings, which do not come: it closes the connection after pingInterval + \
                pingTimeout (30 s in many releases), again and again.",
        remedy: "Bring client and server to the same release.",
        settings: [
            Client => "npm install socket.io-client@2",
        ],
        docs: troubleshooting!("the-client-is-not-compatible-with-the-version-of-the-server"),
    }
    PING_TIMEOUT_SHORT: "SIO-217", Error, "pingTimeout is shorter than the round trip" {
        cause: "The server drops a client whose pong does not come within `pingTimeout` of its \
                ping. The round trip is longer, so it drops every client one pingTimeout after \
                each ping.",
        remedy: "Raise `pingTimeout`. Its unit is milliseconds.",
        settings: [Server => "new Server({ pingInterval: 25000, pingTimeout: 20000 })"],
        docs: docs!("server-options/#pingtimeout"),
    }
    HEARTBEAT_IMPLAUSIBLE: "SIO-218", Warning, "an implausible heartbeat" {
        cause: "`pingInterval` or `pingTimeout` is far from what servers use: seconds were \
                probably given where milliseconds are wanted, or the reverse.",
        remedy: "Set both in milliseconds; the defaults suit most servers.",
        settings: [Server => "new Server({ pingInterval: 25000, pingTimeout: 20000 })"],
        docs: docs!("server-options/#pinginterval"),
    }
}
