//! Whether load and errors fell back once a fault was over: read off the seconds of the run.

use std::time::Duration;

use super::summary::{Aftermath, Levels};
use crate::event::Counter;
use crate::metrics::Second;

/// So many seconds at most make up a level.
const MOST_SECONDS: u64 = 5;

/// With fewer seconds on either side nothing is said.
const LEAST_SECONDS: u64 = 3;

/// A level has fallen back if it is at most so many times what it was before, ...
const FACTOR: f64 = 1.5;

/// ... or above it by no more than this share of the herd in each second ...
const SHARE_OF_HERD: f64 = 0.01;

/// ... or by no more than so many in each second.
const ALLOWANCE: f64 = 1.0;

/// When a fault was there, and how long nothing else disturbed the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// From here on the run was at rest, after whatever came before.
    pub(super) quiet_from: Duration,
    /// The fault was begun.
    pub(super) struck: Duration,
    /// It was over, and all that came back were back; nothing if it never was.
    pub(super) settled: Option<Duration>,
    /// The next fault was begun, or the load ended.
    pub(super) quiet_until: Duration,
}

/// What the run looked like on both sides of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sides {
    pub(super) handshakes: Levels,
    pub(super) errors: Levels,
    pub(super) aftermath: Aftermath,
}

/// Compares both sides of a fault that cut off `herd` clients.
pub(super) fn compare(series: &[Second], times: Times, herd: u64) -> Sides {
    let before = last_seconds(times.quiet_from, times.struck);
    let after = times
        .settled
        .and_then(|settled| last_seconds(settled, times.quiet_until));
    let levels = |of: fn(&Second) -> u64| Levels {
        before: before.clone().and_then(|range| level(series, range, of)),
        after: after.clone().and_then(|range| level(series, range, of)),
    };
    let (handshakes, errors) = (levels(unplanned_handshakes), levels(|row| row.errors));
    let fell_back = |levels: Levels| {
        let (before, after) = (levels.before?, levels.after?);
        let allowed = before + (herd as f64 * SHARE_OF_HERD).max(ALLOWANCE);
        Some(after <= (before * FACTOR).max(allowed))
    };
    let aftermath = match (fell_back(handshakes), fell_back(errors)) {
        (Some(true), Some(true)) => Aftermath::Recovered,
        (Some(_), Some(_)) => Aftermath::Metastable,
        (None, _) | (_, None) => Aftermath::TooShortToTell,
    };
    Sides {
        handshakes,
        errors,
        aftermath,
    }
}

/// The last whole seconds between two times, if there are enough of them.
fn last_seconds(from: Duration, until: Duration) -> Option<std::ops::Range<u64>> {
    let end = until.as_secs();
    let first_whole = from.as_secs() + u64::from(from.subsec_nanos() > 0);
    let begin = first_whole.max(end.saturating_sub(MOST_SECONDS));
    (begin + LEAST_SECONDS <= end).then_some(begin..end)
}

/// Handshakes beyond those of clients that come for the first time: arrivals are planned.
fn unplanned_handshakes(row: &Second) -> u64 {
    let value = |counter| row.counters.value(counter);
    value(Counter::HandshakeAttempts).saturating_sub(value(Counter::ClientsStarted))
}

/// The median of some seconds, if the run has told of all of them.
fn level(series: &[Second], seconds: std::ops::Range<u64>, of: fn(&Second) -> u64) -> Option<f64> {
    let (begin, end) = (usize::try_from(seconds.start), usize::try_from(seconds.end));
    let mut values: Vec<u64> = series.get(begin.ok()?..end.ok()?)?.iter().map(of).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len().is_multiple_of(2) {
        return Some((upper + values[middle - 1]) as f64 / 2.0);
    }
    Some(upper as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Counters, SecondP99};

    /// A run of these handshakes and errors, second by second.
    fn series(seconds: &[(u64, u64)]) -> Vec<Second> {
        let row = |(second, (handshakes, errors)): (usize, &(u64, u64))| {
            let mut counters = Counters::default();
            counters.add(Counter::HandshakeAttempts, *handshakes);
            Second {
                second: second as u32,
                connected: 0,
                in_flight: 0,
                counters,
                errors: *errors,
                p99_us: SecondP99::default(),
            }
        };
        seconds.iter().enumerate().map(row).collect()
    }

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A fault at second 5 that is over at 10.2, in a run of 20 seconds.
    const TIMES: Times = Times {
        quiet_from: Duration::ZERO,
        struck: Duration::from_secs(5),
        settled: Some(Duration::from_millis(10_200)),
        quiet_until: Duration::from_secs(20),
    };

    /// Five quiet seconds, a storm, and ten seconds of `after`.
    fn run(after: (u64, u64)) -> Vec<Second> {
        let mut seconds = vec![(0, 0); 5];
        seconds.extend([(500, 400); 5]);
        seconds.extend([after; 10]);
        series(&seconds)
    }

    #[test]
    fn a_run_that_is_as_quiet_as_before_has_recovered() {
        let sides = compare(&run((0, 0)), TIMES, 1000);
        assert_eq!(sides.aftermath, Aftermath::Recovered);
        let quiet = Levels {
            before: Some(0.0),
            after: Some(0.0),
        };
        assert_eq!((sides.handshakes, sides.errors), (quiet, quiet));
    }

    #[test]
    fn a_herd_that_keeps_knocking_is_metastable_by_handshakes_or_by_errors() {
        for (after, aftermath) in [
            ((10, 10), Aftermath::Recovered),
            ((11, 0), Aftermath::Metastable),
            ((0, 11), Aftermath::Metastable),
        ] {
            assert_eq!(
                compare(&run(after), TIMES, 1000).aftermath,
                aftermath,
                "{after:?}"
            );
        }
        // One in a second is nobody's storm, however small the herd.
        assert_eq!(
            compare(&run((1, 1)), TIMES, 2).aftermath,
            Aftermath::Recovered
        );
        assert_eq!(
            compare(&run((2, 0)), TIMES, 2).aftermath,
            Aftermath::Metastable
        );
    }

    #[test]
    fn a_busy_run_may_be_half_as_busy_again() {
        let busy = |after| {
            let mut seconds = vec![(100, 0); 5];
            seconds.extend([(500, 400); 5]);
            seconds.extend([(after, 0); 10]);
            compare(&series(&seconds), TIMES, 10).aftermath
        };
        assert_eq!(busy(150), Aftermath::Recovered);
        assert_eq!(busy(151), Aftermath::Metastable);
    }

    #[test]
    fn a_single_bad_second_is_no_level() {
        let mut seconds = run((0, 0));
        seconds[17].errors = 900;
        assert_eq!(compare(&seconds, TIMES, 10).aftermath, Aftermath::Recovered);
    }

    #[test]
    fn without_enough_whole_seconds_on_either_side_nothing_is_said() {
        let unsaid = |times| {
            let sides = compare(&run((0, 0)), times, 1000);
            assert_eq!(sides.aftermath, Aftermath::TooShortToTell, "{times:?}");
        };
        unsaid(Times {
            settled: None,
            ..TIMES
        });
        unsaid(Times {
            settled: Some(s(17.1)),
            ..TIMES
        });
        unsaid(Times {
            quiet_from: s(2.5),
            ..TIMES
        });
        unsaid(Times {
            quiet_until: s(13.9),
            ..TIMES
        });
        // The run has not told of so much yet.
        unsaid(Times {
            quiet_until: s(21.0),
            ..TIMES
        });
        let just_enough = Times {
            settled: Some(s(17.0)),
            quiet_from: s(2.0),
            ..TIMES
        };
        let sides = compare(&run((0, 0)), just_enough, 1000);
        assert_eq!(sides.aftermath, Aftermath::Recovered);
    }

    #[test]
    fn clients_that_arrive_are_no_storm() {
        let mut seconds = run((50, 0));
        for row in &mut seconds[10..] {
            row.counters.add(Counter::ClientsStarted, 50);
        }
        assert_eq!(compare(&seconds, TIMES, 10).aftermath, Aftermath::Recovered);
    }
}
