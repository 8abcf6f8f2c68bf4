//! Whether the heartbeat that the handshake announces can work.

use std::time::Duration;

use crate::catalogue::{HEARTBEAT_IMPLAUSIBLE, PING_TIMEOUT_SHORT};
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::protocol::engine_io::handshake::Handshake;
use crate::report::number;

/// Times outside are far from what any server uses.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(3600);

/// Compares the times of the handshake with the round trip, and with what is usual.
pub(super) fn judge(probe: &Probe, known: &mut Known, notes: &mut Notes) {
    let Some(handshake) = &known.handshake else {
        return;
    };
    let time = |duration: Duration| number::seconds(duration.as_secs_f64());
    let evidence = known.opened_by.as_slice();
    let timeout = handshake.ping_timeout;
    let round_trip = probe.evidence.round_trip().unwrap_or_default();
    known.is_heartbeat_short = round_trip >= timeout;
    if round_trip >= timeout {
        let seen = format!(
            "pingTimeout is {}, the shortest round trip {}.",
            time(timeout),
            time(round_trip)
        );
        notes.find(&PING_TIMEOUT_SHORT, seen, evidence);
    }
    if let Some(guess) = implausible(handshake) {
        let seen = format!(
            "pingInterval is {}, pingTimeout {}: {guess}.",
            time(handshake.ping_interval),
            time(timeout)
        );
        notes.find(&HEARTBEAT_IMPLAUSIBLE, seen, evidence);
    }
}

/// What was probably meant by times that are far from usual.
fn implausible(handshake: &Handshake) -> Option<&'static str> {
    let (interval, timeout) = (handshake.ping_interval, handshake.ping_timeout);
    if interval.min(timeout) < SHORTEST {
        return Some("probably seconds, where milliseconds are wanted");
    }
    (interval.max(timeout) > LONGEST).then_some("a dead connection is noticed after hours only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_in_place_of_milliseconds_are_seen() {
        let of = |interval, timeout| Handshake {
            sid: "a".into(),
            offers_websocket: true,
            ping_interval: Duration::from_millis(interval),
            ping_timeout: Duration::from_millis(timeout),
            max_payload: None,
        };
        assert!(implausible(&of(25, 20)).is_some());
        assert!(implausible(&of(25_000, 60)).is_some());
        assert!(implausible(&of(25_000_000, 20_000)).is_some());
        assert!(implausible(&of(25_000, 20_000)).is_none());
        assert!(implausible(&of(1000, 500)).is_none());
    }
}
