//! Quantities that a scenario names with a unit: rates, byte sizes, shares of clients.
//!
//! Durations are [`std::time::Duration`]; [`parse_duration`] reads them. Everything here is a
//! value: nothing reads a clock or a file.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not the quantity that its place asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct UnitError {
    /// What was written.
    pub found: String,
    /// What the place takes, with an example.
    pub expected: &'static str,
}

const A_DURATION: &str = "a duration such as \"500ms\", \"45s\" or \"1m 30s\"";
const A_RATE: &str = "a rate such as \"250/s\", \"90/min\" or \"1000/h\"";
const A_SIZE: &str = "a size such as \"64B\", \"1KB\" or \"2MiB\"";
const A_BYTE_RATE: &str = "a rate such as \"1KB/s\" or \"2MiB/s\"";
const A_SHARE: &str = "a share such as \"50%\" or 0.5";
const A_SELECTION: &str = "a number of clients or a share such as \"50%\"";

/// Reads a duration such as `500ms`, `45s` or `1m 30s`.
///
/// # Errors
/// If the text is no duration, or one without a unit.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    humantime::parse_duration(text.trim()).map_err(|_| UnitError {
        found: text.to_owned(),
        expected: A_DURATION,
    })
}

/// Prints a duration as [`parse_duration`] reads it.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Serde for a `Duration` field written as text: `#[serde(with = "units::duration")]`.
pub mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, de};

    /// Writes `1m 30s`.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_duration(*value))
    }

    /// Reads `1m 30s`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(de::Error::custom)
    }
}

/// Serde for an `Option<Duration>` field: `#[serde(with = "units::optional_duration")]`.
pub mod optional_duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, de};

    /// Writes `1m 30s`, or nothing.
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::duration::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `1m 30s`, or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse_duration(&text).map_err(de::Error::custom))
            .transpose()
    }
}

/// How many per unit of time; always above zero and finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    count: f64,
    per: Duration,
}

impl Rate {
    /// `count` per `per`, or nothing if that is not above zero and finite.
    #[must_use]
    pub fn new(count: f64, per: Duration) -> Option<Self> {
        (count > 0.0 && count.is_finite() && !per.is_zero()).then_some(Self { count, per })
    }

    /// How many in a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.count / self.per.as_secs_f64()
    }

    /// When number `n` (from 0) is due, counted from the schedule's start.
    ///
    /// Computed from the start, never from the previous one, so that nothing drifts. What lies
    /// beyond the longest `Duration` is due then.
    #[must_use]
    pub fn due(self, n: u64) -> Duration {
        let seconds = self.per.as_secs_f64() * (n as f64 / self.count);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            3600 => "h",
            _ => return write!(f, "{}/s", self.per_second()),
        };
        write!(f, "{}/{unit}", self.count)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parse = || {
            let (count, unit) = text.split_once('/')?;
            let per = match unit.trim() {
                "s" | "sec" | "second" => 1,
                "m" | "min" | "minute" => 60,
                "h" | "hour" => 3600,
                _ => return None,
            };
            Self::new(count.trim().parse().ok()?, Duration::from_secs(per))
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: A_RATE,
        })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 6] = [
            ("GiB", 1 << 30),
            ("GB", 1_000_000_000),
            ("MiB", 1 << 20),
            ("MB", 1_000_000),
            ("KiB", 1 << 10),
            ("KB", 1_000),
        ];
        for (unit, size) in UNITS {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(trimmed.len());
        let parse = || {
            let count: f64 = trimmed[..digits].parse().ok()?;
            let unit: f64 = match trimmed[digits..].trim().to_ascii_lowercase().as_str() {
                "b" => 1.0,
                "kb" => 1e3,
                "kib" => 1024.0,
                "mb" => 1e6,
                "mib" => 1024.0 * 1024.0,
                "gb" => 1e9,
                "gib" => 1024.0 * 1024.0 * 1024.0,
                _ => return None,
            };
            Some(Self((count * unit).round() as u64))
        };
        parse().ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: A_SIZE,
        })
    }
}

/// Bytes per second, above zero; written as `"1KB/s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRate(u64);

impl ByteRate {
    /// So many bytes in a second, or nothing if that is none.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Option<Self> {
        (bytes_per_second > 0).then_some(Self(bytes_per_second))
    }

    /// How many bytes in a second.
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        self.0
    }

    /// How long so many bytes take.
    #[must_use]
    pub fn time_for(self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.0 as f64)
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0))
    }
}

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let size = text.trim().strip_suffix("/s").map(str::parse::<ByteSize>);
        size.and_then(Result::ok)
            .and_then(|size| Self::new(size.0))
            .ok_or_else(|| UnitError {
                found: text.to_owned(),
                expected: A_BYTE_RATE,
            })
    }
}

/// A fraction in [0, 1], written as `"50%"` or `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// The fraction, or nothing outside [0, 1].
    #[must_use]
    pub fn new(fraction: f64) -> Option<Self> {
        (0.0..=1.0).contains(&fraction).then_some(Self(fraction))
    }

    /// The fraction, in [0, 1].
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_all(self) -> bool {
        self.0 >= 1.0
    }

    /// All of it.
    pub const ALL: Self = Self(1.0);
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Twelve digits are enough to undo what binary fractions do to 0.07 * 100.
        write!(f, "{}%", (self.0 * 1e14).round() / 1e12)
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let fraction = match trimmed.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
            None => trimmed.parse(),
        };
        fraction.ok().and_then(Self::new).ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: A_SHARE,
        })
    }
}

/// How many of the clients at hand a fault takes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Selection {
    /// Every client.
    #[default]
    All,
    /// So many, or all if there are fewer.
    Count(u64),
    /// This share, rounded to the nearest whole client.
    Share(Share),
}

impl Selection {
    /// How many out of `available`.
    #[must_use]
    pub fn of(self, available: usize) -> usize {
        match self {
            Self::All => available,
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX).min(available),
            Self::Share(share) => (share.0 * available as f64).round() as usize,
        }
    }
}

impl From<Share> for Selection {
    /// `All` prints as 100%, and 100% of the clients are all of them.
    fn from(share: Share) -> Self {
        if share.0 < 1.0 {
            Self::Share(share)
        } else {
            Self::All
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("100%"),
            Self::Count(count) => count.fmt(f),
            Self::Share(share) => share.fmt(f),
        }
    }
}

impl FromStr for Selection {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let parsed = match trimmed.strip_suffix('%') {
            Some(_) => trimmed.parse::<Share>().ok().map(Self::from),
            None => trimmed.parse().ok().map(Self::Count),
        };
        parsed.ok_or_else(|| UnitError {
            found: text.to_owned(),
            expected: A_SELECTION,
        })
    }
}

/// Written as text in every file, read back from it.
macro_rules! serde_as_text {
    ($($unit:ty),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(Rate, ByteSize, ByteRate, Share, Selection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_print_as_they_are_read() {
        for text in ["250/s", "90/min", "0.5/s", "1000/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["64B", "1KB", "2MiB", "1536B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        for text in ["64B/s", "1KB/s", "2MiB/s"] {
            assert_eq!(text.parse::<ByteRate>().unwrap().to_string(), text);
        }
        for text in ["7%", "50%", "12.5%"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Selection>().unwrap().to_string(), text);
        }
        assert_eq!("1m 30s", format_duration(parse_duration("90s").unwrap()));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        assert!("0/s".parse::<Rate>().is_err());
        assert!("5".parse::<Rate>().is_err());
        assert!("5".parse::<ByteSize>().is_err());
        assert!("0KB/s".parse::<ByteRate>().is_err());
        assert!("1KB".parse::<ByteRate>().is_err());
        assert!("120%".parse::<Share>().is_err());
        assert!("-1".parse::<Selection>().is_err());
        let message = parse_duration("5").unwrap_err().to_string();
        assert!(message.contains("45s"), "{message}");
    }

    #[test]
    fn the_nth_arrival_is_due_by_the_schedule_and_not_by_its_neighbour() {
        let rate: Rate = "3/s".parse().unwrap();
        assert_eq!(rate.due(0), Duration::ZERO);
        assert_eq!(rate.due(3_000_000), Duration::from_secs(1_000_000));
    }

    #[test]
    fn a_selection_never_takes_more_than_there_are() {
        assert_eq!(Selection::Count(7).of(3), 3);
        assert_eq!("50%".parse::<Selection>().unwrap().of(5), 3);
        assert_eq!(Selection::All.of(4), 4);
    }
}
