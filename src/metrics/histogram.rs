use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The highest value that is told apart: one hour in microseconds.
///
/// Longer times are recorded as one hour and counted in `histogram.out_of_range`: a connect that
/// took longer is no latency any more, and a bound keeps every histogram below 200 KiB.
pub const HIGHEST: u64 = 3_600_000_000;

/// Significant decimal digits: a value is off by at most one part in a thousand.
const DIGITS: u8 = 3;

/// An HdrHistogram of microseconds or plain numbers, from 0 to [`HIGHEST`], to three digits.
///
/// It grows with its values: one that saw nothing above two milliseconds takes 16 KiB.
#[derive(Debug, Clone)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Histogram {
    /// One without values.
    #[must_use]
    pub fn new() -> Self {
        Self(hdrhistogram::Histogram::new(DIGITS).expect("three digits are within HdrHistogram's"))
    }

    /// Adds a value; true if it lay above [`HIGHEST`] and was recorded as that.
    pub fn record(&mut self, value: u64) -> bool {
        self.record_n(value, 1)
    }

    /// Adds a value so many times; true if it lay above [`HIGHEST`] and was recorded as that.
    pub fn record_n(&mut self, value: u64, times: u64) -> bool {
        let kept = value.min(HIGHEST);
        self.0
            .record_n(kept, times)
            .expect("a histogram that resizes takes every value up to HIGHEST");
        kept != value
    }

    /// Adds all values of another one.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("a histogram that resizes takes every other one of its precision");
    }

    /// What lies within, for the functions of the hdrhistogram crate.
    #[must_use]
    pub fn hdr(&self) -> &hdrhistogram::Histogram<u64> {
        &self.0
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a percentile in [0, 100]; 0 without values.
    #[must_use]
    pub fn value_at_percentile(&self, percentile: f64) -> u64 {
        self.0.value_at_percentile(percentile)
    }

    /// The value of number `rank` when they are put in order, from 1; nothing beyond the last.
    #[must_use]
    pub fn value_at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        self.0
            .iter_recorded()
            .find(|step| {
                seen += step.count_since_last_iteration();
                seen >= rank
            })
            .map(|step| self.0.highest_equivalent(step.value_iterated_to()))
    }

    /// In HdrHistogram's own form, V2 with DEFLATE.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .expect("writing to a vector does not fail");
        bytes
    }

    /// From HdrHistogram's own form, V2 with or without DEFLATE; nothing if it is not that.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let read: hdrhistogram::Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
            .deserialize(&mut bytes)
            .ok()?;
        let mut own = Self::new();
        // What was read keeps the bounds of its writer; values are taken over into our own.
        own.0.add(&read).ok()?;
        Some(own)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Equal if they hold the same values, however far each had to grow.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let steps = |h: &Self| -> Vec<(u64, u64)> {
            h.0.iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect()
        };
        self.count() == other.count() && steps(self) == steps(other)
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64
            .decode(text)
            .ok()
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| de::Error::custom("not an HdrHistogram in base64"))
    }
}
