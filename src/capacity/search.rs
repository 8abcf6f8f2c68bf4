//! Which level to try next, and what the levels so far amount to.
//!
//! The search is a pure function of the trials so far, so it can be followed from capacity.json
//! alone:
//!
//! ```text
//!   grow ──a level fails──► bisect ──close enough──► confirm ──all hold──► try the next level ──► done
//!    ▲                        ▲                        │
//!    └── first failure once more: was it a fluke?      └──one fails: below it
//! ```

use std::collections::BTreeMap;

use crate::results::capacity::{Conclusion, Outcome, Purpose};

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    /// The first level.
    pub(super) from: u64,
    /// The last level that may be tried.
    pub(super) to: u64,
    /// From a level that held to the next one, above 1.
    pub(super) growth: f64,
    /// How far the least level that failed may lie above the answer, as a share of it.
    pub(super) precision: f64,
    /// Runs at the answer that all have to hold.
    pub(super) confirm: u32,
    /// Whether the server is kept between levels, so that one may leave it the worse for the next.
    pub(super) server_is_kept: bool,
}

/// A level that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trial {
    /// How much load.
    pub(super) load: u64,
    /// What for.
    pub(super) purpose: Purpose,
    /// What became of it.
    pub(super) outcome: Outcome,
}

/// What to do after the trials so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// Try this level next.
    Try(u64, Purpose),
    /// Nothing is left to try.
    Done(Answer),
}

/// What a search found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The largest level that held; nothing if none did.
    pub(super) capacity: Option<u64>,
    /// The least level above it that failed; nothing if none was found.
    pub(super) fails_at: Option<u64>,
    /// How the search came to its end.
    pub(super) conclusion: Conclusion,
}

/// The next step after these trials.
pub(super) fn next(settings: &Settings, trials: &[Trial]) -> Step {
    Search::new(settings, trials).next()
}

/// What these trials amount to if nothing more is tried.
pub(super) fn stop(settings: &Settings, trials: &[Trial]) -> Answer {
    let search = Search::new(settings, trials);
    if let Step::Done(answer) = search.next() {
        return answer;
    }
    search.answer(Conclusion::Unfinished)
}

/// About how many levels are left to try; nothing while no level has failed.
pub(super) fn levels_left(settings: &Settings, trials: &[Trial]) -> Option<u32> {
    let search = Search::new(settings, trials);
    if let Step::Done(_) = search.next() {
        return Some(0);
    }
    let (low, high) = (search.low()?, search.fails_at()?);
    let mut gap = high.saturating_sub(low) as f64 / low as f64;
    let mut bisections = 0;
    while gap > settings.precision && bisections < 64 {
        gap /= 2.0;
        bisections += 1;
    }
    let confirmed = search.count(low, Purpose::Confirm, Outcome::Held);
    Some(bisections + settings.confirm.saturating_sub(confirmed) + 1)
}

/// Loads at which a level failed although a greater one held.
pub(super) fn not_monotonic(trials: &[Trial]) -> Vec<u64> {
    let greatest_held = trials
        .iter()
        .filter(|trial| trial.outcome == Outcome::Held)
        .map(|trial| trial.load)
        .max();
    let mut loads: Vec<u64> = trials
        .iter()
        .filter(|trial| trial.outcome == Outcome::Failed)
        .map(|trial| trial.load)
        .filter(|load| greatest_held.is_some_and(|held| *load < held))
        .collect();
    loads.sort_unstable();
    loads.dedup();
    loads
}

/// How often a level held and failed.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    held: u32,
    failed: u32,
    generator_bound: u32,
    /// A confirmation failed: however often it held, it is no answer.
    is_rejected: bool,
}

struct Search<'a> {
    settings: &'a Settings,
    trials: &'a [Trial],
    /// By load, without what was tried only to see whether the next level fails.
    records: BTreeMap<u64, Record>,
}

impl<'a> Search<'a> {
    fn new(settings: &'a Settings, trials: &'a [Trial]) -> Self {
        let mut records: BTreeMap<u64, Record> = BTreeMap::new();
        for trial in trials {
            let record = records.entry(trial.load).or_default();
            match (trial.purpose, trial.outcome) {
                (_, Outcome::GeneratorBound) => record.generator_bound += 1,
                (Purpose::Beyond | Purpose::Recheck, Outcome::Held | Outcome::Failed) => {}
                (Purpose::Confirm, Outcome::Failed) => {
                    record.failed += 1;
                    record.is_rejected = true;
                }
                (
                    Purpose::Grow | Purpose::Repeat | Purpose::Bisect | Purpose::Confirm,
                    Outcome::Held,
                ) => record.held += 1,
                (Purpose::Grow | Purpose::Repeat | Purpose::Bisect, Outcome::Failed) => {
                    record.failed += 1;
                }
            }
        }
        Self {
            settings,
            trials,
            records,
        }
    }

    fn next(&self) -> Step {
        if let Some(step) = self.generator_limit() {
            return step;
        }
        let Some(high) = self.fails_at() else {
            return self.grow();
        };
        let Some(low) = self.low() else {
            return self.below_from(high);
        };
        let is_wide = high - low > 1 && (high - low) as f64 > self.settings.precision * low as f64;
        if is_wide && self.is_unsure_of(high) {
            return Step::Try(high, Purpose::Repeat);
        }
        if let Some(step) = self.recheck(low) {
            return step;
        }
        if is_wide {
            return Step::Try(low + (high - low) / 2, Purpose::Bisect);
        }
        self.confirm(low)
            .unwrap_or_else(|| self.try_beyond(low, high))
    }

    /// The least load that fails more often than it holds, or was refused as an answer.
    fn fails_at(&self) -> Option<u64> {
        let fails = |record: &Record| {
            record.is_rejected || (record.failed > 0 && record.failed >= record.held)
        };
        let failing = self.records.iter().find(|(_, record)| fails(record));
        failing.map(|(load, _)| *load)
    }

    /// The greatest load below all that fail which holds.
    fn low(&self) -> Option<u64> {
        let end = self.fails_at().unwrap_or(u64::MAX);
        let below = self.records.range(..end).rev();
        let mut holds = below.filter(|(_, record)| record.held > record.failed);
        holds.next().map(|(load, _)| *load)
    }

    fn grow(&self) -> Step {
        let Settings {
            from, to, growth, ..
        } = *self.settings;
        match self.low() {
            None => Step::Try(from, Purpose::Grow),
            Some(low) if low >= to => self
                .confirm(low)
                .unwrap_or_else(|| Step::Done(self.answer(Conclusion::AtLeast))),
            Some(low) => {
                let next = ((low as f64 * growth) as u64).max(low + 1);
                Step::Try(next.min(to), Purpose::Grow)
            }
        }
    }

    /// One failure far above what holds decides where the search goes, and may be a fluke; failures
    /// of bisections are checked by the confirmation and the level beyond it.
    fn is_unsure_of(&self, high: u64) -> bool {
        let Some(record) = self.records.get(&high) else {
            return false;
        };
        // The best of three.
        let is_decided = record.failed > record.held + 1 || record.failed + record.held >= 3;
        let mut above = self.records.range(high + 1..);
        let is_bracketed = above.any(|(_, record)| record.failed > 0);
        !is_decided && !is_bracketed
    }

    fn below_from(&self, high: u64) -> Step {
        let record = self.records.get(&high).copied().unwrap_or_default();
        if record.failed + record.held < 2 {
            return Step::Try(high, Purpose::Repeat);
        }
        Step::Done(self.answer(Conclusion::BelowFrom))
    }

    /// Once after the first failure, and again if that fails.
    fn recheck(&self, low: u64) -> Option<Step> {
        if !self.settings.server_is_kept {
            return None;
        }
        let rechecks: Vec<_> = self
            .trials
            .iter()
            .filter(|trial| trial.purpose == Purpose::Recheck)
            .collect();
        let failed = rechecks.iter().filter(|t| t.outcome == Outcome::Failed);
        match (rechecks.len(), failed.count()) {
            (0, _) => Some(Step::Try(low, Purpose::Recheck)),
            (1, 1) => Some(Step::Try(low, Purpose::Recheck)),
            (_, failed) if failed > 1 => Some(Step::Done(self.answer(Conclusion::NotRecovered))),
            (_, _) => None,
        }
    }

    fn confirm(&self, low: u64) -> Option<Step> {
        let confirmed = self.count(low, Purpose::Confirm, Outcome::Held);
        (confirmed < self.settings.confirm).then_some(Step::Try(low, Purpose::Confirm))
    }

    /// The next level has to fail more often than not, the failure that made it the next included.
    fn try_beyond(&self, low: u64, high: u64) -> Step {
        debug_assert!(low < high);
        let tried = |outcome| {
            let same = |trial: &&Trial| trial.load == high && trial.outcome == outcome;
            self.trials.iter().filter(same).count()
        };
        let (held, failed) = (tried(Outcome::Held), tried(Outcome::Failed));
        if failed >= 2 && failed > held {
            return Step::Done(self.answer(Conclusion::Found));
        }
        if held + failed >= 3 {
            return Step::Done(self.answer(Conclusion::Range));
        }
        Step::Try(high, Purpose::Beyond)
    }

    /// A level at which the generator was the bottleneck is tried once more, then the search ends.
    fn generator_limit(&self) -> Option<Step> {
        let bound = |record: &Record| {
            record.generator_bound > 0 && record.generator_bound >= record.held + record.failed
        };
        let (load, record) = self.records.iter().find(|(_, record)| bound(record))?;
        Some(if record.generator_bound < 2 {
            Step::Try(*load, Purpose::Repeat)
        } else {
            Step::Done(self.answer(Conclusion::GeneratorBound))
        })
    }

    fn count(&self, load: u64, purpose: Purpose, outcome: Outcome) -> u32 {
        let wanted = Trial {
            load,
            purpose,
            outcome,
        };
        self.trials.iter().filter(|trial| **trial == wanted).count() as u32
    }

    fn answer(&self, conclusion: Conclusion) -> Answer {
        Answer {
            capacity: self.low(),
            fails_at: self.fails_at(),
            conclusion,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: Settings = Settings {
        from: 100,
        to: 1_000_000,
        growth: 2.0,
        precision: 0.05,
        confirm: 3,
        server_is_kept: false,
    };

    /// Searches a server that is given as what becomes of a level, by load and number of the trial.
    fn search(
        settings: Settings,
        mut server: impl FnMut(u64, usize) -> Outcome,
    ) -> (Answer, Vec<Trial>) {
        let mut trials = Vec::new();
        loop {
            match next(&settings, &trials) {
                Step::Done(answer) => return (answer, trials),
                Step::Try(load, purpose) => {
                    assert!(
                        (settings.from..=settings.to).contains(&load),
                        "{load} {trials:?}"
                    );
                    assert!(
                        trials.len() < 200,
                        "the search goes on for ever: {trials:?}"
                    );
                    let outcome = server(load, trials.len());
                    trials.push(Trial {
                        load,
                        purpose,
                        outcome,
                    });
                }
            }
        }
    }

    fn up_to(capacity: u64) -> impl Fn(u64, usize) -> Outcome {
        move |load, _| {
            if load <= capacity {
                Outcome::Held
            } else {
                Outcome::Failed
            }
        }
    }

    fn tried(trials: &[Trial]) -> Vec<(u64, Purpose)> {
        trials.iter().map(|t| (t.load, t.purpose)).collect()
    }

    #[test]
    fn a_sharp_limit_is_grown_to_bisected_and_confirmed() {
        let (answer, trials) = search(SETTINGS, up_to(530));
        assert_eq!(answer.conclusion, Conclusion::Found);
        assert_eq!(answer.capacity, Some(525));
        assert_eq!(answer.fails_at, Some(550));
        use Purpose::{Beyond, Bisect, Confirm, Grow, Repeat};
        assert_eq!(
            tried(&trials),
            [
                (100, Grow),
                (200, Grow),
                (400, Grow),
                (800, Grow),
                (800, Repeat),
                (600, Bisect),
                (500, Bisect),
                (550, Bisect),
                (525, Bisect),
                (525, Confirm),
                (525, Confirm),
                (525, Confirm),
                (550, Beyond),
            ]
        );
    }

    #[test]
    fn the_last_level_is_an_answer_and_the_first_that_fails_is_one() {
        let settings = Settings {
            to: 1_000,
            ..SETTINGS
        };
        let (answer, trials) = search(settings, up_to(u64::MAX));
        assert_eq!(answer.conclusion, Conclusion::AtLeast);
        assert_eq!(
            (answer.capacity, answer.fails_at, trials.len()),
            (Some(1_000), None, 8)
        );
        let (answer, trials) = search(SETTINGS, up_to(99));
        assert_eq!(answer.conclusion, Conclusion::BelowFrom);
        assert_eq!(
            (answer.capacity, trials.len()),
            (None, 2),
            "one failure may be a fluke"
        );
    }

    #[test]
    fn a_fluke_on_the_way_up_does_not_end_there() {
        let (answer, trials) = search(SETTINGS, |load, number| {
            if number == 1 {
                Outcome::Failed
            } else {
                up_to(3_000)(load, number)
            }
        });
        // The best of three.
        assert_eq!(trials[2].purpose, Purpose::Repeat);
        assert_eq!(trials[3].purpose, Purpose::Repeat);
        assert_eq!(answer.conclusion, Conclusion::Found);
        assert!(answer.capacity >= Some(2_850), "{answer:?}");
        assert_eq!(not_monotonic(&trials), [200]);
    }

    #[test]
    fn a_confirmation_that_fails_leads_to_a_lower_answer() {
        let mut at_525 = 0;
        let (answer, trials) = search(SETTINGS, |load, number| {
            if load == 525 {
                at_525 += 1;
                if at_525 == 3 {
                    return Outcome::Failed;
                }
            }
            up_to(530)(load, number)
        });
        assert!(answer.capacity < Some(525), "{answer:?}");
        assert_eq!(answer.fails_at, Some(525));
        let at_answer = |t: &&Trial| Some(t.load) == answer.capacity;
        let confirmed = trials.iter().filter(at_answer);
        let confirmed = confirmed.filter(|t| t.purpose == Purpose::Confirm);
        assert_eq!(confirmed.count(), 3);
        assert_eq!(answer.conclusion, Conclusion::Range, "525 mostly held");
    }

    #[test]
    fn a_limit_that_is_blurred_is_a_range() {
        let mut at_550 = 0;
        let (answer, _) = search(SETTINGS, |load, number| {
            if load == 550 {
                at_550 += 1;
                if at_550 > 1 {
                    return Outcome::Held;
                }
            }
            up_to(530)(load, number)
        });
        assert_eq!(answer.conclusion, Conclusion::Range);
        assert_eq!((answer.capacity, answer.fails_at), (Some(525), Some(550)));
    }

    #[test]
    fn a_generator_at_its_limit_ends_the_search_with_a_lower_bound() {
        let (answer, trials) = search(SETTINGS, |load, _| {
            if load > 700 {
                Outcome::GeneratorBound
            } else {
                Outcome::Held
            }
        });
        assert_eq!(answer.conclusion, Conclusion::GeneratorBound);
        assert_eq!(answer.capacity, Some(400));
        assert_eq!(trials.len(), 5, "800 was tried twice");
        let (answer, _) = search(SETTINGS, |_, _| Outcome::GeneratorBound);
        assert_eq!(
            (answer.capacity, answer.conclusion),
            (None, Conclusion::GeneratorBound)
        );
        let (answer, _) = search(SETTINGS, |load, number| {
            if number == 2 {
                Outcome::GeneratorBound
            } else {
                up_to(530)(load, number)
            }
        });
        assert_eq!(answer.capacity, Some(525), "once is no limit");
    }

    #[test]
    fn a_kept_server_that_does_not_recover_ends_the_search() {
        let settings = Settings {
            server_is_kept: true,
            ..SETTINGS
        };
        let mut is_broken = false;
        let (answer, trials) = search(settings, |load, _| {
            is_broken |= load > 530;
            if is_broken {
                Outcome::Failed
            } else {
                Outcome::Held
            }
        });
        assert_eq!(answer.conclusion, Conclusion::NotRecovered);
        assert_eq!(answer.capacity, Some(400));
        assert_eq!(trials.last().unwrap().purpose, Purpose::Recheck);
        let (answer, trials) = search(settings, up_to(530));
        assert_eq!(answer.capacity, Some(525));
        let rechecks = trials.iter().filter(|t| t.purpose == Purpose::Recheck);
        assert_eq!(rechecks.count(), 1);
    }

    #[test]
    fn levels_left_count_down_to_none() {
        let mut left = Vec::new();
        let mut trials = Vec::new();
        while let Step::Try(load, purpose) = next(&SETTINGS, &trials) {
            left.push(levels_left(&SETTINGS, &trials));
            let outcome = up_to(530)(load, 0);
            trials.push(Trial {
                load,
                purpose,
                outcome,
            });
        }
        assert_eq!(left[0], None, "nobody knows");
        let known: Vec<u32> = left.into_iter().flatten().collect();
        assert!(known.is_sorted_by(|a, b| a >= b), "{known:?}");
        assert_eq!(known.last(), Some(&1));
        assert_eq!(levels_left(&SETTINGS, &trials), Some(0));
        assert_eq!(stop(&SETTINGS, &trials).conclusion, Conclusion::Found);
        assert_eq!(
            stop(&SETTINGS, &trials[..7]).conclusion,
            Conclusion::Unfinished
        );
    }

    proptest! {
        #[test]
        fn a_sharp_limit_is_found_within_the_precision(capacity in 100u64..900_000) {
            let (answer, _) = search(SETTINGS, up_to(capacity));
            let found = answer.capacity.unwrap();
            prop_assert!(found <= capacity);
            prop_assert!(capacity as f64 <= found as f64 * 1.05 + 1.0, "{found} of {capacity}");
        }

        #[test]
        fn any_server_comes_to_an_answer_that_held(outcomes in prop::collection::vec(0u8..5, 200)) {
            let (answer, trials) = search(SETTINGS, |_, number| match outcomes[number] {
                0 | 1 => Outcome::Held,
                2 | 3 => Outcome::Failed,
                _ => Outcome::GeneratorBound,
            });
            if let Some(capacity) = answer.capacity {
                let held = |t: &Trial| t.load == capacity && t.outcome == Outcome::Held;
                prop_assert!(trials.iter().any(held));
            }
        }
    }
}
