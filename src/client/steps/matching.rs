//! What a response, an ack or an event says, held against what a step demands of it.

use bytes::Bytes;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::scenario::plan::{Capture, Condition, Subject, Test};
use crate::scenario::template::{Captures, JsonTemplate, Scope};

/// What conditions and captures look at.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// Of a response.
    pub(super) status: Option<u16>,
    /// Of a response.
    pub(super) headers: &'a [(Box<str>, Bytes)],
    /// The parsed body, or the arguments as an array; nothing if it is not JSON.
    pub(super) value: Option<Value>,
}

impl Facts<'_> {
    /// The arguments of an event or an ack: JSON text, separated by commas, without brackets.
    pub(super) fn of_arguments(arguments: &[u8]) -> Self {
        let mut text = Vec::with_capacity(arguments.len() + 2);
        text.push(b'[');
        text.extend_from_slice(arguments);
        text.push(b']');
        Self {
            status: None,
            headers: &[],
            value: serde_json::from_slice(&text).ok(),
        }
    }

    fn found(&self, subject: &CompiledSubject) -> Vec<Found<'_>> {
        match subject {
            CompiledSubject::Status => {
                let status = self.status.map(|status| Found::Owned(Value::from(status)));
                status.into_iter().collect()
            }
            CompiledSubject::Header(name) => self
                .headers
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| {
                    Found::Owned(Value::from(String::from_utf8_lossy(value).into_owned()))
                })
                .collect(),
            CompiledSubject::Path(path) => match &self.value {
                Some(value) => path
                    .query(value)
                    .all()
                    .into_iter()
                    .map(Found::Borrowed)
                    .collect(),
                None => Vec::new(),
            },
        }
    }
}

enum Found<'a> {
    Borrowed(&'a Value),
    Owned(Value),
}

impl Found<'_> {
    fn value(&self) -> &Value {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value) => value,
        }
    }
}

/// A [`Subject`] whose path is parsed.
#[derive(Debug)]
enum CompiledSubject {
    Status,
    Header(String),
    Path(JsonPath),
}

impl CompiledSubject {
    fn new(subject: &Subject) -> Self {
        match subject {
            Subject::Status => Self::Status,
            Subject::Header(name) => Self::Header(name.clone()),
            Subject::Path(path) => {
                Self::Path(JsonPath::parse(path).expect("the scenario has checked its paths"))
            }
        }
    }
}

#[derive(Debug)]
enum CompiledTest {
    /// By its place among the values that are rendered for the conditions.
    Equals(usize),
    Exists(bool),
    Matches(Regex),
    LessThan(f64),
    GreaterThan(f64),
}

/// Conditions ready to be held against facts.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    conditions: Box<[(String, CompiledSubject, Vec<CompiledTest>)]>,
    templates: Box<[JsonTemplate]>,
}

/// A condition that does not hold: lower-case, for the example of a failure.
pub(super) type Mismatch = String;

impl Conditions {
    pub(super) fn new(conditions: &[Condition]) -> Self {
        let mut templates = Vec::new();
        let conditions = conditions.iter().map(|condition| {
            let tests = condition.tests.iter().map(|test| match test {
                Test::Equals(template) => {
                    templates.push(template.clone());
                    CompiledTest::Equals(templates.len() - 1)
                }
                Test::Exists(exists) => CompiledTest::Exists(*exists),
                Test::Matches(pattern) => CompiledTest::Matches(
                    Regex::new(pattern).expect("the scenario has checked its expressions"),
                ),
                Test::LessThan(bound) => CompiledTest::LessThan(*bound),
                Test::GreaterThan(bound) => CompiledTest::GreaterThan(*bound),
            });
            let subject = CompiledSubject::new(&condition.subject);
            (condition.subject.source(), subject, tests.collect())
        });
        Self {
            conditions: conditions.collect(),
            templates: templates.into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether one of them looks at the HTTP status, so that a status other than 2xx may be wanted.
    pub(super) fn judge_status(&self) -> bool {
        let mut subjects = self.conditions.iter();
        subjects.any(|(_, subject, _)| matches!(subject, CompiledSubject::Status))
    }

    /// The values that are compared with, as they are at this moment.
    pub(super) fn render(&self, scope: &mut Scope<'_>) -> Box<[Value]> {
        let values = self.templates.iter().map(|template| {
            let mut text = String::new();
            template.render(scope, &mut text);
            serde_json::from_str(&text).expect("templates render to JSON")
        });
        values.collect()
    }

    /// Holds all of them against facts; `values` are those of [`render`](Self::render).
    pub(super) fn check(&self, facts: &Facts<'_>, values: &[Value]) -> Result<(), Mismatch> {
        for (source, subject, tests) in &self.conditions {
            let found = facts.found(subject);
            for test in tests {
                holds(test, &found, values).map_err(|what| format!("{source}: {what}"))?;
            }
        }
        Ok(())
    }
}

/// Holds one test against everything that its path found.
fn holds(test: &CompiledTest, found: &[Found<'_>], values: &[Value]) -> Result<(), Mismatch> {
    if let CompiledTest::Exists(wanted) = test {
        return match (wanted, found.is_empty()) {
            (true, true) => Err("not there".to_owned()),
            (false, false) => Err("is there".to_owned()),
            (true, false) | (false, true) => Ok(()),
        };
    }
    if found.is_empty() {
        return Err("not there".to_owned());
    }
    for found in found {
        let found = found.value();
        let holds = match test {
            CompiledTest::Equals(place) => equal(found, &values[*place]),
            CompiledTest::Matches(pattern) => {
                found.as_str().is_some_and(|text| pattern.is_match(text))
            }
            CompiledTest::LessThan(bound) => found.as_f64().is_some_and(|n| n < *bound),
            CompiledTest::GreaterThan(bound) => found.as_f64().is_some_and(|n| n > *bound),
            CompiledTest::Exists(_) => true,
        };
        if !holds {
            return Err(mismatch(test, found, values));
        }
    }
    Ok(())
}

/// What a text says stays unsaid: it may be a secret.
fn mismatch(test: &CompiledTest, found: &Value, values: &[Value]) -> Mismatch {
    let wanted = match test {
        CompiledTest::Equals(place) => format!("not {}", shown(&values[*place])),
        CompiledTest::Matches(pattern) => format!("does not match {pattern}"),
        CompiledTest::LessThan(bound) => format!("not below {bound}"),
        CompiledTest::GreaterThan(bound) => format!("not above {bound}"),
        CompiledTest::Exists(_) => String::new(),
    };
    format!("{}, {wanted}", shown(found))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// As JSON compares: `1` and `1.0` are the same number.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (Value::Null | Value::Bool(_) | Value::String(_), _)
        | (Value::Number(_) | Value::Array(_) | Value::Object(_), _) => left == right,
    }
}

/// Values to keep, ready to be looked for.
#[derive(Debug, Default)]
pub(super) struct CompiledCaptures(Box<[(String, String, CompiledSubject)]>);

impl CompiledCaptures {
    pub(super) fn new(captures: &[Capture]) -> Self {
        let captures = captures.iter().map(|capture| {
            let subject = CompiledSubject::new(&capture.from);
            (capture.name.clone(), capture.from.source(), subject)
        });
        Self(captures.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the first match of each; what is not there leaves its value as it was.
    ///
    /// # Errors
    /// Names the first that is not there.
    pub(super) fn take(&self, facts: &Facts<'_>, into: &mut Captures) -> Result<(), Mismatch> {
        let mut verdict = Ok(());
        for (name, source, subject) in &self.0 {
            match facts.found(subject).first() {
                Some(found) => {
                    let value = found.value();
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    into.set(name, &text);
                }
                None if verdict.is_ok() => verdict = Err(format!("{source}: not there")),
                None => {}
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;

    fn condition(path: &str, test: Test) -> Condition {
        Condition {
            subject: Subject::Path(path.to_owned()),
            tests: vec![test],
        }
    }

    fn equals(value: Value) -> Test {
        Test::Equals(JsonTemplate::new(value, None).unwrap())
    }

    fn check(arguments: &str, path: &str, test: Test) -> Result<(), Mismatch> {
        let conditions = Conditions::new(&[condition(path, test)]);
        let values: Vec<_> = conditions
            .templates
            .iter()
            .map(|template| serde_json::from_str(template.constant().unwrap()).unwrap())
            .collect();
        conditions.check(&Facts::of_arguments(arguments.as_bytes()), &values)
    }

    #[test]
    fn a_condition_holds_for_every_match_and_there_is_one() {
        let all_ok = |arguments| check(arguments, "$[*].ok", equals(json!(true)));
        assert_eq!(all_ok(r#"{"ok":true},{"ok":true}"#), Ok(()));
        assert!(all_ok(r#"{"ok":true},{"ok":false}"#).is_err());
        assert_eq!(all_ok(""), Err("$[*].ok: not there".to_owned()));
        assert!(all_ok("no JSON").is_err());
    }

    #[test]
    fn each_test_tells_what_it_found() {
        let facts = r#"{"n":5,"text":"room full","list":[1.0]}"#;
        assert_eq!(check(facts, "$[0].n", Test::LessThan(6.0)), Ok(()));
        assert_eq!(
            check(facts, "$[0].n", Test::GreaterThan(5.0)),
            Err("$[0].n: 5, not above 5".to_owned())
        );
        assert_eq!(check(facts, "$[0].n", equals(json!(5.0))), Ok(()));
        assert_eq!(check(facts, "$[0].list", equals(json!([1]))), Ok(()));
        assert_eq!(check(facts, "$[0].none", Test::Exists(false)), Ok(()));
        assert!(check(facts, "$[0].none", Test::Exists(true)).is_err());
        let matches = |pattern: &str| Test::Matches(pattern.to_owned());
        assert_eq!(check(facts, "$[0].text", matches("^room")), Ok(()));
        // The text may be a secret.
        assert_eq!(
            check(facts, "$[0].text", matches("^x")),
            Err("$[0].text: a string, does not match ^x".to_owned())
        );
    }

    #[test]
    fn captures_keep_strings_bare_and_all_else_as_json() {
        let capture = |name: &str, path: &str| Capture {
            name: name.to_owned(),
            from: Subject::Path(path.to_owned()),
        };
        let compiled = CompiledCaptures::new(&[
            capture("id", "$[0].id"),
            capture("text", "$[0].text"),
            capture("none", "$[0].none"),
        ]);
        let names: Rc<[Box<str>]> = Rc::from(["id".into(), "text".into(), "none".into()]);
        let mut captures = Captures::new(names);
        let facts = Facts::of_arguments(br#"{"id":7,"text":"a\"b"}"#);
        let verdict = compiled.take(&facts, &mut captures);
        assert_eq!(verdict, Err("$[0].none: not there".to_owned()));
        assert_eq!(captures.get("id"), Some("7"));
        assert_eq!(captures.get("text"), Some("a\"b"));
        assert_eq!(captures.get("none"), None);
    }
}
