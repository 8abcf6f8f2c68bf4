use std::fmt;

use super::label::{self, Label, LabelKind, Labelling};

/// A closed set of metrics whose series have names.
pub trait MetricName: Copy + Ord + fmt::Debug + 'static {
    /// Every metric of the set.
    fn all() -> impl Iterator<Item = Self>;

    /// The full name that a shorter one stands for.
    fn resolve_alias(name: &str) -> &str {
        name
    }

    /// The name in scenarios and in every output, with `NAME` where a label's name belongs.
    fn name(self) -> &'static str;

    /// How the metric is split by names of the scenario.
    fn labelling(self) -> Labelling;
}

/// A metric, or what it is of one event, step or listener alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series<M> {
    /// The metric.
    pub metric: M,
    /// The name that it is split by; nothing for everything together.
    pub label: Option<Label>,
}

impl<M> From<M> for Series<M> {
    fn from(metric: M) -> Self {
        Self {
            metric,
            label: None,
        }
    }
}

impl<M: MetricName> Series<M> {
    /// The series of a metric for one label.
    #[must_use]
    pub fn of(metric: M, label: Label) -> Self {
        Self {
            metric,
            label: Some(label),
        }
    }

    /// The name in every output, here of one population: `ack.time{web,event=message}`.
    #[must_use]
    pub fn name_in(&self, population: Option<&str>) -> String {
        let metric = self.metric.name();
        let (name, of) = match (&self.label, self.metric.labelling()) {
            (None, _) | (Some(_), Labelling::Never) => (metric.to_owned(), None),
            (Some(label), Labelling::Only(_)) => {
                let name = metric.replacen(PLACEHOLDER, &label::escape(label.name()), 1);
                (name, None)
            }
            (Some(label), Labelling::Also(kind)) => {
                let of = format!("{kind}={}", label::escape(label.name()));
                (metric.to_owned(), Some(of))
            }
        };
        let population = population.map(label::escape);
        let items: Vec<String> = population.into_iter().chain(of).collect();
        if items.is_empty() {
            name
        } else {
            format!("{name}{{{}}}", items.join(","))
        }
    }

    /// The name as a file name without its extension.
    #[must_use]
    pub fn file_name(&self) -> String {
        label::file_name(&self.to_string())
    }

    /// The name as a tag of an interval log; a selector reads it.
    #[must_use]
    pub fn tag(&self) -> String {
        label::tag(&self.to_string())
    }

    /// The series with this name, of no population in particular; nothing if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let selector = Selector::parse(name).ok()?;
        selector.population.is_none().then_some(selector.series)
    }
}

impl<M: MetricName> fmt::Display for Series<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name_in(None))
    }
}

/// Stands in a metric's name where that of a label belongs.
const PLACEHOLDER: &str = "NAME";

/// The names of series: `METRIC`, `METRIC{POPULATION}`, `METRIC{event=NAME}`,
/// `METRIC{POPULATION,event=NAME}`, and `step.NAME.time` for metrics whose name holds a label's.
///
/// Within a label or a population `%XX` stands for a byte, as in URLs; names are written with `%`,
/// `{`, `}`, `,`, `=`, `"` and control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector<M> {
    /// The metric and its label.
    pub series: Series<M>,
    /// The population that is meant; nothing for all of them.
    pub population: Option<String>,
}

/// A name that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// No closing brace, or an empty item within braces.
    #[error("{text:?} is not a selector")]
    Syntax {
        /// The text.
        text: String,
    },
    /// No such metric.
    #[error("there is no metric {name:?}")]
    UnknownMetric {
        /// The name before the braces.
        name: String,
    },
    /// A key that this metric is not split by.
    #[error("{metric} is not available per {key}")]
    NotSplit {
        /// The metric's name.
        metric: &'static str,
        /// The key.
        key: String,
    },
    /// Two populations, or two labels.
    #[error("{text:?} selects twice")]
    Twice {
        /// The text.
        text: String,
    },
}

impl<M: MetricName> Selector<M> {
    /// Reads a selector.
    ///
    /// # Errors
    /// If it is malformed, or names a metric or a key that does not exist.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        let syntax = || SelectorError::Syntax {
            text: text.to_owned(),
        };
        let twice = || SelectorError::Twice {
            text: text.to_owned(),
        };
        let (name, items) = match text.split_once('{') {
            None => (text, None),
            Some((name, rest)) => (
                name.trim_end(),
                Some(rest.strip_suffix('}').ok_or_else(syntax)?),
            ),
        };
        let mut series = metric(name).ok_or_else(|| SelectorError::UnknownMetric {
            name: name.to_owned(),
        })?;
        let mut population = None;
        for item in items.into_iter().flat_map(|items| items.split(',')) {
            match item.split_once('=') {
                None if item.trim().is_empty() => return Err(syntax()),
                None if population.is_some() => return Err(twice()),
                None => population = Some(label::unescape(item.trim())),
                Some((_, value)) if value.trim().is_empty() => return Err(syntax()),
                Some((key, value)) => {
                    let label = keyed(series.metric, key.trim(), value.trim())?;
                    if series.label.replace(label).is_some() {
                        return Err(twice());
                    }
                }
            }
        }
        Ok(Self { series, population })
    }
}

/// The metric that a name without braces means, with the label that the name holds.
fn metric<M: MetricName>(name: &str) -> Option<Series<M>> {
    let name = M::resolve_alias(name);
    M::all().find_map(|metric| match metric.labelling() {
        Labelling::Never | Labelling::Also(_) => (metric.name() == name).then(|| metric.into()),
        Labelling::Only(kind) => {
            let (before, after) = metric.name().split_once(PLACEHOLDER)?;
            let label = name.strip_prefix(before)?.strip_suffix(after)?;
            let label = (!label.is_empty()).then(|| kind.label(label::unescape(label)))?;
            Some(Series::of(metric, label))
        }
    })
}

/// The label that `key=value` means for a metric.
fn keyed<M: MetricName>(metric: M, key: &str, value: &str) -> Result<Label, SelectorError> {
    let wanted: Option<LabelKind> = match metric.labelling() {
        Labelling::Also(kind) => Some(kind),
        Labelling::Never | Labelling::Only(_) => None,
    };
    match wanted {
        Some(kind) if kind.to_string() == key => Ok(kind.label(label::unescape(value))),
        Some(_) | None => Err(SelectorError::NotSplit {
            metric: metric.name(),
            key: key.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Counter, HistogramMetric};
    use super::*;

    type Times = Selector<HistogramMetric>;

    fn event(name: &str) -> Label {
        Label::Event(name.to_owned())
    }

    #[test]
    fn a_selector_names_a_metric_and_what_it_is_of() {
        let ack = HistogramMetric::AckTime;
        for (text, series, population) in [
            ("ack.time", ack.into(), None),
            ("ack.time{web}", ack.into(), Some("web")),
            (
                "ack.time{event=chat message}",
                Series::of(ack, event("chat message")),
                None,
            ),
            (
                "ack.time{ web , event = a%2Cb }",
                Series::of(ack, event("a,b")),
                Some("web"),
            ),
            (
                "step.a.login.time{web}",
                Series::of(HistogramMetric::StepTime, Label::Step("a.login".to_owned())),
                Some("web"),
            ),
        ] {
            let selector = Times::parse(text).unwrap();
            assert_eq!(selector.series, series, "{text}");
            assert_eq!(selector.population.as_deref(), population, "{text}");
        }
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in [
            "ack.time{",
            "ack.time{}",
            "ack.time{web,}",
            "ack.time{event=}",
        ] {
            assert!(
                matches!(Times::parse(text), Err(SelectorError::Syntax { .. })),
                "{text}"
            );
        }
        for text in ["ack.time{a,b}", "ack.time{event=a,event=b}"] {
            assert!(
                matches!(Times::parse(text), Err(SelectorError::Twice { .. })),
                "{text}"
            );
        }
        for text in [
            "connect.time{event=a}",
            "ack.time{step=a}",
            "step.a.time{event=a}",
        ] {
            assert!(
                matches!(Times::parse(text), Err(SelectorError::NotSplit { .. })),
                "{text}"
            );
        }
        for text in ["acks", "step..time", "step.time", ""] {
            assert!(
                matches!(Times::parse(text), Err(SelectorError::UnknownMetric { .. })),
                "{text}"
            );
        }
        assert!(Selector::<Counter>::parse("acks{event=a}").is_ok());
    }

    proptest! {
        #[test]
        fn every_series_is_found_by_the_name_that_it_prints(name in "\\PC{1,20}", web in "[a-z{},=%]{1,5}") {
            for metric in HistogramMetric::ALL {
                let label = match metric.labelling() {
                    Labelling::Never => None,
                    Labelling::Also(kind) | Labelling::Only(kind) => Some(kind.label(name.trim().to_owned())),
                };
                if label.as_ref().is_some_and(|label| label.name().is_empty()) {
                    continue;
                }
                let series = Series { metric: *metric, label };
                let read = Times::parse(&series.name_in(Some(&web))).unwrap();
                prop_assert_eq!(&read.series, &series);
                prop_assert_eq!(read.population.as_deref(), Some(web.as_str()));
                prop_assert_eq!(Series::from_name(&series.tag()), Some(series.clone()));
                prop_assert!(series.tag().bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
            }
        }
    }
}
