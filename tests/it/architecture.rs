//! The table of allowed imports between top-level modules; a new edge fails. Cycles inside modules
//! are in `cycles`.

mod cycles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each module may import, besides itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("printable", &[]),
    ("word", &[]),
    ("keys", &[]),
    ("limits", &[]),
    ("http1", &["limits"]),
    ("clock", &[]),
    ("seed", &[]),
    ("trace", &["clock", "printable"]),
    ("event", &["printable", "word"]),
    ("catalogue", &["event"]),
    ("fault", &["event", "keys", "units", "word"]),
    ("diagnostic", &[]),
    (
        "scenario",
        &[
            "diagnostic",
            "event",
            "fault",
            "keys",
            "seed",
            "units",
            "word",
        ],
    ),
    ("protocol", &["event", "limits"]),
    (
        "transport",
        &["clock", "event", "http1", "limits", "protocol", "scenario"],
    ),
    (
        "client",
        &[
            "clock",
            "event",
            "fault",
            "protocol",
            "scenario",
            "seed",
            "trace",
            "transport",
            "units",
        ],
    ),
    ("workload", &["client", "clock", "event", "scenario"]),
    (
        "server",
        &[
            "clock", "event", "fault", "http1", "limits", "protocol", "scenario", "units",
        ],
    ),
    ("watch", &["clock", "scenario"]),
    (
        "chaos",
        &[
            "clock", "event", "fault", "http1", "limits", "scenario", "seed", "server", "units",
            "workload",
        ],
    ),
    ("metrics", &["clock", "event"]),
    ("results", &["catalogue", "clock", "event", "metrics"]),
    ("report", &["event", "printable", "results", "units"]),
    ("gate", &["event", "metrics", "results", "scenario"]),
    ("distributed", &["clock", "event", "metrics", "scenario"]),
    (
        "run",
        &[
            "catalogue",
            "chaos",
            "client",
            "clock",
            "diagnostic",
            "distributed",
            "event",
            "fault",
            "gate",
            "metrics",
            "report",
            "results",
            "scenario",
            "server",
            "transport",
            "units",
            "watch",
            "workload",
        ],
    ),
    (
        "doctor",
        &[
            "catalogue",
            "clock",
            "event",
            "http1",
            "limits",
            "protocol",
            "report",
            "scenario",
            "trace",
            "transport",
        ],
    ),
    ("import", &["scenario", "units"]),
    (
        "capacity",
        &[
            "clock", "event", "gate", "metrics", "report", "results", "run", "scenario", "units",
            "word",
        ],
    ),
    (
        "cli",
        &[
            "capacity",
            "client",
            "diagnostic",
            "doctor",
            "distributed",
            "event",
            "fault",
            "gate",
            "import",
            "printable",
            "report",
            "results",
            "run",
            "scenario",
            "server",
            "trace",
            "units",
            "word",
        ],
    ),
];

#[test]
fn modules_import_only_what_stands_to_their_left_or_below() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(module, imports)| (*module, imports.iter().copied().collect()))
        .collect();
    let mut problems = Vec::new();
    for (file, text) in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let module = file.split(['/', '.']).next().unwrap_or_default().to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            problems.push(format!("{file}: module {module} is not in the table"));
            continue;
        };
        for import in imports(&text) {
            if import != module && !allowed.contains(import.as_str()) {
                problems.push(format!("{file}: {module} must not import {import}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_allowed_imports_have_no_cycle() {
    let table: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for start in table.keys() {
        let mut reached = BTreeSet::new();
        let mut open = table[start].to_vec();
        while let Some(module) = open.pop() {
            assert_ne!(module, *start, "{start} reaches itself");
            if reached.insert(module) {
                open.extend(table[module]);
            }
        }
    }
}

#[test]
fn the_architecture_document_has_a_row_for_each_module() {
    let text = include_str!("../../docs/ARCHITECTURE.md");
    let table = text.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let first_cells = rows.filter_map(|row| row.split(" |").next());
    let documented: BTreeSet<&str> = first_cells
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect();
    let allowed: BTreeSet<&str> = ALLOWED.iter().map(|(module, _)| *module).collect();
    assert_eq!(documented, allowed);
}

/// Every source file below `folder`, by its path from there, without its tests' section.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path
                    .strip_prefix(folder)
                    .expect("the walk began there")
                    .display()
                    .to_string();
                let text = fs::read_to_string(&path).expect("the sources are UTF-8");
                let code = text
                    .split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default();
                found.push((name, code.to_owned()));
            }
        }
    }
    found
}

/// The top-level modules that a file names by `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in code {
        for rest in line.split("crate::").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}
