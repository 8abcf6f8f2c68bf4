//! From what the operating system, TLS and HTTP reported to a [`Failure`]: by number and by
//! variant, never by message text.

use std::error::Error;
use std::io;
use std::sync::Arc;

use nix::libc;
use rustls::{CertificateError, InvalidMessage};

use super::dialer::SelfSigned;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::Malformed;
use crate::protocol::engine_io::error_body::{self, RequestKind};

/// The failure behind an I/O error, TLS errors inside it included.
#[must_use]
pub fn from_io(stage: Stage, error: &io::Error) -> Failure {
    if let Some(tls) = find::<rustls::Error>(error) {
        return from_tls(tls);
    }
    let (cause, origin) = match find_errno(error) {
        Some(errno) => by_errno(errno),
        None => by_kind(error.kind()),
    };
    Failure::new(stage, cause, origin).with_message(&error.to_string())
}

/// The failure behind an error of the name lookup: without an errno it is getaddrinfo's verdict.
pub(super) fn from_lookup(error: &io::Error) -> Failure {
    let (cause, origin) = match error.raw_os_error() {
        Some(errno) => by_errno(errno),
        None => (Cause::NameNotFound, Origin::Network),
    };
    Failure::new(Stage::Dns, cause, origin).with_message(&error.to_string())
}

/// The failure behind a TLS error; its stage is always [`Stage::Tls`], also when the alert came
/// after the handshake (TLS 1.3 servers refuse a client certificate only then).
pub(super) fn from_tls(error: &rustls::Error) -> Failure {
    let (cause, origin) = if let rustls::Error::InvalidCertificate(certificate) = error {
        (by_certificate(certificate), Origin::Server)
    } else if *error == rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) {
        (Cause::TlsNotOffered, Origin::Scenario)
    } else {
        (Cause::TlsFailed, Origin::Server)
    };
    // What the library prints of an error of ours are the names of its types.
    let message = match cause == Cause::TlsSelfSigned {
        true => "the certificate is signed by itself".to_owned(),
        false => error.to_string(),
    };
    Failure::new(Stage::Tls, cause, origin).with_message(&message)
}

/// Whether bytes that came without TLS begin a TLS alert record.
#[must_use]
pub fn answers_in_tls(received: &[u8]) -> bool {
    is_tls_alert(received.first_chunk().copied())
}

/// Whether a peer that was spoken to without TLS answered with a TLS alert record.
pub(super) fn is_tls_alert(first_bytes: Option<[u8; 2]>) -> bool {
    first_bytes == Some([0x15, 0x03])
}

/// Whether a 400 says that a TLS port was spoken to without TLS. The status alone does not tell,
/// so the texts of nginx, Go and Apache are the only evidence there is.
#[must_use]
pub fn wants_tls(status: u16, body: &[u8]) -> bool {
    const NOTICES: [&[u8]; 3] = [
        b"plain HTTP request was sent to HTTPS port",
        b"sent an HTTP request to an HTTPS server",
        b"speaking plain HTTP to an SSL-enabled server port",
    ];
    status == 400
        && NOTICES
            .iter()
            .any(|notice| memchr::memmem::find(body, notice).is_some())
}

/// The failure that an answer which is no HTTP, or too much of it, is.
pub(crate) fn from_http(broken: Malformed) -> Failure {
    if broken.is_too_large() {
        return too_large(&broken.to_string());
    }
    Failure::new(Stage::Open, Cause::NotSocketio, Origin::Server).with_message(&broken.to_string())
}

/// An answer beyond a limit on what is buffered here.
pub(super) fn too_large(what: &str) -> Failure {
    Failure::new(Stage::Open, Cause::TooLarge, Origin::Server).with_message(what)
}

/// The failure that an answer other than 101 to a WebSocket handshake is.
#[must_use]
pub fn from_refusal(status: u16, body: &[u8]) -> Failure {
    if wants_tls(status, body) {
        return tls_required().with_status(status);
    }
    error_body::classify(RequestKind::WebSocket, status, body)
}

/// A port that wants TLS and was spoken to without.
pub(super) fn tls_required() -> Failure {
    Failure::new(Stage::Open, Cause::TlsRequired, Origin::Scenario)
}

fn by_errno(errno: i32) -> (Cause, Origin) {
    match errno {
        libc::ECONNREFUSED => (Cause::ConnectionRefused, Origin::Server),
        libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE => {
            (Cause::ConnectionReset, Origin::Network)
        }
        libc::ETIMEDOUT => (Cause::TimedOut, Origin::Network),
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN | libc::ENETDOWN => {
            (Cause::Unreachable, Origin::Network)
        }
        libc::EMFILE | libc::ENFILE => (Cause::NoDescriptors, Origin::Generator),
        libc::EADDRNOTAVAIL | libc::EADDRINUSE => (Cause::NoLocalPorts, Origin::Generator),
        libc::ENOBUFS | libc::ENOMEM | libc::EACCES | libc::EPERM => {
            (Cause::NoResources, Origin::Generator)
        }
        _ => (Cause::OtherOs, Origin::Generator),
    }
}

/// For errors that tokio and rustls make up without an errno.
fn by_kind(kind: io::ErrorKind) -> (Cause, Origin) {
    use io::ErrorKind as Kind;
    if matches!(kind, Kind::UnexpectedEof | Kind::NotConnected) {
        (Cause::ConnectionClosed, Origin::Network)
    } else if matches!(
        kind,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::WriteZero
    ) {
        (Cause::ConnectionReset, Origin::Network)
    } else if kind == Kind::TimedOut {
        (Cause::TimedOut, Origin::Network)
    } else if kind == Kind::ConnectionRefused {
        (Cause::ConnectionRefused, Origin::Server)
    } else if matches!(kind, Kind::InvalidData | Kind::InvalidInput) {
        (Cause::NotSocketio, Origin::Server)
    } else {
        (Cause::OtherOs, Origin::Generator)
    }
}

fn by_certificate(error: &CertificateError) -> Cause {
    if let CertificateError::Other(other) = error {
        return match (&*other.0 as &dyn Error).downcast_ref::<SelfSigned>() {
            Some(SelfSigned) => Cause::TlsSelfSigned,
            None => Cause::TlsFailed,
        };
    }
    if *error == CertificateError::UnknownIssuer {
        Cause::TlsUnknownCa
    } else if matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        Cause::TlsWrongHost
    } else if matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    ) {
        Cause::TlsExpired
    } else {
        Cause::TlsFailed
    }
}

/// The first error of this type in the chain. An `io::Error` hides its inner error from
/// `source()`, so it is opened by hand.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The errno anywhere in the chain: libraries wrap the error of the system in one of their own.
fn find_errno(error: &io::Error) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(errno) = error.raw_os_error() {
            return Some(errno);
        }
        next = error.get_ref().and_then(|inner| find::<io::Error>(inner));
    }
    None
}

/// The [`CertificateError`] that says [`SelfSigned`].
pub(super) fn self_signed() -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::new(
        SelfSigned,
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause_of(errno: i32) -> (Cause, Origin) {
        let failure = from_io(Stage::Tcp, &io::Error::from_raw_os_error(errno));
        assert_eq!(failure.stage, Stage::Tcp);
        (failure.cause, failure.origin)
    }

    #[test]
    fn limits_of_this_machine_are_the_generators_fault() {
        for (errno, cause) in [
            (libc::EMFILE, Cause::NoDescriptors),
            (libc::ENFILE, Cause::NoDescriptors),
            (libc::EADDRNOTAVAIL, Cause::NoLocalPorts),
            (libc::ENOBUFS, Cause::NoResources),
            (libc::ENOMEM, Cause::NoResources),
            (libc::EACCES, Cause::NoResources),
            (libc::EOPNOTSUPP, Cause::OtherOs),
        ] {
            assert_eq!(cause_of(errno), (cause, Origin::Generator), "errno {errno}");
        }
    }

    #[test]
    fn errors_of_the_connection_are_not_the_generators_fault() {
        for (errno, cause, origin) in [
            (libc::ECONNREFUSED, Cause::ConnectionRefused, Origin::Server),
            (libc::ECONNRESET, Cause::ConnectionReset, Origin::Network),
            (libc::EPIPE, Cause::ConnectionReset, Origin::Network),
            (libc::ETIMEDOUT, Cause::TimedOut, Origin::Network),
            (libc::EHOSTUNREACH, Cause::Unreachable, Origin::Network),
            (libc::ENETUNREACH, Cause::Unreachable, Origin::Network),
        ] {
            assert_eq!(cause_of(errno), (cause, origin), "errno {errno}");
        }
    }

    #[test]
    fn an_errno_is_found_inside_a_wrapped_error() {
        let wrapped = io::Error::other(io::Error::from_raw_os_error(libc::EMFILE));
        let failure = from_io(Stage::Tcp, &wrapped);
        assert_eq!(failure.cause, Cause::NoDescriptors);
    }

    #[test]
    fn a_tls_error_inside_an_io_error_is_a_tls_failure_at_any_stage() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        let failure = from_io(Stage::Session, &wrapped);
        assert_eq!(
            (failure.stage, failure.cause),
            (Stage::Tls, Cause::TlsExpired)
        );
    }

    #[test]
    fn the_notice_of_a_tls_port_is_told_from_other_bad_requests() {
        let notice = b"<center>The plain HTTP request was sent to HTTPS port</center>";
        assert_eq!(from_refusal(400, notice).cause, Cause::TlsRequired);
        assert_eq!(from_refusal(500, notice).cause, Cause::WebsocketRefused);
    }

    #[test]
    fn a_certificate_that_is_not_yet_valid_counts_as_expired() {
        let failure = from_tls(&rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet,
        ));
        assert_eq!(failure.cause, Cause::TlsExpired);
    }
}
