use std::str::FromStr;
use std::time::Duration;

use super::{Reader, all};
use crate::scenario::keys::Kind;
use crate::scenario::problem::{Checked, Code, Reported};
use crate::scenario::raw::{Node, Raw};
use crate::units::{self, Selection, Share};

/// Longer than any run, and short enough for all arithmetic on instants.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl Reader<'_> {
    /// A duration.
    pub(in crate::scenario) fn duration(&self, key: &str) -> Checked<Duration> {
        self.always(key, |r, node| r.as_duration(key, node))
    }

    /// A duration, or nothing.
    pub(in crate::scenario) fn optional_duration(&self, key: &str) -> Checked<Option<Duration>> {
        self.optional(key, |r, node| r.as_duration(key, node))
    }

    /// A duration, or nothing for `false`.
    pub(in crate::scenario) fn duration_or_false(&self, key: &str) -> Checked<Option<Duration>> {
        self.always(key, |r, node| match node.value.as_boolean() {
            Some(false) => Ok(None),
            Some(true) | None => r.as_duration(key, node).map(Some),
        })
    }

    /// An array of durations above zero, or an empty one where the key is left out.
    pub(in crate::scenario) fn durations(&self, key: &str) -> Checked<Vec<Duration>> {
        let durations = self.optional(key, |r, node| {
            let elements = r.as_values(key, node)?;
            all(elements.iter().map(|element| {
                let duration = r.as_duration(key, element)?;
                if duration.is_zero() {
                    let message = format!("`{key}` cannot be zero");
                    return Err(r.reject(Code::OutOfRange, key, element, message));
                }
                Ok(duration)
            }))
        });
        durations.map(Option::unwrap_or_default)
    }

    /// A duration above zero.
    pub(in crate::scenario) fn not_zero(&self, key: &str, duration: Duration) -> Checked<Duration> {
        if !duration.is_zero() {
            return Ok(duration);
        }
        let place = self.entry(key).map_or(self.place, |entry| entry.node.place);
        let message = format!("`{key}` cannot be zero");
        Err(self.report(Code::OutOfRange, place, message, |d| {
            d.label("has to be above zero").key(self.path_of(key))
        }))
    }

    fn as_duration(&self, key: &str, node: &Node) -> Checked<Duration> {
        if let Some(number) = node.value.as_integer() {
            let help = format!("write \"{number}s\" or \"{number}ms\"");
            let message = format!("`{key}` is a number without a unit");
            return Err(self.reject_unit(key, node, message, Some(help)));
        }
        let Some(text) = node.value.as_str() else {
            return Err(self.wrong_type(key, node));
        };
        let Ok(duration) = units::parse_duration(text) else {
            let message = format!("{text:?} is not a duration");
            return Err(self.reject_unit(key, node, message, without_unit(text, "s")));
        };
        if duration <= LONGEST {
            return Ok(duration);
        }
        let message = format!("`{key}` cannot be {text:?}");
        Err(self.report(Code::OutOfRange, node.place, message, |d| {
            d.label("expected a year at most").key(self.path_of(key))
        }))
    }

    fn reject_unit(
        &self,
        key: &str,
        node: &Node,
        message: String,
        help: Option<String>,
    ) -> Reported {
        let expected = self.spec_of(key).kind.expected();
        self.report(Code::BadUnit, node.place, message, |mut d| {
            d.help = help;
            d.label(format!("expected {expected}"))
                .key(self.path_of(key))
        })
    }

    /// A rate or a size that has a default or has to be there.
    pub(in crate::scenario) fn quantity<T: FromStr>(&self, key: &str) -> Checked<T> {
        self.optional_quantity(key)
            .map(|value| value.expect("the key table gives it a default or requires it"))
    }

    /// A part of a whole.
    pub(in crate::scenario) fn share(&self, key: &str) -> Checked<Share> {
        self.always(key, |r, node| {
            let share = match &node.value {
                Raw::String(text) => text.parse().ok(),
                Raw::Float(number) => Share::new(*number),
                Raw::Integer(number) => Share::new(*number as f64),
                Raw::Boolean(_) | Raw::Datetime(_) | Raw::Array(_) | Raw::Table(_) => {
                    return Err(r.wrong_type(key, node));
                }
            };
            share.ok_or_else(|| match node.value.as_str() {
                Some(text) => {
                    let message = format!("{text:?} is not what `{key}` takes");
                    r.reject_unit(key, node, message, None)
                }
                None => r.out_of_range(key, node),
            })
        })
    }

    /// A rate or a size: text with a unit.
    pub(in crate::scenario) fn optional_quantity<T: FromStr>(
        &self,
        key: &str,
    ) -> Checked<Option<T>> {
        self.optional(key, |r, node| {
            if let Some(number) = node.value.as_integer() {
                let help = format!("write \"{number}{}\"", unit_of(r.spec_of(key).kind));
                let message = format!("`{key}` is a number without a unit");
                return Err(r.reject_unit(key, node, message, Some(help)));
            }
            let Some(text) = node.value.as_str() else {
                return Err(r.wrong_type(key, node));
            };
            text.parse().map_err(|_| {
                let message = format!("{text:?} is not what `{key}` takes");
                let help = without_unit(text, unit_of(r.spec_of(key).kind));
                r.reject_unit(key, node, message, help)
            })
        })
    }

    /// A number of clients or a share of them.
    pub(in crate::scenario) fn selection(&self, key: &str) -> Checked<Selection> {
        self.always(key, |r, node| match &node.value {
            Raw::Integer(number) => {
                let count = u64::try_from(*number).map(Selection::Count);
                count.map_err(|_| r.out_of_range(key, node))
            }
            Raw::Float(number) => {
                let share = Share::new(*number).map(Selection::from);
                share.ok_or_else(|| r.out_of_range(key, node))
            }
            Raw::String(text) => text.parse().map_err(|_| {
                let message = format!("{text:?} is not what `{key}` takes");
                r.reject_unit(key, node, message, None)
            }),
            Raw::Boolean(_) | Raw::Datetime(_) | Raw::Array(_) | Raw::Table(_) => {
                Err(r.wrong_type(key, node))
            }
        })
    }
}

/// What a bare number most likely lacks.
fn unit_of(kind: Kind) -> &'static str {
    if matches!(kind, Kind::Size) {
        "B"
    } else if matches!(kind, Kind::ByteRate) {
        "B/s"
    } else {
        "/s"
    }
}

/// What to write for a bare number in quotes.
fn without_unit(text: &str, unit: &str) -> Option<String> {
    let number = text.trim();
    number
        .parse::<f64>()
        .is_ok()
        .then(|| format!("write \"{number}{unit}\""))
}
