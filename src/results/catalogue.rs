//! What each cause of a failure means in plain words, and what to do about it.
//!
//! A cause and the reader's next step stand side by side here, once, for every report and command.

use crate::event::{Cause, Origin};

/// A cause, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for searching and for filters: `SIO-1` and two digits for causes of failures.
    pub code: &'static str,
    /// What it means and what to do, in one or two sentences.
    pub hint: &'static str,
    /// Where the Socket.IO documentation speaks of it.
    pub docs: Option<&'static str>,
}

macro_rules! troubleshooting {
    ($anchor:literal) => {
        Some(concat!(
            "https://socket.io/docs/v4/troubleshooting-connection-issues/#",
            $anchor
        ))
    };
}

const UNREACHABLE: Option<&str> = troubleshooting!("the-server-is-not-reachable");

const fn entry(code: &'static str, docs: Option<&'static str>, hint: &'static str) -> Finding {
    Finding { code, hint, docs }
}

/// What the scenario's own faults do to connections: neither the server nor the network is to blame.
const ON_PURPOSE: Finding = entry(
    "SIO-170",
    None,
    "A fault of the scenario cut the connection off, as it was meant to. What came of it stands \
     with that fault.",
);

/// What a failure means, given who caused it.
#[must_use]
pub const fn explain(cause: Cause, origin: Origin) -> Finding {
    let is_cut_off = matches!(cause, Cause::ConnectionReset | Cause::ConnectionClosed);
    if is_cut_off && matches!(origin, Origin::Scenario) {
        return ON_PURPOSE;
    }
    finding(cause)
}

/// What a cause means.
#[must_use]
#[expect(
    clippy::too_many_lines,
    reason = "one entry for each cause: a table, in the order of the codes"
)]
pub const fn finding(cause: Cause) -> Finding {
    match cause {
        // On the way: names, connections, proxies.
        Cause::NameNotFound => entry(
            "SIO-110",
            UNREACHABLE,
            "The host name does not resolve. Check the spelling in `target.url`, and the \
             DNS that this machine uses.",
        ),
        Cause::ConnectionRefused => entry(
            "SIO-111",
            UNREACHABLE,
            "Nothing listens on that port: the server is down, restarting, or listens \
             elsewhere. While a fault holds the server down this is what clients meet.",
        ),
        Cause::ConnectionReset => entry(
            "SIO-112",
            troubleshooting!("something-between-the-server-and-the-client-closes-the-connection"),
            "The connection was cut off (RST): the server died, its listen queue \
             overflowed, or a proxy on the way dropped it. Look at the server's log and \
             backlog at that time.",
        ),
        Cause::ConnectionClosed => entry(
            "SIO-113",
            troubleshooting!("something-between-the-server-and-the-client-closes-the-connection"),
            "The connection was closed before the answer was whole: the server ended, or a \
             proxy or its idle timeout closed it. A proxy's timeout must exceed \
             pingInterval + pingTimeout.",
        ),
        Cause::TimedOut => entry(
            "SIO-114",
            UNREACHABLE,
            "No answer came in time: the server is overloaded or stuck, or a firewall drops \
             packets silently. Compare with the server's CPU use and event loop lag.",
        ),
        Cause::Unreachable => entry(
            "SIO-115",
            UNREACHABLE,
            "There is no route to the host. Check the address, the VPN, and the routes and \
             firewalls on the way.",
        ),
        Cause::ProxyFailed => entry(
            "SIO-116",
            troubleshooting!(
                "a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection"
            ),
            "The HTTP proxy refused or failed the CONNECT. Check its address, and whether \
             it lets this host and port through.",
        ),
        // TLS: certificates, authorities, plain text on a TLS port.
        Cause::TlsSelfSigned => entry(
            "SIO-120",
            Some("https://socket.io/docs/v4/client-options/#nodejs-specific-options"),
            "The server's certificate is signed by itself. Name it in `tls.ca`, or accept \
             any certificate with `tls.insecure = true` on a test system.",
        ),
        Cause::TlsUnknownCa => entry(
            "SIO-121",
            Some("https://socket.io/docs/v4/client-options/#nodejs-specific-options"),
            "The certificate's issuer is not trusted on this machine, or the server does \
             not send its intermediate certificates. Name the authority in `tls.ca`, or \
             mend the server's chain.",
        ),
        Cause::TlsWrongHost => entry(
            "SIO-122",
            None,
            "The certificate is for another name than the one in `target.url`. Use a name \
             that the certificate holds, or `connect_to` to reach it at another address.",
        ),
        Cause::TlsExpired => entry(
            "SIO-123",
            None,
            "The certificate is expired or not valid yet. Renew it, and check the clocks of \
             both machines.",
        ),
        Cause::TlsNotOffered => entry(
            "SIO-124",
            UNREACHABLE,
            "The port answers, but not with TLS: `https://` or `wss://` was used for a \
             plain port. Use `http://`, or the TLS port.",
        ),
        Cause::TlsRequired => entry(
            "SIO-125",
            UNREACHABLE,
            "The port wants TLS and was spoken to in plain text. Use `https://` or `wss://` \
             in `target.url`.",
        ),
        Cause::TlsFailed => entry(
            "SIO-126",
            None,
            "The TLS handshake failed: versions, cipher suites or a required client \
             certificate do not fit. The message says what the other side objected to; see \
             `tls.cert` and `tls.key`.",
        ),
        // Answers of Engine.IO itself, by its codes 0 to 5.
        Cause::TransportUnknown => entry(
            "SIO-130",
            Some("https://socket.io/docs/v4/server-options/#transports"),
            "The server does not know or does not allow this transport. Compare \
             `transports` of the scenario with the server's own option.",
        ),
        Cause::SessionIdUnknown => entry(
            "SIO-131",
            troubleshooting!("you-didnt-enable-sticky-sessions-in-a-multi-server-setup"),
            "The session was not known where the request arrived: with several servers, \
             sticky sessions are missing; with one, it was restarted or had dropped the \
             session.",
        ),
        Cause::BadHandshakeMethod => entry(
            "SIO-132",
            troubleshooting!("troubleshooting-steps"),
            "The handshake must be a GET request: something on the way rewrote it, a \
             redirect for instance.",
        ),
        Cause::BadRequest => entry(
            "SIO-133",
            Some("https://socket.io/docs/v4/reverse-proxy/"),
            "The server could not make sense of the request. Usually a proxy in front of it \
             does not forward the WebSocket headers (Upgrade, Connection).",
        ),
        Cause::Forbidden => entry(
            "SIO-134",
            Some("https://socket.io/docs/v4/server-options/#allowrequest"),
            "The server's `allowRequest` turned the client away. Check the headers, \
             cookies, query and origin that it looks at.",
        ),
        Cause::UnsupportedProtocolVersion => entry(
            "SIO-135",
            troubleshooting!("the-client-is-not-compatible-with-the-version-of-the-server"),
            "Client and server speak different revisions. Set `protocol = 3` for release 2 \
             servers, or `allowEIO3` on the server.",
        ),
        // Answers over HTTP and WebSocket that are not what Engine.IO says.
        Cause::HttpStatus => entry(
            "SIO-140",
            troubleshooting!("the-request-path-does-not-match-on-both-sides"),
            "Something answered with an HTTP error that is not Engine.IO's. 404: `path` \
             does not match; 401 and 403: authentication in front; 429: rate limit; 502 to \
             504: the proxy has no healthy server.",
        ),
        Cause::NotSocketio => entry(
            "SIO-141",
            troubleshooting!("the-request-path-does-not-match-on-both-sides"),
            "What answers is no Socket.IO server: check `target.url` and `path`. An HTML \
             page usually comes from a proxy or a web application on the same host.",
        ),
        Cause::WebsocketRefused => entry(
            "SIO-142",
            troubleshooting!(
                "a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection"
            ),
            "The WebSocket handshake was not answered with 101: a proxy does not pass \
             upgrades on, or the server does not allow this transport.",
        ),
        Cause::ProbeFailed => entry(
            "SIO-143",
            troubleshooting!(
                "a-proxy-in-front-of-your-servers-does-not-accept-the-websocket-connection"
            ),
            "The WebSocket opened but its probe was not answered: a proxy swallows frames, \
             or the WebSocket reached another server than the polling session.",
        ),
        Cause::PayloadTooLarge => entry(
            "SIO-144",
            Some("https://socket.io/docs/v4/server-options/#maxhttpbuffersize"),
            "A message was larger than the server takes: raise `maxHttpBufferSize` (1 MB by \
             default) or the proxy's body limit, or send less.",
        ),
        Cause::ProtocolViolation => entry(
            "SIO-145",
            Some("https://socket.io/docs/v4/engine-io-protocol/"),
            "The server sent a packet that the protocol does not allow at that point. Check \
             for a proxy that alters bodies, or for an incompatible server release.",
        ),
        // Answers to the Socket.IO CONNECT.
        Cause::InvalidNamespace => entry(
            "SIO-150",
            Some("https://socket.io/docs/v4/namespaces/"),
            "The server has no such namespace. Check `namespaces`, and the path of \
             `target.url`, which names a namespace as in the JS client.",
        ),
        Cause::NamespaceRejected => entry(
            "SIO-151",
            Some("https://socket.io/docs/v4/middlewares/#handling-middleware-error"),
            "A middleware of the server refused the connection; its message is shown. \
             Usually `auth` is missing or wrong.",
        ),
        // Limits of the machine that generates the load.
        Cause::NoDescriptors => entry(
            "SIO-160",
            Some("https://socket.io/docs/v4/performance-tuning/#at-the-os-level"),
            "This machine has no file descriptors left for the generator: raise `ulimit -n` \
             (and fs.file-max), or run fewer clients. It says nothing about the server.",
        ),
        Cause::NoLocalPorts => entry(
            "SIO-161",
            Some("https://socket.io/docs/v4/performance-tuning/#at-the-os-level"),
            "No local port is left for this target: widen net.ipv4.ip_local_port_range, or \
             spread the clients with `source_addresses`. It says nothing about the server.",
        ),
        Cause::NoResources => entry(
            "SIO-162",
            Some("https://socket.io/docs/v4/performance-tuning/#at-the-os-level"),
            "This machine refused a connection for want of memory or permission (ENOBUFS, \
             ENOMEM, EACCES). Look at its memory, its socket buffers and its local \
             firewall.",
        ),
        Cause::OtherOs => entry(
            "SIO-163",
            None,
            "The operating system reported an error that has no name here; its number \
             stands in the message.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cause_has_a_code_of_its_own_and_a_hint_that_a_person_can_act_on() {
        let findings = Cause::ALL.iter().map(|cause| finding(*cause));
        let findings: Vec<Finding> = findings.chain([ON_PURPOSE]).collect();
        let codes: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.len(), findings.len());
        for Finding { code, hint, docs } in findings {
            assert!(code.starts_with("SIO-1") && code.len() == 7, "{code}");
            assert!(hint.len() > 40 && hint.ends_with('.'), "{hint}");
            assert!(!hint.contains("  "), "{hint}");
            assert!(docs.is_none_or(|docs| docs.starts_with("https://socket.io/docs/v4/")));
        }
    }

    #[test]
    fn what_a_fault_cut_off_is_not_blamed_on_the_server() {
        let cause = Cause::ConnectionReset;
        assert_eq!(explain(cause, Origin::Scenario), ON_PURPOSE);
        assert_eq!(explain(cause, Origin::Network), finding(cause));
        let not_a_fault = explain(Cause::TlsRequired, Origin::Scenario);
        assert_eq!(not_a_fault, finding(Cause::TlsRequired));
    }
}
