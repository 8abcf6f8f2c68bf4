use std::fmt;

use serde::{Deserialize, Serialize};

use super::StrikeId;
use super::label::LabelId;
use crate::printable::printable;

/// Where in a client's life something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Name resolution.
    Dns,
    /// The TCP connection.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The Engine.IO handshake.
    Open,
    /// The WebSocket probe of an established polling session.
    Upgrade,
    /// The Socket.IO CONNECT.
    Namespace,
    /// After the connect.
    Session,
    /// A step of the scenario.
    Step,
}

/// Who has to look into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// This machine: its limits, not the target's.
    Generator,
    /// Something between here and the server.
    Network,
    /// The server, or what answers in its place.
    Server,
    /// What the scenario asks for.
    Scenario,
}

/// Names of a closed set: the identifier in code and the word in every output.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal,)* }) => {
        impl $name {
            /// All of them, in a fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in every output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words!(Stage {
    Dns => "dns",
    Tcp => "tcp",
    Tls => "tls",
    Open => "open",
    Upgrade => "upgrade",
    Namespace => "namespace",
    Session => "session",
    Step => "step",
});

words!(Origin {
    Generator => "generator",
    Network => "network",
    Server => "server",
    Scenario => "scenario",
});

/// Why something failed, from what really happened: errno, HTTP status, body code, TLS alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The name does not resolve.
    NameNotFound,
    /// Nothing listens there (ECONNREFUSED).
    ConnectionRefused,
    /// RST, or a broken pipe.
    ConnectionReset,
    /// FIN before the answer was whole, or a WebSocket dropped before the open packet.
    ConnectionClosed,
    /// No answer in time.
    TimedOut,
    /// No route to the host or network (EHOSTUNREACH, ENETUNREACH).
    Unreachable,
    /// The certificate is signed by itself.
    TlsSelfSigned,
    /// The certificate's issuer is not trusted here.
    TlsUnknownCa,
    /// The certificate is for another name.
    TlsWrongHost,
    /// The certificate is not valid at this time.
    TlsExpired,
    /// The port answers, but not with TLS.
    TlsNotOffered,
    /// The port wants TLS and was spoken to without.
    TlsRequired,
    /// Any other TLS failure.
    TlsFailed,
    /// Engine.IO code 0.
    TransportUnknown,
    /// Engine.IO code 1.
    SessionIdUnknown,
    /// Engine.IO code 2.
    BadHandshakeMethod,
    /// Engine.IO code 3.
    BadRequest,
    /// Engine.IO code 4.
    Forbidden,
    /// Engine.IO code 5.
    UnsupportedProtocolVersion,
    /// Any other HTTP status; the number stands beside it.
    HttpStatus,
    /// HTML, an empty answer, or one that cannot be decoded.
    NotSocketio,
    /// The answer to the WebSocket handshake was not 101.
    WebsocketRefused,
    /// The WebSocket opened, but the probe was not answered as it must be.
    ProbeFailed,
    /// The server has no such namespace.
    InvalidNamespace,
    /// The server's middleware refused the namespace.
    NamespaceRejected,
    /// HTTP 413 or WebSocket close 1009.
    PayloadTooLarge,
    /// What the server sends exceeds a limit on what is buffered here (docs/LIMITS.md).
    TooLarge,
    /// The proxy refused or failed the CONNECT.
    ProxyFailed,
    /// A packet of the server breaks the protocol.
    ProtocolViolation,
    /// A step did not get what it waits for in time.
    StepTimedOut,
    /// A step got an answer other than the one that it expects.
    StepUnexpected,
    /// The connection was lost in the middle of a step.
    Disconnected,
    /// This process has no file descriptors left (EMFILE, ENFILE).
    NoDescriptors,
    /// No local port is left for this address pair (EADDRNOTAVAIL).
    NoLocalPorts,
    /// This machine refuses for another reason (ENOBUFS, ENOMEM, EACCES).
    NoResources,
    /// Any other operating system error; its number stands in the message.
    OtherOs,
}

words!(Cause {
    NameNotFound => "name_not_found",
    ConnectionRefused => "connection_refused",
    ConnectionReset => "connection_reset",
    ConnectionClosed => "connection_closed",
    TimedOut => "timed_out",
    Unreachable => "unreachable",
    TlsSelfSigned => "tls_self_signed",
    TlsUnknownCa => "tls_unknown_ca",
    TlsWrongHost => "tls_wrong_host",
    TlsExpired => "tls_expired",
    TlsNotOffered => "tls_not_offered",
    TlsRequired => "tls_required",
    TlsFailed => "tls_failed",
    TransportUnknown => "transport_unknown",
    SessionIdUnknown => "session_id_unknown",
    BadHandshakeMethod => "bad_handshake_method",
    BadRequest => "bad_request",
    Forbidden => "forbidden",
    UnsupportedProtocolVersion => "unsupported_protocol_version",
    HttpStatus => "http_status",
    NotSocketio => "not_socketio",
    WebsocketRefused => "websocket_refused",
    ProbeFailed => "probe_failed",
    InvalidNamespace => "invalid_namespace",
    NamespaceRejected => "namespace_rejected",
    PayloadTooLarge => "payload_too_large",
    TooLarge => "too_large",
    ProxyFailed => "proxy_failed",
    ProtocolViolation => "protocol_violation",
    StepTimedOut => "step_timed_out",
    StepUnexpected => "step_unexpected",
    Disconnected => "disconnected",
    NoDescriptors => "no_descriptors",
    NoLocalPorts => "no_local_ports",
    NoResources => "no_resources",
    OtherOs => "other_os",
});

impl Cause {
    /// Whether a fault on the network path or at a server can be behind it. An answer that a server
    /// gives on purpose, a certificate, or a limit of this machine has a reason of its own.
    #[must_use]
    pub fn can_be_a_faults_doing(self) -> bool {
        match self {
            Self::ConnectionRefused
            | Self::ConnectionReset
            | Self::ConnectionClosed
            | Self::TimedOut
            | Self::Unreachable
            | Self::TlsFailed
            | Self::SessionIdUnknown
            | Self::HttpStatus
            | Self::NotSocketio
            | Self::WebsocketRefused
            | Self::ProbeFailed
            | Self::Disconnected
            | Self::StepTimedOut
            | Self::ProxyFailed => true,
            Self::NameNotFound
            | Self::TlsSelfSigned
            | Self::TlsUnknownCa
            | Self::TlsWrongHost
            | Self::TlsExpired
            | Self::TlsNotOffered
            | Self::TlsRequired
            | Self::TransportUnknown
            | Self::BadHandshakeMethod
            | Self::BadRequest
            | Self::Forbidden
            | Self::UnsupportedProtocolVersion
            | Self::InvalidNamespace
            | Self::NamespaceRejected
            | Self::PayloadTooLarge
            | Self::ProtocolViolation
            | Self::NoDescriptors
            | Self::NoLocalPorts
            | Self::NoResources
            | Self::OtherOs
            | Self::StepUnexpected
            | Self::TooLarge => false,
        }
    }

    /// The cause that an Engine.IO error code names, codes 0 to 5.
    #[must_use]
    pub fn from_engine_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::TransportUnknown,
            1 => Self::SessionIdUnknown,
            2 => Self::BadHandshakeMethod,
            3 => Self::BadRequest,
            4 => Self::Forbidden,
            5 => Self::UnsupportedProtocolVersion,
            _ => return None,
        })
    }
}

/// One failure: where, why and who, with the facts behind it.
///
/// Failures are counted by everything but `message`; a message is kept as an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub origin: Origin,
    /// The HTTP status, or the WebSocket close code, where one was seen.
    pub status: Option<u16>,
    /// The Engine.IO error code, where one was seen.
    pub code: Option<i64>,
    /// The step that failed, at stage [`Stage::Step`].
    pub step: Option<LabelId>,
    /// What the server or the operating system said, trimmed to 200 characters.
    pub message: Option<Box<str>>,
    /// The application of a fault that explains it; nothing for most failures.
    pub fault: Option<StrikeId>,
}

impl Failure {
    /// The most that is kept of a message, in characters.
    pub const MESSAGE_LIMIT: usize = 200;

    /// A failure without further facts.
    #[must_use]
    pub fn new(stage: Stage, cause: Cause, origin: Origin) -> Self {
        Self {
            stage,
            cause,
            origin,
            status: None,
            code: None,
            step: None,
            message: None,
            fault: None,
        }
    }

    /// With what was said, made printable and trimmed; an empty message is none.
    #[must_use]
    pub fn with_message(mut self, message: &str) -> Self {
        let message = printable(message);
        let kept: String = message.trim().chars().take(Self::MESSAGE_LIMIT).collect();
        self.message = (!kept.is_empty()).then(|| kept.into_boxed_str());
        self
    }

    /// With the HTTP status or WebSocket close code.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the Engine.IO error code.
    #[must_use]
    pub fn with_code(mut self, code: i64) -> Self {
        self.code = Some(code);
        self
    }

    /// The same failure as the doing of a fault: by the scenario, whatever it looked like.
    #[must_use]
    pub fn explained_by(mut self, fault: StrikeId) -> Self {
        self.origin = Origin::Scenario;
        self.fault = Some(fault);
        self
    }

    /// The same failure, met at another stage.
    #[must_use]
    pub fn at_stage(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, by the {})", self.cause, self.stage, self.origin)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_cause_is_the_word_in_json() {
        for cause in Cause::ALL {
            assert_eq!(
                serde_json::to_string(cause).unwrap(),
                format!("\"{}\"", cause.name())
            );
        }
    }

    #[test]
    fn a_long_message_is_kept_in_part_and_an_empty_one_not_at_all() {
        let failure = Failure::new(Stage::Open, Cause::HttpStatus, Origin::Server);
        let long = failure.clone().with_message(&"é".repeat(1000));
        assert_eq!(
            long.message.unwrap().chars().count(),
            Failure::MESSAGE_LIMIT
        );
        assert_eq!(failure.with_message("  ").message, None);
    }
}
