//! On the way: names, connections, proxies, and who listens.

use super::{docs, findings, troubleshooting};

const SERVER_IS_NOT_REACHABLE: Option<&str> = troubleshooting!("the-server-is-not-reachable");
const SOMETHING_CLOSES: Option<&str> =
    troubleshooting!("something-between-the-server-and-the-client-closes-the-connection");

findings! {
    ALL_REACH:

    NAME_NOT_FOUND: "SIO-110", Error, "the host name does not resolve" {
        cause: "The host name does not resolve.",
        remedy: "Check its spelling, and the DNS that this machine uses.",
        settings: [SioLoad => "`target.url`"],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    CONNECTION_REFUSED: "SIO-111", Error, "nothing listens on that port" {
        cause: "Nothing listens on that port: the server is down, restarting, or listens elsewhere \
                (on another port, or on the loopback address only).",
        remedy: "Start the server, and compare the port and the address that it listens on with \
                 those in the URL. In a container the port must be published.",
        settings: [Server => "httpServer.listen(3000, \"0.0.0.0\")"],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    CONNECTION_RESET: "SIO-112", Error, "the connection was cut off" {
        cause: "The connection was cut off (RST): the server died, its listen queue overflowed, or \
                a proxy on the way dropped it.",
        remedy: "Look at the server's log and its backlog at that time.",
        settings: [],
        docs: SOMETHING_CLOSES,
    }
    CONNECTION_CLOSED: "SIO-113", Error, "the connection was closed early" {
        cause: "The connection was closed before the answer was whole. At once: nothing stands \
                behind the port, or the server ended. After a while: the timeout of a proxy is \
                shorter than the heartbeat.",
        remedy: "Look at the server's log. A proxy's timeout must exceed pingInterval + \
                 pingTimeout (45 s by default).",
        settings: [
            Nginx => "proxy_read_timeout 90s;",
            Haproxy => "timeout server 90s",
        ],
        docs: SOMETHING_CLOSES,
    }
    TIMED_OUT: "SIO-114", Error, "no answer came in time" {
        cause: "No answer came in time: the server is overloaded or stuck, a firewall drops \
                packets silently, or nothing handles this path.",
        remedy: "Compare with the server's CPU use and event loop lag, and check the firewalls and \
                 security groups on the way.",
        settings: [],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    UNREACHABLE: "SIO-115", Error, "there is no route to the host" {
        cause: "There is no route to the host.",
        remedy: "Check the address, the VPN, and the routes and firewalls on the way.",
        settings: [],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    PROXY_FAILED: "SIO-116", Error, "the HTTP proxy failed the CONNECT" {
        cause: "The HTTP proxy refused or failed the CONNECT.",
        remedy: "Check its address, and whether it lets this host and port through.",
        settings: [],
        docs: troubleshooting!(
            "a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection"
        ),
    }
    ADDRESS_DEAD: "SIO-117", Warning, "some addresses of the name do not answer" {
        cause: "The name has several addresses, and at least one does not accept connections. \
                Clients that try it first connect late or not at all; browsers try IPv6 first.",
        remedy: "Let the server listen on every address that the DNS names, or take the dead \
                 record out of the DNS.",
        settings: [Server => "httpServer.listen(3000, \"::\")"],
        docs: SERVER_IS_NOT_REACHABLE,
    }
    LOOPBACK_ONE_FAMILY: "SIO-118", Info, "localhost answers on one address family only" {
        cause: "The server listens on only one of the addresses of localhost. Node.js 17 and newer \
                takes the first address that the resolver gives, which may be the other one.",
        remedy: "Use 127.0.0.1 or [::1] in the URL where a client cannot connect.",
        settings: [Server => "httpServer.listen(3000, \"::\")"],
        docs: None,
    }
    OTHER_SERVICE: "SIO-119", Error, "another service listens there" {
        cause: "What listens on that port does not speak HTTP.",
        remedy: "Check the port: the first bytes of the answer tell which service it is.",
        settings: [],
        docs: docs!("troubleshooting-connection-issues/#the-server-is-not-reachable"),
    }
}
