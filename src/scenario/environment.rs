//! `${NAME}` in a scenario's strings, replaced from the environment.

use super::problem::{Code, Problems};
use super::raw::{Node, Raw};

/// A string as it was written and as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitution {
    /// With `${NAME}`.
    pub source: String,
    /// With the values of the environment in place.
    pub resolved: String,
}

/// Replaces `${NAME}` and `${NAME:-default}` in every string of the tree but those of `command`,
/// which a shell may read. `$${` stands for `${`.
pub(super) fn substitute(
    root: &mut Node,
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &Problems,
) -> Vec<Substitution> {
    let mut walk = Walk {
        lookup,
        problems,
        found: Vec::new(),
    };
    walk.node(root);
    walk.found
}

struct Walk<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a Problems,
    found: Vec<Substitution>,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node) {
        let place = node.place;
        match &mut node.value {
            Raw::String(text) if text.contains("${") => match self.resolve(text) {
                Ok(resolved) => {
                    self.found.push(Substitution {
                        source: text.clone(),
                        resolved: resolved.clone(),
                    });
                    *text = resolved;
                }
                Err(Unresolved { message, help }) => {
                    self.problems
                        .report(Code::MissingVariable, place, message, |d| {
                            d.label("cannot be replaced").help(help)
                        });
                }
            },
            Raw::Array(elements) => elements.iter_mut().for_each(|node| self.node(node)),
            Raw::Table(table) => {
                let entries = table.entries.iter_mut();
                for entry in entries.filter(|entry| entry.key != "command") {
                    self.node(&mut entry.node);
                }
            }
            Raw::String(_)
            | Raw::Integer(_)
            | Raw::Float(_)
            | Raw::Boolean(_)
            | Raw::Datetime(_) => {}
        }
    }

    fn resolve(&self, text: &str) -> Result<String, Unresolved> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(before) = rest[..start].strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            out.push_str(&rest[..start]);
            let inside = &rest[start + 2..];
            let Some((variable, after)) = inside.split_once('}') else {
                return Err(Unresolved {
                    message: "`${` is never closed".to_owned(),
                    help: "write ${NAME}, or $${ for the characters themselves".to_owned(),
                });
            };
            out.push_str(&self.value(variable)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, variable: &str) -> Result<String, Unresolved> {
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        let value = (self.lookup)(name);
        match (value, default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (Some(_) | None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Unresolved {
                message: format!("the environment has no variable `{name}`"),
                help: format!("set it, or give it a default: ${{{name}:-value}}"),
            }),
        }
    }
}

struct Unresolved {
    message: String,
    help: String,
}

#[cfg(test)]
mod tests {
    use super::super::raw;
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("chat.test".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    /// The value of `a`, what was replaced, and whether there were no problems.
    fn read(toml: &str) -> (String, usize, bool) {
        let (mut root, errors) = raw::parse(toml);
        assert!(errors.is_empty());
        let problems = Problems::default();
        let found = substitute(&mut root, &lookup, &problems);
        let table = root.value.as_table().unwrap();
        let value = &table.entries[0].node.value;
        let text = value.as_str().map(str::to_owned);
        let text = text.or_else(|| Some(value.as_array()?[0].value.as_str()?.to_owned()));
        (text.unwrap(), found.len(), problems.is_empty())
    }

    #[test]
    fn variables_are_replaced_with_defaults_where_they_lack() {
        for (toml, value) in [
            ("a = \"http://${HOST}/\"", "http://chat.test/"),
            ("a = \"${NONE:-x}${EMPTY:-y}${EMPTY}\"", "xy"),
            ("a = \"$${HOST} $x\"", "${HOST} $x"),
            ("a = [\"${HOST}\"]", "chat.test"),
        ] {
            assert_eq!(read(toml), (value.to_owned(), 1, true), "{toml}");
        }
    }

    #[test]
    fn commands_are_left_to_their_shell() {
        let command = "command = [\"echo ${HOST} ${NONE}\"]";
        assert_eq!(read(command), ("echo ${HOST} ${NONE}".to_owned(), 0, true));
    }

    #[test]
    fn a_variable_that_is_not_there_is_a_problem() {
        for toml in ["a = \"${NONE}\"", "a = \"${HOST\""] {
            assert!(!read(toml).2, "{toml}");
        }
    }
}
