use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::event::{Counter, HistogramMetric, Labelling, MetricName, RateMetric, Unit};

/// Metrics that later versions will have; known by name, so that nobody looks for a typing error.
pub const LATER_METRICS: [&str; 3] = ["delivery.lost", "delivery.duplicated", "delivery.reordered"];

/// Any metric that a threshold can bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// One with a distribution.
    Time(HistogramMetric),
    /// One that counts.
    Counter(Counter),
    /// A fraction.
    Rate(RateMetric),
}

impl Metric {
    /// The one with this name; `clients.connected` is bounded by its maximum.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = Self::resolve_alias(name);
        HistogramMetric::from_name(name)
            .map(Self::Time)
            .or_else(|| Counter::from_name(name).map(Self::Counter))
            .or_else(|| RateMetric::from_name(name).map(Self::Rate))
    }

    /// Every metric, those with a distribution first.
    pub fn all() -> impl Iterator<Item = Self> {
        let times = HistogramMetric::ALL.iter().copied().map(Self::Time);
        let counters = Counter::ALL.iter().copied().map(Self::Counter);
        let rates = RateMetric::ALL.iter().copied().map(Self::Rate);
        times.chain(counters).chain(rates)
    }

    /// The name in scenarios and in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time(metric) => metric.name(),
            Self::Counter(metric) => metric.name(),
            Self::Rate(metric) => metric.name(),
        }
    }

    /// What it measures, in one line.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Time(metric) => metric.about(),
            Self::Counter(metric) => metric.about(),
            Self::Rate(metric) => metric.about(),
        }
    }

    /// What its bounds are, in a word or two.
    #[must_use]
    pub fn takes(self) -> &'static str {
        match self.kind() {
            Kind::Time => "a time",
            Kind::Number => "a number",
            Kind::Count => "a count",
            Kind::Peak => "a maximum",
            Kind::Bytes => "a size",
            Kind::Rate => "a share",
        }
    }

    /// What its bounds look like.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Time(metric) => match metric.unit() {
                Unit::Microseconds => Kind::Time,
                Unit::Count => Kind::Number,
            },
            Self::Counter(Counter::BytesSent | Counter::BytesReceived) => Kind::Bytes,
            Self::Counter(Counter::ClientsConnectedMax) => Kind::Peak,
            Self::Counter(_) => Kind::Count,
            Self::Rate(_) => Kind::Rate,
        }
    }
}

impl MetricName for Metric {
    fn all() -> impl Iterator<Item = Self> {
        Self::all()
    }

    fn resolve_alias(name: &str) -> &str {
        match name {
            "clients.connected" => Counter::ClientsConnectedMax.name(),
            name => name,
        }
    }

    fn name(self) -> &'static str {
        self.name()
    }

    fn labelling(self) -> Labelling {
        match self {
            Self::Time(metric) => metric.labelling(),
            Self::Counter(metric) => metric.labelling(),
            Self::Rate(metric) => metric.labelling(),
        }
    }
}

/// What a metric's bounds look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A distribution of times.
    Time,
    /// A distribution of numbers.
    Number,
    /// A counter.
    Count,
    /// A counter of bytes.
    Bytes,
    /// The most of something at once.
    Peak,
    /// A fraction.
    Rate,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name)
            .ok_or_else(|| de::Error::custom(format_args!("there is no metric {name:?}")))
    }
}
