use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;

/// The values of a metric: those that were completed, and lower bounds of those that were not.
///
/// A value is censored if all that is known of it is that it was at least so great: an ack that
/// timed out, or that had not come when its client left. Leaving such values out would make the
/// worst server look the best, for it answers the fewest requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    completed: Histogram,
    /// The ages that the others had reached. Boxed: hardly any metric has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    censored: Option<Box<Histogram>>,
}

/// A percentile of a [`Sample`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// The value, with every censored one taken at its age.
    pub value: u64,
    /// Whether it would be greater if the censored values were: then the true percentile is at
    /// least `value`, and nobody knows how much more.
    pub at_least: bool,
}

impl Sample {
    /// A sample of completed values alone.
    #[must_use]
    pub fn of(completed: Histogram) -> Self {
        Self {
            completed,
            censored: None,
        }
    }

    /// Adds a completed value; true if it was recorded at the limit.
    pub fn record(&mut self, value: u64) -> bool {
        self.completed.record(value)
    }

    /// Adds a value of which only a lower bound is known; true if it was recorded at the limit.
    pub fn record_censored(&mut self, age: u64) -> bool {
        self.censored.get_or_insert_default().record(age)
    }

    /// Adds all of another one's.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            completed,
            censored,
        } = other;
        self.completed.merge(completed);
        if let Some(theirs) = censored {
            self.merge_censored(theirs);
        }
    }

    /// Adds lower bounds.
    pub fn merge_censored(&mut self, ages: &Histogram) {
        self.censored.get_or_insert_default().merge(ages);
    }

    /// The completed values.
    #[must_use]
    pub fn completed(&self) -> &Histogram {
        &self.completed
    }

    /// The ages of the censored values, if there are any.
    #[must_use]
    pub fn censored(&self) -> Option<&Histogram> {
        self.censored.as_deref().filter(|ages| !ages.is_empty())
    }

    /// The number of censored values.
    #[must_use]
    pub fn censored_count(&self) -> u64 {
        self.censored().map_or(0, Histogram::count)
    }

    /// All values, the censored ones at their age.
    #[must_use]
    pub fn all(&self) -> Cow<'_, Histogram> {
        match self.censored() {
            None => Cow::Borrowed(&self.completed),
            Some(ages) => {
                let mut all = self.completed.clone();
                all.merge(ages);
                Cow::Owned(all)
            }
        }
    }

    /// The percentile, in [0, 100]; 0 without values.
    #[must_use]
    pub fn percentile(&self, percentile: f64) -> Percentile {
        self.percentiles([percentile])[0]
    }

    /// Several percentiles, each in [0, 100].
    #[must_use]
    pub fn percentiles<const N: usize>(&self, percentiles: [f64; N]) -> [Percentile; N] {
        let all = self.all();
        percentiles.map(|percentile| {
            let value = all.value_at_percentile(percentile);
            Percentile {
                value,
                at_least: self.is_at_least(percentile, value, all.count()),
            }
        })
    }

    /// Whether a percentile of all `count` values would differ from `value` if the censored ones were
    /// infinite: the completed ones would then hold the first ranks.
    fn is_at_least(&self, percentile: f64, value: u64, count: u64) -> bool {
        if self.censored().is_none() {
            return false;
        }
        // As HdrHistogram counts: the rank of a percentile is at least 1.
        let rank = ((percentile / 100.0 * count as f64).ceil() as u64).max(1);
        self.completed.value_at_rank(rank) != Some(value)
    }
}

impl From<Histogram> for Sample {
    fn from(completed: Histogram) -> Self {
        Self::of(completed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(completed: &[u64], censored: &[u64]) -> Sample {
        let mut sample = Sample::default();
        for value in completed {
            sample.record(*value);
        }
        for age in censored {
            sample.record_censored(*age);
        }
        sample
    }

    fn p(sample: &Sample, percentile: f64) -> (u64, bool) {
        let Percentile { value, at_least } = sample.percentile(percentile);
        (value, at_least)
    }

    #[test]
    fn a_silent_server_does_not_look_fast() {
        let half_silent = sample(&[2; 50], &[1000; 50]);
        assert_eq!(p(&half_silent, 50.0), (2, false));
        assert_eq!(p(&half_silent, 51.0), (1000, true));
        assert_eq!(p(&half_silent, 99.0), (1000, true));
        assert_eq!(half_silent.completed().count(), 50);
        assert_eq!(half_silent.censored_count(), 50);
    }

    #[test]
    fn what_is_cut_off_early_counts_even_where_it_does_not_show() {
        // Taken at its age the young one lies below the median; were it infinite, it would not.
        let young = sample(&[10, 20, 30], &[5]);
        assert_eq!(p(&young, 50.0), (10, true));
        assert_eq!(p(&young, 100.0), (30, true));
        // Here it changes nothing: the first rank is the same either way.
        assert_eq!(p(&sample(&[10, 10, 10], &[30]), 50.0), (10, false));
    }

    #[test]
    fn without_a_completed_value_every_percentile_is_a_lower_bound() {
        let never = sample(&[], &[45]);
        assert_eq!(p(&never, 0.0), (45, true));
        assert_eq!(p(&never, 99.0), (45, true));
        assert_eq!(p(&Sample::default(), 99.0), (0, false));
    }

    proptest! {
        #[test]
        fn a_percentile_that_is_no_lower_bound_holds_whatever_becomes_of_the_rest(
            completed in proptest::collection::vec(0..5_000u64, 1..40),
            censored in proptest::collection::vec(0..5_000u64, 0..20),
            later in 0..100_000u64,
        ) {
            let cut = sample(&completed, &censored);
            let ends: Vec<u64> = censored.iter().map(|age| age + later).collect();
            let whole = sample(&[completed, ends].concat(), &[]);
            for percentile in [0.0, 25.0, 50.0, 90.0, 99.0, 100.0] {
                let known = cut.percentile(percentile);
                let truth = whole.percentile(percentile).value;
                if known.at_least {
                    prop_assert!(truth >= known.value, "{truth} < {known:?}");
                } else {
                    prop_assert_eq!(truth, known.value);
                }
            }
        }
    }
}
