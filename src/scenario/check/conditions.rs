use super::{Context, templates};
use crate::scenario::keys::TESTS;
use crate::scenario::plan::{Capture, Condition, Subject, Test};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::raw::{Entry, Node, Raw};
use crate::scenario::reader::{Reader, all};

/// `expect` and `where`: paths, and what is demanded of what they find.
pub(super) fn read(
    reader: &Reader<'_>,
    key: &str,
    context: &Context<'_>,
) -> Checked<Vec<Condition>> {
    let entries = entries(reader, key)?;
    all(entries.iter().map(|entry| {
        let subject = subject(reader, key, &entry.key, entry.key_place);
        let tests = tests(
            reader,
            &format!("{}.{}", reader.path_of(key), entry.key),
            &entry.node,
            context,
        );
        Ok(Condition {
            subject: subject?,
            tests: tests?,
        })
    }))
}

/// `capture`: names, and where their values are found.
pub(super) fn captures(reader: &Reader<'_>, key: &str) -> Checked<Vec<Capture>> {
    let entries = entries(reader, key)?;
    all(entries.iter().map(|entry| {
        let Some(source) = entry.node.value.as_str() else {
            return Err(reader.wrong_type(key, &entry.node));
        };
        if entry.key.is_empty() || entry.key.contains(['|', '{', '}']) {
            let message = format!("{:?} cannot be the name of a capture", entry.key);
            return Err(
                reader.report(Code::BadValue, entry.key_place, message, |d| {
                    d.label("is used as {{capture.NAME}}")
                        .key(reader.path_of(key))
                }),
            );
        }
        Ok(Capture {
            name: entry.key.clone(),
            from: subject(reader, key, source, entry.node.place)?,
        })
    }))
}

fn entries<'a>(reader: &Reader<'a>, key: &str) -> Checked<&'a [Entry]> {
    let Some(entry) = reader.entry(key) else {
        return Ok(&[]);
    };
    match entry.node.value.as_table() {
        Some(table) => Ok(&table.entries),
        None => Err(reader.wrong_type(key, &entry.node)),
    }
}

fn subject(
    reader: &Reader<'_>,
    key: &str,
    source: &str,
    place: crate::diagnostic::Place,
) -> Checked<Subject> {
    let source = source.trim();
    if source == "status" {
        return Ok(Subject::Status);
    }
    if let Some(name) = source.strip_prefix("header ") {
        return Ok(Subject::Header(name.trim().to_ascii_lowercase()));
    }
    match serde_json_path::JsonPath::parse(source) {
        Ok(_) => Ok(Subject::Path(source.to_owned())),
        Err(error) => {
            let message = format!("{source:?} is not a JSONPath: {}", error.message());
            Err(reader.report(Code::BadPath, place, message, |d| {
                d.label("expected a path such as \"$[0].id\" (RFC 9535)")
                    .key(reader.path_of(key))
                    .help("paths begin with `$`; a response also has `status` and `header NAME`")
            }))
        }
    }
}

/// A value, or a table of tests.
fn tests(
    reader: &Reader<'_>,
    path: &str,
    node: &Node,
    context: &Context<'_>,
) -> Checked<Vec<Test>> {
    let is_tests = match &node.value {
        Raw::Table(table) => table
            .entries
            .iter()
            .all(|entry| TESTS.key(&entry.key).is_some()),
        Raw::String(_)
        | Raw::Integer(_)
        | Raw::Float(_)
        | Raw::Boolean(_)
        | Raw::Datetime(_)
        | Raw::Array(_) => false,
    };
    let Raw::Table(table) = &node.value else {
        return Ok(vec![Test::Equals(templates::value(node, path, context)?)]);
    };
    if !is_tests || table.entries.is_empty() {
        let message = "a condition is a value, or a table of `exists`, `matches`, `lt` and `gt`";
        return Err(reader.report(Code::BadValue, node.place, message, |d| {
            d.label("expected a value or tests")
                .key(path)
                .help("for a table in the answer, write a path to each of its members")
        }));
    }
    let inner = Reader::new(&TESTS, node, path.to_owned(), reader.problems)?;
    let exists = inner.optional_boolean("exists");
    let matches = inner.optional_text("matches");
    let less = inner.optional("lt", number);
    let greater = inner.optional("gt", number);
    let matches = matches.and_then(|pattern| match pattern {
        None => Ok(None),
        Some(pattern) => match regex::Regex::new(&pattern) {
            Ok(_) => Ok(Some(pattern)),
            Err(error) => {
                let message = format!("{pattern:?} is not a regular expression");
                Err(
                    inner.report(Code::BadPath, inner.place_of("matches"), message, |d| {
                        d.label("cannot be read")
                            .key(path)
                            .help(last_line(&error.to_string()))
                    }),
                )
            }
        },
    });
    let tests = [
        exists?.map(Test::Exists),
        matches?.map(Test::Matches),
        less?.map(Test::LessThan),
        greater?.map(Test::GreaterThan),
    ];
    Ok(tests.into_iter().flatten().collect())
}

/// What is wrong stands in the last line of the crate's message, below an excerpt.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().to_owned()
}

fn number(reader: &Reader<'_>, node: &Node) -> Checked<f64> {
    let whole = || node.value.as_integer().map(|number| number as f64);
    let number = node.value.as_float().or_else(whole);
    number.ok_or_else(|| {
        let message = format!("this is {}", node.value.type_name());
        reader.report(Code::WrongType, node.place, message, |d| {
            d.label("expected a number")
        })
    })
}
