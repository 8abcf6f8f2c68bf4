//! What can be wrong between a client and a server, once for all who say so.
//!
//! Nothing comes in but a cause; a [`Finding`] goes out, with a stable code, what it means and what
//! to do. The doctor points to findings with evidence, a run points to them by its causes, and
//! docs/doctor.md lists them. Nothing here looks at a server.

mod access;
mod engine;
mod front;
mod generator;
mod heartbeat;
mod namespace;
mod passage;
mod reach;
mod recovery;
mod status;
mod steps;
mod sticky;
mod tls;
mod versions;
mod websocket;

use std::fmt;

use serde::Serialize;

use crate::event::{Cause, Origin, Stage};

pub use access::*;
pub use engine::*;
pub use front::*;
pub use generator::*;
pub use heartbeat::*;
pub use namespace::*;
pub use passage::*;
pub use reach::*;
pub use recovery::*;
pub use status::*;
pub use steps::*;
pub use sticky::*;
pub use tls::*;
pub use versions::*;
pub use websocket::*;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Some clients will meet trouble, or all will under some conditions.
    Warning,
    /// Clients cannot connect, or do not stay connected.
    Error,
}

impl Severity {
    /// The word in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a setting belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The options of the `Server` class of npm socket.io.
    Server,
    /// The options of the JS client.
    Client,
    /// A `location` of nginx.
    Nginx,
    /// A `backend` of HAProxy.
    Haproxy,
    /// A virtual host of Apache.
    Apache,
    /// An Application Load Balancer of AWS, or its target group.
    Alb,
    /// The operating system.
    System,
    /// A scenario or a flag of sio-load itself.
    SioLoad,
}

impl Place {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "Node server",
            Self::Client => "client",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Apache => "Apache",
            Self::Alb => "AWS ALB",
            Self::System => "system",
            Self::SioLoad => "sio-load",
        }
    }
}

/// A setting that mends something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Where it belongs.
    pub place: Place,
    /// As it is written there.
    pub text: &'static str,
}

/// Something that can be found, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable, for searching and for filters: `SIO-` and three digits.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is the case, as a fragment in lower case.
    pub title: &'static str,
    /// Why it comes to that, in whole sentences.
    pub cause: &'static str,
    /// What to do about it, in whole sentences.
    pub remedy: &'static str,
    /// The settings that do it.
    pub settings: &'static [Setting],
    /// Where the official documentation speaks of it.
    pub docs: Option<&'static str>,
}

impl Finding {
    /// Cause and remedy in one paragraph, with what a scenario can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let mut hint = format!("{} {}", self.cause, self.remedy);
        for setting in self.settings {
            if setting.place == Place::SioLoad {
                hint.push_str(" In a scenario: ");
                hint.push_str(setting.text);
                hint.push('.');
            }
        }
        hint
    }
}

/// Every finding, in the order of the codes.
pub fn all() -> impl Iterator<Item = &'static Finding> {
    [
        ALL_FRONT,
        ALL_REACH,
        ALL_TLS,
        ALL_ENGINE,
        ALL_NAMESPACE,
        ALL_GENERATOR,
        ALL_VERSIONS,
        ALL_ACCESS,
        ALL_STICKY,
        ALL_PASSAGE,
        ALL_WEBSOCKET,
        ALL_HEARTBEAT,
        ALL_RECOVERY,
        ALL_STEPS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The finding that a failure points to, given who caused it: what the scenario's own faults do
/// to connections is neither the server's doing nor the network's.
#[must_use]
pub const fn explain(cause: Cause, origin: Origin) -> &'static Finding {
    let is_cut_off = matches!(
        cause,
        Cause::ConnectionReset | Cause::ConnectionClosed | Cause::ProbeFailed
    );
    if is_cut_off && matches!(origin, Origin::Scenario) {
        return &CUT_ON_PURPOSE;
    }
    of(cause)
}

/// As [`explain`], given where it happened: a status means something else from an application than
/// from an Engine.IO endpoint.
#[must_use]
pub const fn explain_at(stage: Stage, cause: Cause, origin: Origin) -> &'static Finding {
    match (stage, cause) {
        (Stage::Step, Cause::HttpStatus) => &STEP_REFUSED,
        _ => explain(cause, origin),
    }
}

/// The finding that a cause of failures points to.
#[must_use]
pub const fn of(cause: Cause) -> &'static Finding {
    match cause {
        Cause::NameNotFound => &NAME_NOT_FOUND,
        Cause::ConnectionRefused => &CONNECTION_REFUSED,
        Cause::ConnectionReset => &CONNECTION_RESET,
        Cause::ConnectionClosed => &CONNECTION_CLOSED,
        Cause::TimedOut => &TIMED_OUT,
        Cause::Unreachable => &UNREACHABLE,
        Cause::ProxyFailed => &PROXY_FAILED,
        Cause::TlsSelfSigned => &TLS_SELF_SIGNED,
        Cause::TlsUnknownCa => &TLS_UNKNOWN_CA,
        Cause::TlsWrongHost => &TLS_WRONG_HOST,
        Cause::TlsExpired => &TLS_EXPIRED,
        Cause::TlsNotOffered => &TLS_NOT_OFFERED,
        Cause::TlsRequired => &TLS_REQUIRED,
        Cause::TlsFailed => &TLS_FAILED,
        Cause::TransportUnknown => &TRANSPORT_UNKNOWN,
        Cause::SessionIdUnknown => &SESSION_ID_UNKNOWN,
        Cause::BadHandshakeMethod => &BAD_HANDSHAKE_METHOD,
        Cause::BadRequest => &BAD_REQUEST,
        Cause::Forbidden => &FORBIDDEN,
        Cause::UnsupportedProtocolVersion => &UNSUPPORTED_PROTOCOL_VERSION,
        Cause::HttpStatus => &HTTP_STATUS,
        Cause::NotSocketio => &NOT_SOCKETIO,
        Cause::WebsocketRefused => &WEBSOCKET_REFUSED,
        Cause::ProbeFailed => &PROBE_FAILED,
        Cause::PayloadTooLarge => &PAYLOAD_TOO_LARGE,
        Cause::TooLarge => &TOO_LARGE,
        Cause::ProtocolViolation => &PROTOCOL_VIOLATION,
        Cause::InvalidNamespace => &INVALID_NAMESPACE,
        Cause::NamespaceRejected => &NAMESPACE_REJECTED,
        Cause::StepTimedOut => &STEP_TIMED_OUT,
        Cause::StepUnexpected => &STEP_UNEXPECTED,
        Cause::Disconnected => &STEP_DISCONNECTED,
        Cause::NoDescriptors => &NO_DESCRIPTORS,
        Cause::NoLocalPorts => &NO_LOCAL_PORTS,
        Cause::NoResources => &NO_RESOURCES,
        Cause::OtherOs => &OTHER_OS,
    }
}

/// A page of the official documentation.
macro_rules! docs {
    ($path:literal) => {
        Some(concat!("https://socket.io/docs/v4/", $path))
    };
}

/// A section of the official page about connection issues.
macro_rules! troubleshooting {
    ($anchor:literal) => {
        Some(concat!(
            "https://socket.io/docs/v4/troubleshooting-connection-issues/#",
            $anchor
        ))
    };
}

/// The findings of one file, and their list.
macro_rules! findings {
    ($list:ident: $($name:ident: $code:literal, $severity:ident, $title:literal {
        cause: $cause:expr,
        remedy: $remedy:expr,
        settings: [$($place:ident => $text:expr),* $(,)?],
        docs: $docs:expr,
    })*) => {
        $(
            #[doc = concat!("`", $code, "`: ", $title, ".")]
            pub static $name: $crate::catalogue::Finding = $crate::catalogue::Finding {
                code: $code,
                severity: $crate::catalogue::Severity::$severity,
                title: $title,
                cause: $cause,
                remedy: $remedy,
                settings: &[$($crate::catalogue::Setting {
                    place: $crate::catalogue::Place::$place,
                    text: $text,
                }),*],
                docs: $docs,
            };
        )*

        /// The findings of this file, in the order of the codes.
        pub(super) static $list: &[&$crate::catalogue::Finding] = &[$(&$name),*];
    };
}

use {docs, findings, troubleshooting};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_finding_has_a_code_of_its_own_and_codes_rise() {
        let codes: Vec<&str> = all().map(|finding| finding.code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
        let unique: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(unique.len(), codes.len());
        for code in codes {
            let number = code.strip_prefix("SIO-").unwrap();
            assert!((100..1000).contains(&number.parse::<u16>().unwrap()));
        }
    }

    #[test]
    fn every_cause_points_to_a_finding_of_its_own_that_is_listed() {
        let codes: BTreeSet<&str> = Cause::ALL.iter().map(|cause| of(*cause).code).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        assert!(codes.iter().all(|code| all().any(|one| one.code == *code)));
    }

    #[test]
    fn what_a_fault_cut_off_is_not_blamed_on_the_server() {
        for cause in [Cause::ConnectionReset, Cause::ProbeFailed] {
            assert_eq!(explain(cause, Origin::Scenario), &CUT_ON_PURPOSE);
            assert_eq!(explain(cause, Origin::Network), of(cause));
        }
        let not_a_fault = explain(Cause::TlsRequired, Origin::Scenario);
        assert_eq!(not_a_fault, of(Cause::TlsRequired));
    }

    #[test]
    fn a_person_can_act_on_every_finding() {
        for finding in all() {
            for text in [finding.cause, finding.remedy] {
                assert!(text.len() > 20 && text.ends_with('.'), "{text}");
                assert!(!text.contains("  "), "{text}");
            }
            assert!(!finding.title.ends_with('.'), "{}", finding.title);
            assert!(!finding.hint().contains(".."), "{}", finding.hint());
            assert!(
                finding
                    .docs
                    .is_none_or(|docs| docs.starts_with("https://socket.io/docs/v4/"))
            );
        }
    }
}
