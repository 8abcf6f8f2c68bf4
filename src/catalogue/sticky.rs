//! Several servers behind one address.

use super::{docs, findings, troubleshooting};

findings! {
    ALL_STICKY:

    NOT_STICKY: "SIO-190", Error, "several servers without sticky sessions" {
        cause: "Requests of one session reach different servers, and all but one of them do not \
                know it. Long-polling cannot work like this: clients connect by luck and are \
                thrown out again at once.",
        remedy: "Make the load balancer send all requests of a session to one server, or let \
                 clients use WebSocket alone.",
        settings: [
            Nginx => "upstream io { hash $remote_addr consistent; server a:3000; server b:3000; }",
            Haproxy => "cookie io prefix indirect nocache",
            Alb => "stickiness.enabled = true (target group)",
            Client => "io(url, { transports: [\"websocket\"] })",
        ],
        docs: troubleshooting!("you-didnt-enable-sticky-sessions-in-a-multi-server-setup"),
    }
    STICKY_BY_COOKIE: "SIO-191", Info, "sticky sessions by cookie" {
        cause: "A cookie keeps a session on its server. Clients that send none lose their sessions: \
                Node.js clients, and browsers across origins.",
        remedy: "Use `withCredentials: true` in Node.js clients and across origins, and allow \
                 credentials in the server's `cors`.",
        settings: [
            Client => "io(url, { withCredentials: true })",
            SioLoad => "`with_credentials = true`",
        ],
        docs: docs!("using-multiple-nodes/#enabling-sticky-session"),
    }
    STICKY_BY_ADDRESS: "SIO-192", Info, "sticky sessions by source address" {
        cause: "The client's address decides which server it gets. All clients behind one NAT or \
                proxy share one server, and a phone that changes networks loses its session.",
        remedy: "Nothing is wrong. Load from one machine reaches one server only: spread it over \
                 source addresses, and see that the balancer sees the clients' own addresses.",
        settings: [SioLoad => "`source_addresses`"],
        docs: docs!("using-multiple-nodes/#enabling-sticky-session"),
    }
    WEBSOCKET_NOT_STICKY: "SIO-193", Error, "WebSocket connections reach another server" {
        cause: "Polling keeps to one server, but the WebSocket of the same session reaches another, \
                which does not know it. The upgrade fails and clients stay in long-polling.",
        remedy: "Make the same stickiness hold for upgrades: one upstream, one rule for both.",
        settings: [
            Nginx => "one `location /socket.io/` with one sticky `upstream` for both transports",
        ],
        docs: docs!("using-multiple-nodes/#enabling-sticky-session"),
    }
}
