//! Import cycles between the files of one module: none but those listed, each with its reason.

use std::collections::{BTreeMap, BTreeSet};

/// Folders whose files may import one another in a circle.
const KNOTS: &[(&str, &str)] = &[
    (
        "capacity",
        "the answer says how its levels are run, and the runner writes the answer as it stands",
    ),
    (
        "catalogue",
        "each file holds the findings of one topic; the table above them collects all",
    ),
    (
        "chaos/process",
        "a rolling restart is made of restarts, which share the folder's steps",
    ),
    (
        "chaos/proxy",
        "the backends are chosen by the folder whose faults they carry out; a toxic and the \
         stages that it makes share one enum",
    ),
    (
        "cli",
        "commands return the front's own failure, and the front lists the commands",
    ),
    (
        "client",
        "what a client has only for its steps is part of what it has without them",
    ),
    (
        "doctor",
        "each check is listed by the folder whose tools it uses",
    ),
    (
        "event",
        "what strikes everybody is part of the vocabulary that it is told in",
    ),
    (
        "fault",
        "each mechanism lists its faults, whose tables are made of its types",
    ),
    (
        "http1",
        "framing is read from headers, and a head knows its framing",
    ),
    (
        "import",
        "each part of a conversion adds to the notes of the whole",
    ),
    (
        "protocol/engine_io",
        "payloads of revision 3 are read and written by payloads of any revision",
    ),
    (
        "protocol/socket_io",
        "the decoder hands packets to the parser of the connection, which returns the decoder's own",
    ),
    (
        "report/html",
        "sections of the page share its axes and its style",
    ),
    ("report/terminal", "a table is laid out as wide as its page"),
    (
        "run",
        "the conductor, the workers and the target share the context of one run",
    ),
    (
        "scenario",
        "each table of a scenario is read and checked by its own file, listed by its folder",
    ),
    (
        "server/embedded",
        "the log is written by the events and opened by their server",
    ),
    (
        "server/process",
        "a process returns the folder's error, whatever step failed",
    ),
    (
        "transport",
        "each step of a connection fails with the folder's error and is called by the folder",
    ),
];

#[test]
fn files_of_one_module_import_one_another_in_one_direction() {
    let graph = graph();
    let mut used = BTreeSet::new();
    let mut problems = Vec::new();
    for cycle in cycles(&graph) {
        let knot = KNOTS
            .iter()
            .find(|(folder, _)| cycle.iter().all(|file| is_in(file, folder)));
        match knot {
            Some((folder, _)) => drop(used.insert(*folder)),
            None => problems.push(format!(
                "a cycle of imports: {}; break it, or add the folder to KNOTS with the reason",
                cycle.join(", ")
            )),
        }
    }
    for (folder, _) in KNOTS {
        if !used.contains(folder) {
            problems.push(format!(
                "{folder} has no cycle any more: take it off the list"
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn imports_are_found_in_trees_and_in_paths() {
    let files: BTreeSet<String> = ["a", "a/b", "a/c", "d"].map(str::to_owned).into();
    let found = |file: &str, code: &str| {
        let found: Vec<String> = targets(file, code, &files).into_iter().collect();
        found.join(" ")
    };
    assert_eq!(found("a/b", "use super::{c::X, Y};"), "a a/c");
    assert_eq!(found("a/b", "use crate::{a::c::{self, Z}, d};"), "a/c d");
    assert_eq!(found("a", "mod b;\npub use b::{X, Y};"), "a/b");
    assert_eq!(found("a", "pub use c::*;"), "a/c");
    assert_eq!(found("a/b", "fn f() { crate::d::g(super::c::X) }"), "a/c d");
    assert_eq!(found("a/b", "pub(in crate::a) x: u8"), "");
    assert_eq!(found("a/b", "use std::fmt;"), "");
}

fn is_in(file: &str, folder: &str) -> bool {
    file.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What each file imports of the others; a folder's `mod.rs` goes by the folder's name.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let codes: BTreeMap<String, String> = super::sources(root)
        .into_iter()
        .map(|(file, text)| (name_of(&file), text))
        .filter(|(file, _)| !matches!(file.as_str(), "lib" | "main"))
        .filter(|(file, _)| !file.split('/').any(|part| part == "tests"))
        .collect();
    let files: BTreeSet<String> = codes.keys().cloned().collect();
    codes
        .iter()
        .map(|(file, code)| (file.clone(), targets(file, code, &files)))
        .collect()
}

fn name_of(file: &str) -> String {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    stem.strip_suffix("/mod").unwrap_or(stem).to_owned()
}

/// The files that `code` names by `use`, or by a path in the midst of it.
fn targets(file: &str, code: &str, files: &BTreeSet<String>) -> BTreeSet<String> {
    let lines = code.lines().map(str::trim_start);
    let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    let code = without_visibilities(&code.join("\n"));
    let mut found = BTreeSet::new();
    for path in paths(&code) {
        found.extend(target(file, &path, files));
    }
    found.remove(file);
    found
}

/// Without the path in `pub(super)` and `pub(in path)`, which imports nothing.
fn without_visibilities(code: &str) -> String {
    let mut parts = code.split("pub(");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("pub");
        kept.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    kept
}

/// Every `a::b` in the code, trees of `use` spread out.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    // The prefix of each brace that is open, where it is one of a tree, and the path being read.
    let mut open: Vec<Option<Vec<String>>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut continues = false;
    let mut characters = code.chars().peekable();
    while let Some(next) = characters.next() {
        if next.is_ascii_alphanumeric() || next == '_' {
            word.push(next);
            continues = false;
            continue;
        }
        if !word.is_empty() {
            path.push(std::mem::take(&mut word));
        }
        if next == ':' && characters.next_if_eq(&':').is_some() {
            continues = true;
            continue;
        }
        let is_glob = next == '*' && continues;
        match next {
            '{' => open.push(continues.then(|| whole(&path, &open))),
            _ if path.is_empty() => {}
            _ => {
                path.extend(is_glob.then(|| "*".to_owned()));
                paths.push(whole(&path, &open));
            }
        }
        path.clear();
        continues = false;
        if next == '}' {
            open.pop();
        }
    }
    paths
}

fn whole(path: &[String], open: &[Option<Vec<String>>]) -> Vec<String> {
    let prefix = open.last().cloned().flatten().unwrap_or_default();
    [prefix.as_slice(), path].concat()
}

/// The file that a path leads to, seen from `file`.
fn target(file: &str, path: &[String], files: &BTreeSet<String>) -> Option<String> {
    let mut at: Vec<&str> = file.split('/').collect();
    let mut rest = path.iter().map(String::as_str).peekable();
    match rest.peek().copied()? {
        "crate" => {
            at.clear();
            rest.next();
        }
        "self" => drop(rest.next()),
        "super" => {
            while rest.next_if_eq(&"super").is_some() {
                at.pop();
            }
        }
        child if path.len() > 1 && files.contains(&format!("{file}/{child}")) => {}
        _ => return None,
    }
    for name in rest {
        let longer = [at.as_slice(), &[name]].concat().join("/");
        if !files.contains(&longer) {
            break;
        }
        at.push(name);
    }
    let found = at.join("/");
    files.contains(&found).then_some(found)
}

/// The strongly connected parts of more than one file.
fn cycles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|file| (file.as_str(), reachable(graph, file)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut cycles = Vec::new();
    for (file, others) in &reached {
        if !others.contains(file) || seen.contains(file) {
            continue;
        }
        let back = |other: &&&str| reached[**other].contains(file);
        let cycle: Vec<&str> = others.iter().filter(back).copied().collect();
        seen.extend(cycle.iter().copied());
        cycles.push(cycle.into_iter().map(str::to_owned).collect());
    }
    cycles
}

fn reachable<'a>(graph: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = graph[from].iter().map(String::as_str).collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(graph[file].iter().map(String::as_str));
        }
    }
    reached
}
