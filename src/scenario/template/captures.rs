use std::rc::Rc;

use super::{JsonTemplate, Segment, TextTemplate};

/// The captured values of one client, by name.
///
/// Strings are kept without quotes, everything else as JSON text.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    names: Rc<[Box<str>]>,
    values: Box<[Option<Box<str>>]>,
}

impl Captures {
    /// No values yet, under these names.
    #[must_use]
    pub fn new(names: Rc<[Box<str>]>) -> Self {
        Self {
            values: names.iter().map(|_| None).collect(),
            names,
        }
    }

    /// The value captured last under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.names.iter().position(|known| **known == *name)?;
        self.values[place].as_deref()
    }

    /// Replaces the value under a name; a name that the population does not capture is ignored.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some(place) = self.names.iter().position(|known| **known == *name) {
            self.values[place] = Some(value.into());
        }
    }
}

/// A placeholder `{{capture.NAME}}` in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// NAME.
    pub name: &'a str,
    /// Whether `| default(…)` stands in for a missing value.
    pub has_default: bool,
}

impl TextTemplate {
    /// The captured values that it refers to.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.segments.iter().filter_map(reference)
    }
}

impl JsonTemplate {
    /// The captured values that it refers to.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.segments().iter().filter_map(reference)
    }
}

fn reference(segment: &Segment) -> Option<Reference<'_>> {
    match segment {
        Segment::Capture { name, default, .. } => Some(Reference {
            name,
            has_default: default.is_some(),
        }),
        Segment::Modulo { of, .. } => reference(of),
        Segment::Text(_)
        | Segment::Client
        | Segment::N
        | Segment::Seed
        | Segment::Uuid
        | Segment::Now
        | Segment::RandomInt { .. }
        | Segment::RandomString(_)
        | Segment::Column(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Scope;
    use super::*;
    use crate::seed::Seed;

    /// The text, and whether it is complete.
    fn render(template: &JsonTemplate, captures: &Captures) -> (String, bool) {
        let mut random = fastrand::Rng::with_seed(1);
        let mut scope = Scope {
            client: 107,
            n: 3,
            seed: Seed(7),
            now_us: 0,
            row: &[],
            captures: Some(captures),
            is_incomplete: false,
            random: &mut random,
        };
        let mut out = String::new();
        template.render(&mut scope, &mut out);
        (out, !scope.is_incomplete)
    }

    fn template(text: &str) -> JsonTemplate {
        JsonTemplate::new(json!(text), None).unwrap()
    }

    #[test]
    fn a_captured_value_stands_in_and_a_missing_one_is_noticed() {
        let mut captures = Captures::new(Rc::from([Box::from("token"), Box::from("last")]));
        let token = template("Bearer {{capture.token}}");
        assert_eq!(render(&token, &captures), ("\"Bearer \"".to_owned(), false));
        captures.set("token", "a\"b");
        assert_eq!(
            render(&token, &captures),
            ("\"Bearer a\\\"b\"".to_owned(), true)
        );
        let last = template("{{capture.last | default(0) | number}}");
        assert_eq!(render(&last, &captures), ("0".to_owned(), true));
        captures.set("last", "17");
        assert_eq!(render(&last, &captures), ("17".to_owned(), true));
        captures.set("last", "x");
        assert_eq!(render(&last, &captures), ("null".to_owned(), false));
        let known: Vec<_> = last.references().collect();
        let expected = Reference {
            name: "last",
            has_default: true,
        };
        assert_eq!(known, [expected]);
    }

    #[test]
    fn modulo_spreads_clients_over_groups() {
        let captures = Captures::default();
        let room = template("room-{{client | modulo(50)}}");
        assert_eq!(render(&room, &captures), ("\"room-7\"".to_owned(), true));
        let group = template("{{client | modulo(50) | number}}");
        assert_eq!(render(&group, &captures), ("7".to_owned(), true));
        for wrong in [
            "{{client | modulo(0)}}",
            "{{uuid | modulo(3)}}",
            "{{client | default(1)}}",
            "{{client | upper}}",
        ] {
            assert!(JsonTemplate::new(json!(wrong), None).is_err(), "{wrong}");
        }
        let quoted = template("{{capture.x | default('a|b')}}");
        assert_eq!(render(&quoted, &captures), ("\"a|b\"".to_owned(), true));
    }
}
