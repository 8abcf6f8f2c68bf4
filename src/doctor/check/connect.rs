//! The answer to the Socket.IO CONNECT, as findings.

use std::time::Duration;

use crate::catalogue::{
    CONNECT_DROPPED, CONNECT_TIMED_OUT, CONNECT_UNANSWERED, KICKED, PATH_AS_NAMESPACE,
};
use crate::doctor::exchange::ms;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::{NotConnected, Over, Refused};
use crate::event::{Cause, Stage};
use crate::report::number;

/// A session that ends later than this after its CONNECT was ended by a timeout.
const AT_ONCE: Duration = Duration::from_millis(800);

/// Says how a CONNECT ended, `took` after it was sent.
pub(super) fn tell_connect(
    probe: &Probe,
    notes: &mut Notes,
    connected: Result<(), NotConnected>,
    took: Duration,
) {
    let namespace = probe.options.namespace();
    match connected {
        Ok(()) => notes.fact(format!("namespace {namespace} is connected")),
        Err(NotConnected::Rejected(refused))
            if refused.failure.cause == Cause::InvalidNamespace && is_path(probe, namespace) =>
        {
            let seen = format!("The path of the URL, {namespace}, was asked for as a namespace.");
            notes.find(&PATH_AS_NAMESPACE, seen, &[refused.id]);
        }
        Err(NotConnected::Rejected(refused)) => {
            let what = format!("CONNECT to {namespace}");
            notes.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Engine(refused))
            if refused.failure.stage == Stage::Namespace
                && refused.failure.cause == Cause::ConnectionClosed =>
        {
            tell_dropped(notes, &refused, took);
        }
        Err(NotConnected::Engine(refused)) => {
            let what = probe.evidence.request_of(refused.id);
            notes.find_failure(&refused.failure, &what, &[refused.id]);
        }
        Err(NotConnected::Silence(id)) => {
            let seen = format!("The CONNECT to {namespace} got no reply.");
            notes.find(&CONNECT_UNANSWERED, seen, &[id]);
        }
    }
}

/// Whether a namespace is the HTTP path, which clients add by themselves.
fn is_path(probe: &Probe, namespace: &str) -> bool {
    let namespace = namespace.trim_end_matches('/');
    let own = probe.options.path.trim_end_matches('/');
    namespace == own || namespace == "/socket.io"
}

/// An end at once is a matter of what the CONNECT says; a later one of how long it waited.
pub(super) fn tell_dropped(notes: &mut Notes, refused: &Refused, took: Duration) {
    let time = number::time(ms(took) * 1e3);
    let seen = format!("{time} after the CONNECT: {}.", refused.failure);
    let finding = match took > AT_ONCE {
        true => &CONNECT_TIMED_OUT,
        false => &CONNECT_DROPPED,
    };
    notes.find(finding, seen, &[refused.id]);
}

pub(super) fn tell_kicked(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    over: &Over,
    id: usize,
) {
    let namespace = probe.options.namespace();
    let seen = format!("The server connected {namespace}, and at once {over}.");
    notes.find(&KICKED, seen, &[id]);
    known.is_connected = false;
}
