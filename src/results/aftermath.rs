//! Whether a run recovered once a fault was over: who is back, who still tries, and whether load and
//! errors fell back.

use std::ops::Range;
use std::time::Duration;

use super::summary::{Aftermath, Levels};
use crate::event::Counter;
use crate::metrics::Second;

/// The most seconds that make up a level.
const MOST_SECONDS: u64 = 5;

/// The fewest seconds on either side that a level is made of.
const LEAST_SECONDS: u64 = 3;

/// A level has fallen back if it is at most so many times what it was before, ...
const FACTOR: f64 = 1.5;

/// ... or above it by no more than this share of the herd in each second ...
const SHARE_OF_HERD: f64 = 0.01;

/// ... or by no more than so many in each second.
const ALLOWANCE: f64 = 1.0;

/// The longest that a client which tries to come back may be silent: the reference client's connect
/// timeout (20 s) and its longest reconnection delay (5 s, half of it more by randomization).
///
/// Bursts that recur come at least once in it, and whoever is not back by then is late.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a fault was there, and how long nothing else disturbed the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// The time from which the run was at rest, after whatever came before.
    pub(super) quiet_from: Duration,
    /// The time at which the fault was begun.
    pub(super) struck: Duration,
    /// The time at which the fault was over; nothing if it never was.
    pub(super) over: Option<Duration>,
    /// The time at which the last client that came back was back.
    pub(super) last_back: Option<Duration>,
    /// The time of the next fault, or of the end of the load.
    pub(super) quiet_until: Duration,
}

/// The clients that a fault cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Herd {
    /// All of them.
    pub(super) size: u64,
    /// Those that never came back.
    pub(super) out: u64,
}

/// The run on both sides of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sides {
    pub(super) handshakes: Levels,
    pub(super) errors: Levels,
    pub(super) aftermath: Aftermath,
}

/// Compares both sides of a fault that cut off a herd.
pub(super) fn compare(series: &[Second], times: Times, herd: Herd) -> Sides {
    let settled = times
        .over
        .map(|over| over.max(times.last_back.unwrap_or_default()));
    // A trickle of returns must not push the window to the end of the run.
    let after_from = if herd.out > 0 { times.over } else { settled };
    let before = last_seconds(times.quiet_from, times.struck, MOST_SECONDS);
    let after = after_from.and_then(|from| last_seconds(from, times.quiet_until, MOST_SECONDS));
    let levels = |of: fn(&Second) -> u64| Levels {
        before: before.clone().and_then(|range| level(series, range, of)),
        after: after.clone().and_then(|range| level(series, range, of)),
    };
    let (handshakes, errors) = (levels(unplanned_handshakes), levels(|row| row.errors));
    let by_levels = match (fell_back(handshakes, herd), fell_back(errors, herd)) {
        (Some(true), Some(true)) => Aftermath::Recovered,
        (Some(_), Some(_)) => Aftermath::Metastable,
        (None, _) | (_, None) => Aftermath::TooShortToTell,
    };
    let aftermath = match (times.over, settled) {
        (Some(over), Some(settled)) => {
            let run = Run {
                series,
                times,
                herd,
            };
            if herd.out > 0 {
                run.judge_without_all(by_levels, over)
            } else {
                run.judge_with_all(by_levels, over, settled)
            }
        }
        (None, _) | (_, None) => Aftermath::TooShortToTell,
    };
    Sides {
        handshakes,
        errors,
        aftermath,
    }
}

/// Whether a rate fell back to its level before the fault, if both sides are known.
fn fell_back(levels: Levels, herd: Herd) -> Option<bool> {
    let (before, after) = (levels.before?, levels.after?);
    Some(after <= allowed(before, herd))
}

/// The highest rate that still counts as that of before.
fn allowed(before: f64, herd: Herd) -> f64 {
    let more = (herd.size as f64 * SHARE_OF_HERD).max(ALLOWANCE);
    (before * FACTOR).max(before + more)
}

/// A run around one fault, to be judged beyond its levels.
struct Run<'a> {
    series: &'a [Second],
    times: Times,
    herd: Herd,
}

impl Run<'_> {
    /// Some of the herd are out: it is no recovery as long as they try.
    fn judge_without_all(&self, by_levels: Aftermath, over: Duration) -> Aftermath {
        let waited = self.times.quiet_until.saturating_sub(over);
        match by_levels {
            Aftermath::Metastable => Aftermath::Metastable,
            Aftermath::Recovered | Aftermath::TooShortToTell => {
                if waited < PATIENCE {
                    Aftermath::TooShortToTell
                } else if self.is_anyone_trying(over) {
                    Aftermath::Metastable
                } else {
                    by_levels
                }
            }
        }
    }

    /// All of the herd are back: it is no recovery if it came in a trickle until the end, if
    /// handshakes hang, or if bursts of load recur.
    fn judge_with_all(&self, by_levels: Aftermath, over: Duration, back: Duration) -> Aftermath {
        match by_levels {
            Aftermath::Metastable => Aftermath::Metastable,
            Aftermath::TooShortToTell if back > over + PATIENCE => Aftermath::Metastable,
            Aftermath::TooShortToTell => Aftermath::TooShortToTell,
            Aftermath::Recovered if self.is_hanging() || self.has_bursts(back) => {
                Aftermath::Metastable
            }
            Aftermath::Recovered => Aftermath::Recovered,
        }
    }

    /// Whether somebody still tried to come back within the last [`PATIENCE`].
    fn is_anyone_trying(&self, over: Duration) -> bool {
        let seconds = PATIENCE.as_secs();
        let mean = |from, until| {
            let range = last_seconds(from, until, seconds)?;
            let handshakes = rows(self.series, range)?.iter().map(unplanned_handshakes);
            let count = handshakes.len() as f64;
            Some(handshakes.sum::<u64>() as f64 / count)
        };
        let before = mean(self.times.quiet_from, self.times.struck).unwrap_or(0.0);
        let after = mean(over, self.times.quiet_until).unwrap_or(0.0);
        after > before || self.in_flight_more() > 0
    }

    /// Whether more handshakes are under way at the end than one would expect of that time.
    fn is_hanging(&self) -> bool {
        let expected = (self.herd.size as f64 * SHARE_OF_HERD).max(ALLOWANCE);
        self.in_flight_more() as f64 > expected
    }

    /// Handshakes under way in each of the last seconds, beyond the most before the fault.
    fn in_flight_more(&self) -> u64 {
        let in_flight = |from, until, pick: fn(&[Second]) -> Option<u64>| {
            let range = last_seconds(from, until, LEAST_SECONDS)?;
            pick(rows(self.series, range)?)
        };
        let times = self.times;
        let most = |rows: &[Second]| rows.iter().map(|row| row.in_flight).max();
        let least = |rows: &[Second]| rows.iter().map(|row| row.in_flight).min();
        let before = in_flight(times.quiet_from, times.struck, most).unwrap_or(0);
        let from = times.over.unwrap_or(times.struck);
        let after = in_flight(from, times.quiet_until, least).unwrap_or(0);
        after.saturating_sub(before)
    }

    /// Whether the rates of the last [`PATIENCE`] are above those of before on average, though not in
    /// most seconds. A single burst is none that recurs.
    fn has_bursts(&self, settled: Duration) -> bool {
        let mean = |from, until, of: fn(&Second) -> u64| {
            let range = last_seconds(from, until, 2 * PATIENCE.as_secs())?;
            let mut values: Vec<u64> = rows(self.series, range)?.iter().map(of).collect();
            values.sort_unstable();
            values.pop();
            Some(values.iter().sum::<u64>() as f64 / values.len() as f64)
        };
        let times = self.times;
        let rates: [fn(&Second) -> u64; 2] = [unplanned_handshakes, |row| row.errors];
        rates.into_iter().any(|of| {
            let before = mean(times.quiet_from, times.struck, of);
            let after = mean(settled, times.quiet_until, of);
            before
                .zip(after)
                .is_some_and(|(before, after)| after > allowed(before, self.herd))
        })
    }
}

/// The last whole seconds between two times, at most so many, if there are enough of them.
fn last_seconds(from: Duration, until: Duration, most: u64) -> Option<Range<u64>> {
    let end = until.as_secs();
    let first_whole = from.as_secs() + u64::from(from.subsec_nanos() > 0);
    let begin = first_whole.max(end.saturating_sub(most));
    (begin + LEAST_SECONDS <= end).then_some(begin..end)
}

/// Handshakes beyond those of clients that come for the first time: arrivals are planned.
fn unplanned_handshakes(row: &Second) -> u64 {
    let value = |counter| row.counters.value(counter);
    value(Counter::HandshakeAttempts).saturating_sub(value(Counter::ClientsStarted))
}

/// The rows of some seconds, if the run has reported all of them.
fn rows(series: &[Second], seconds: Range<u64>) -> Option<&[Second]> {
    let (begin, end) = (usize::try_from(seconds.start), usize::try_from(seconds.end));
    series.get(begin.ok()?..end.ok()?)
}

/// The median of some seconds, if the run has reported all of them.
fn level(series: &[Second], seconds: Range<u64>, of: fn(&Second) -> u64) -> Option<f64> {
    let mut values: Vec<u64> = rows(series, seconds)?.iter().map(of).collect();
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

    /// A herd that is back.
    fn all(size: u64) -> Herd {
        Herd { size, out: 0 }
    }

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A fault at second 5 that is over at 10.2, in a run of 20 seconds.
    const TIMES: Times = Times {
        quiet_from: Duration::ZERO,
        struck: Duration::from_secs(5),
        over: Some(Duration::from_millis(10_200)),
        last_back: None,
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
        let sides = compare(&run((0, 0)), TIMES, all(1000));
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
                compare(&run(after), TIMES, all(1000)).aftermath,
                aftermath,
                "{after:?}"
            );
        }
        // One in a second is nobody's storm, however small the herd.
        assert_eq!(
            compare(&run((1, 1)), TIMES, all(2)).aftermath,
            Aftermath::Recovered
        );
        assert_eq!(
            compare(&run((2, 0)), TIMES, all(2)).aftermath,
            Aftermath::Metastable
        );
    }

    #[test]
    fn a_busy_run_may_be_half_as_busy_again() {
        let busy = |after| {
            let mut seconds = vec![(100, 0); 5];
            seconds.extend([(500, 400); 5]);
            seconds.extend([(after, 0); 10]);
            compare(&series(&seconds), TIMES, all(10)).aftermath
        };
        assert_eq!(busy(150), Aftermath::Recovered);
        assert_eq!(busy(151), Aftermath::Metastable);
    }

    #[test]
    fn a_single_bad_second_is_no_level() {
        let mut seconds = run((0, 0));
        seconds[17].errors = 900;
        assert_eq!(
            compare(&seconds, TIMES, all(10)).aftermath,
            Aftermath::Recovered
        );
    }

    #[test]
    fn without_enough_whole_seconds_on_either_side_nothing_is_said() {
        let unsaid = |times| {
            let sides = compare(&run((0, 0)), times, all(1000));
            assert_eq!(sides.aftermath, Aftermath::TooShortToTell, "{times:?}");
        };
        unsaid(Times {
            over: None,
            ..TIMES
        });
        unsaid(Times {
            over: Some(s(17.1)),
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
            over: Some(s(17.0)),
            quiet_from: s(2.0),
            ..TIMES
        };
        let sides = compare(&run((0, 0)), just_enough, all(1000));
        assert_eq!(sides.aftermath, Aftermath::Recovered);
    }

    #[test]
    fn clients_that_arrive_are_no_storm() {
        let mut seconds = run((50, 0));
        for row in &mut seconds[10..] {
            row.counters.add(Counter::ClientsStarted, 50);
        }
        assert_eq!(
            compare(&seconds, TIMES, all(10)).aftermath,
            Aftermath::Recovered
        );
    }

    /// What a server does to a herd of 400 that a restart at second 15 cut off.
    struct Server {
        name: &'static str,
        /// Handshakes, errors and handshakes under way, by the seconds since the fault.
        load: fn(u64) -> (u64, u64, u64),
        /// Seconds after the fault at which the last that came back was back.
        last_back: u64,
        out: u64,
        /// The verdicts with 8, 18 and 47 seconds after the fault.
        verdicts: [Aftermath; 3],
    }

    const SERVERS: &[Server] = {
        use Aftermath::{Metastable, Recovered, TooShortToTell};
        &[
            Server {
                name: "healthy: all are back within five seconds",
                load: |second| if second < 5 { (160, 80, 10) } else { (0, 0, 0) },
                last_back: 5,
                out: 0,
                verdicts: [Recovered; 3],
            },
            Server {
                name: "hanging: accepts everybody and answers nobody",
                load: |second| {
                    let knocks = if second < 5 || second % 23 == 0 {
                        200
                    } else {
                        0
                    };
                    let times_out = if second % 23 == 20 { 200 } else { 0 };
                    (knocks, times_out, 400)
                },
                last_back: 0,
                out: 400,
                verdicts: [TooShortToTell, TooShortToTell, Metastable],
            },
            Server {
                name: "trickling: lets in one per second and refuses the others",
                load: |_| (70, 69, 1),
                last_back: 46,
                out: 353,
                verdicts: [Metastable; 3],
            },
            Server {
                name: "patient: a few clients wait for their next attempt for most of the time",
                load: |second| {
                    if second % 8 == 0 {
                        (4, 4, 0)
                    } else {
                        (0, 0, 0)
                    }
                },
                last_back: 3,
                out: 4,
                verdicts: [TooShortToTell, TooShortToTell, Metastable],
            },
            Server {
                name: "overloaded by zombies: everybody is back, and thrown out again in bursts",
                load: |second| {
                    if second % 6 < 2 {
                        (100, 50, 0)
                    } else {
                        (0, 0, 0)
                    }
                },
                last_back: 2,
                out: 0,
                verdicts: [Metastable; 3],
            },
            Server {
                name: "recovering slowly: ten clients per second come back, then it is quiet",
                load: |second| if second < 40 { (30, 20, 5) } else { (0, 0, 0) },
                last_back: 40,
                out: 0,
                verdicts: [Metastable, Metastable, Recovered],
            },
            Server {
                name: "left behind: those that are out have given up",
                load: |second| if second < 5 { (160, 80, 0) } else { (0, 0, 0) },
                last_back: 4,
                out: 30,
                verdicts: [TooShortToTell, TooShortToTell, Recovered],
            },
        ]
    };

    #[test]
    fn a_run_has_recovered_only_if_nobody_is_out_and_trying_and_no_handshake_hangs() {
        for server in SERVERS {
            for (after, verdict) in [8, 18, 47].into_iter().zip(server.verdicts) {
                let mut seconds = series(&[(0, 0); 15]);
                for second in 0..after {
                    let (handshakes, errors, in_flight) = (server.load)(second);
                    let row = series(&[(handshakes, errors)]).remove(0);
                    let place = (15 + second) as u32;
                    seconds.push(Second {
                        second: place,
                        in_flight,
                        ..row
                    });
                }
                let is_back = server.last_back <= after;
                let times = Times {
                    quiet_from: s(4.0),
                    struck: s(15.0),
                    over: Some(s(15.2)),
                    last_back: Some(s(15.0 + server.last_back.min(after) as f64)),
                    quiet_until: s(15.0 + after as f64),
                };
                let out = if is_back {
                    server.out
                } else {
                    server.out.max(1)
                };
                let sides = compare(&seconds, times, Herd { size: 400, out });
                assert_eq!(sides.aftermath, verdict, "{} after {after} s", server.name);
            }
        }
    }
}
