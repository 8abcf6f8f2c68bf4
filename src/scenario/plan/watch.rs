//! Servers that a run watches though it did not start them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A `[[watch]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Unique in its scenario; stands in the names of its series.
    pub name: String,
    /// Where its figures come from.
    pub source: WatchSource,
}

/// Where the figures of a watched server come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WatchSource {
    /// A process of this machine, with its children.
    Pid(u32),
    /// A metrics endpoint.
    Prometheus {
        /// `http` or `https`.
        url: url::Url,
        /// At least one.
        series: Vec<SeriesSelector>,
    },
}

/// A series of a metrics endpoint: a name, and labels that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSelector {
    /// As written: `nodejs_heap_space_size_used_bytes{space="old"}`.
    text: String,
    name: String,
    labels: BTreeMap<String, String>,
}

/// Text that selects no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a series")]
pub struct NotASeries(String);

impl SeriesSelector {
    /// Reads `NAME` or `NAME{label="value",…}`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str) -> Result<Self, NotASeries> {
        let refuse = || NotASeries(text.to_owned());
        let text = text.trim();
        let (name, labels) = match text.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').ok_or_else(refuse)?),
            None => (text, ""),
        };
        let label = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            is_name(name.trim()).then(|| (name.trim().to_owned(), value.to_owned()))
        };
        let labels = labels
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| label(pair).ok_or_else(refuse))
            .collect::<Result<_, _>>()?;
        if !is_name(name.trim()) {
            return Err(refuse());
        }
        Ok(Self {
            text: text.to_owned(),
            name: name.trim().to_owned(),
            labels,
        })
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Labels that it must have; it may have others.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}

impl fmt::Display for SeriesSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_a_name_and_labels() {
        let series = SeriesSelector::parse(" heap{space=\"old\", kind=\"used\"} ").unwrap();
        assert_eq!(series.name(), "heap");
        let labels: Vec<_> = series.labels().collect();
        assert_eq!(labels, [("kind", "used"), ("space", "old")]);
        assert_eq!(series.to_string(), "heap{space=\"old\", kind=\"used\"}");
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in ["", "1up", "up{", "up{a}", "up{a=b}", "a b"] {
            assert!(SeriesSelector::parse(text).is_err(), "{text:?}");
        }
    }
}
