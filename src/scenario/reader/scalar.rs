use super::{Reader, all};
use crate::diagnostic::Place;
use crate::scenario::keys::Kind;
use crate::scenario::nearest;
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::{Entry, Node};
use crate::word::Word;

impl<'a> Reader<'a> {
    /// A string.
    pub(in crate::scenario) fn text(&self, key: &str) -> Checked<String> {
        self.always(key, |r, node| r.as_text(key, node))
    }

    /// A string, or nothing.
    pub(in crate::scenario) fn optional_text(&self, key: &str) -> Checked<Option<String>> {
        self.optional(key, |r, node| r.as_text(key, node))
    }

    pub(in crate::scenario) fn as_text(&self, key: &str, node: &Node) -> Checked<String> {
        let text = node.value.as_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong_type(key, node))
    }

    /// `true` or `false`.
    pub(in crate::scenario) fn boolean(&self, key: &str) -> Checked<bool> {
        self.always(key, |r, node| r.as_boolean(key, node))
    }

    /// `true`, `false` or nothing.
    pub(in crate::scenario) fn optional_boolean(&self, key: &str) -> Checked<Option<bool>> {
        self.optional(key, |r, node| r.as_boolean(key, node))
    }

    fn as_boolean(&self, key: &str, node: &Node) -> Checked<bool> {
        let boolean = node.value.as_boolean();
        boolean.ok_or_else(|| self.wrong_type(key, node))
    }

    /// A whole number in the range that the key table gives.
    pub(in crate::scenario) fn integer(&self, key: &str) -> Checked<u64> {
        self.always(key, |r, node| r.as_integer(key, node))
    }

    /// A whole number in the range that the key table gives, or nothing.
    pub(in crate::scenario) fn optional_integer(&self, key: &str) -> Checked<Option<u64>> {
        self.optional(key, |r, node| r.as_integer(key, node))
    }

    fn as_integer(&self, key: &str, node: &Node) -> Checked<u64> {
        let Some(number) = node.value.as_integer() else {
            return Err(self.wrong_type(key, node));
        };
        let kind = self.spec_of(key).kind;
        let number = u64::try_from(number).ok().filter(|n| kind.allows(*n));
        number.ok_or_else(|| self.out_of_range(key, node))
    }

    /// A number above 1.
    pub(in crate::scenario) fn factor(&self, key: &str) -> Checked<f64> {
        self.always(key, |r, node| {
            let whole = || node.value.as_integer().map(|number| number as f64);
            let Some(number) = node.value.as_float().or_else(whole) else {
                return Err(r.wrong_type(key, node));
            };
            let is_above = number > 1.0 && number.is_finite();
            is_above
                .then_some(number)
                .ok_or_else(|| r.out_of_range(key, node))
        })
    }

    /// An array of whole numbers from 1 to 1,000, or an empty one where the key is left out.
    pub(in crate::scenario) fn counts(&self, key: &str) -> Checked<Vec<u64>> {
        let counts = self.optional(key, |r, node| {
            let count = |element: &Node| {
                let Some(number) = element.value.as_integer() else {
                    return Err(r.wrong_type(key, element));
                };
                let number = u64::try_from(number).ok();
                let number = number.filter(|number| (1..=1000).contains(number));
                number.ok_or_else(|| r.out_of_range(key, element))
            };
            all(r.as_values(key, node)?.iter().map(count))
        });
        counts.map(Option::unwrap_or_default)
    }

    /// A number from 0 to 1.
    pub(in crate::scenario) fn fraction(&self, key: &str) -> Checked<f64> {
        self.always(key, |r, node| r.as_fraction(key, node))
    }

    /// An array of numbers from 0 to 1, or an empty one where the key is left out.
    pub(in crate::scenario) fn fractions(&self, key: &str) -> Checked<Vec<f64>> {
        let fractions = self.optional(key, |r, node| {
            let elements = r.as_values(key, node)?;
            all(elements.iter().map(|element| r.as_fraction(key, element)))
        });
        fractions.map(Option::unwrap_or_default)
    }

    fn as_fraction(&self, key: &str, node: &Node) -> Checked<f64> {
        let whole = || node.value.as_integer().map(|number| number as f64);
        let Some(number) = node.value.as_float().or_else(whole) else {
            return Err(self.wrong_type(key, node));
        };
        if (0.0..=1.0).contains(&number) {
            return Ok(number);
        }
        Err(self.out_of_range(key, node))
    }

    /// An array that has at least one element.
    pub(super) fn as_values<'n>(&self, key: &str, node: &'n Node) -> Checked<&'n [Node]> {
        let elements = self.as_array(key, node)?;
        if elements.is_empty() {
            let message = format!("`{key}` has no value");
            return Err(self.reject(Code::OutOfRange, key, node, message));
        }
        Ok(elements)
    }

    /// The variant of one of the words that the key takes.
    pub(in crate::scenario) fn word<T: Word>(&self, key: &str) -> Checked<T> {
        self.always(key, |r, node| r.as_word(key, node))
    }

    /// The variant of one of the words that the key takes, or nothing.
    pub(in crate::scenario) fn optional_word<T: Word>(&self, key: &str) -> Checked<Option<T>> {
        self.optional(key, |r, node| r.as_word(key, node))
    }

    /// One of the words that the key takes, or nothing.
    pub(in crate::scenario) fn optional_known_word(
        &self,
        key: &str,
    ) -> Checked<Option<&'static str>> {
        self.optional(key, |r, node| r.as_known_word(key, node))
    }

    /// The variants of some of the words that the key takes, each with its place.
    pub(in crate::scenario) fn words<T: Word>(&self, key: &str) -> Checked<Vec<(T, Place)>> {
        self.always(key, |r, node| {
            let word = |element: &Node| Ok((r.as_word(key, element)?, element.place));
            all(r.as_array(key, node)?.iter().map(word))
        })
    }

    /// An array; a lone string is told how to become one.
    pub(super) fn as_array<'n>(&self, key: &str, node: &'n Node) -> Checked<&'n [Node]> {
        if let Some(elements) = node.value.as_array() {
            return Ok(elements);
        }
        let message = format!("`{key}` is {}", node.value.type_name());
        let expected = self.spec_of(key).kind.expected();
        Err(self.report(Code::WrongType, node.place, message, |mut d| {
            d.help = node.value.as_str().map(|text| format!("write [{text:?}]"));
            d.label(format!("expected {expected}"))
                .key(self.path_of(key))
        }))
    }

    fn as_word<T: Word>(&self, key: &str, node: &Node) -> Checked<T> {
        let word = self.as_known_word(key, node)?;
        Ok(T::from_word(word).expect("the key takes the words of this enum"))
    }

    fn as_known_word(&self, key: &str, node: &Node) -> Checked<&'static str> {
        let text = self.as_text(key, node)?;
        let words = self.spec_of(key).kind.words();
        let known = words.iter().copied().find(|word| *word == text);
        known.ok_or_else(|| {
            let message = format!("`{key}` does not know {text:?}");
            let expected = Kind::Word(words).expected();
            self.report(Code::UnknownWord, node.place, message, |d| {
                d.label(format!("expected {expected}"))
                    .key(self.path_of(key))
                    .nearest(nearest(&text, words.iter().copied()))
            })
        })
    }

    /// An array of strings, each with its place.
    pub(in crate::scenario) fn optional_texts(
        &self,
        key: &str,
    ) -> Checked<Option<Vec<(String, Place)>>> {
        self.optional(key, |r, node| {
            let text = |element: &Node| Ok((r.as_text(key, element)?, element.place));
            all(r.as_array(key, node)?.iter().map(text))
        })
    }

    /// A table of strings: names and their values.
    pub(in crate::scenario) fn text_table(&self, key: &str) -> Checked<Vec<(&'a Entry, String)>> {
        let Some(entry) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let Some(table) = entry.node.value.as_table() else {
            return Err(self.wrong_type(key, &entry.node));
        };
        all(table.entries.iter().map(|entry| {
            let value = &entry.node.value;
            if let Some(text) = value.as_str() {
                return Ok((entry, text.to_owned()));
            }
            let message = format!("`{}` is {}", entry.key, value.type_name());
            let number = value.as_integer().map(|number| number.to_string());
            let word = number.or_else(|| Some(value.as_boolean()?.to_string()));
            let path = format!("{}.{}", self.path_of(key), entry.key);
            Err(
                self.report(Code::WrongType, entry.node.place, message, |mut d| {
                    d.help = word.map(|word| format!("write \"{word}\""));
                    d.label("expected a string").key(path)
                }),
            )
        }))
    }
}
