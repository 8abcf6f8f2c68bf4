use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{LIMIT, SMALL, repository};
use crate::harness::{Finished, SioLoad};

/// A run of a version that is kept to be read by all later ones.
fn recorded() -> PathBuf {
    repository().join("tests/recorded/0.1.0/reconnect")
}

fn compare(base: &Path, new: &Path, more: &[&str]) -> Finished {
    let mut arguments = vec!["compare", base.to_str().unwrap(), new.to_str().unwrap()];
    arguments.extend(more);
    SioLoad::new(&arguments).run(LIMIT)
}

fn json(base: &Path, new: &Path, more: &[&str]) -> (i32, Value) {
    let finished = compare(base, new, &[&["--format", "json"], more].concat());
    let comparison = serde_json::from_str(&finished.stdout);
    (
        finished.code(),
        comparison.unwrap_or_else(|_| panic!("{finished:?}")),
    )
}

/// The kept run so many times, each with its own change to summary.json.
fn copies(count: usize, change: impl Fn(usize, &mut Value)) -> TempDir {
    let folder = TempDir::new().unwrap();
    for number in 0..count {
        let run = folder.path().join(format!("run-{number}"));
        std::fs::create_dir(&run).unwrap();
        for file in ["histograms.hlog", "scenario.toml", "timeline.csv"] {
            std::fs::copy(recorded().join(file), run.join(file)).unwrap();
        }
        let text = std::fs::read_to_string(recorded().join("summary.json")).unwrap();
        let mut summary: Value = serde_json::from_str(&text).unwrap();
        change(number, &mut summary);
        std::fs::write(run.join("summary.json"), summary.to_string()).unwrap();
    }
    folder
}

fn row<'a>(comparison: &'a Value, metric: &str, aggregate: &str) -> &'a Value {
    let rows = comparison["metrics"].as_array().unwrap();
    let found = rows
        .iter()
        .find(|row| row["metric"] == metric && row["aggregate"] == aggregate);
    found.unwrap_or_else(|| panic!("no {metric} {aggregate}"))
}

#[test]
fn a_run_of_an_older_version_is_read_and_one_run_a_side_cannot_tell() {
    let (code, comparison) = json(&recorded(), &recorded(), &[]);
    assert_eq!(code, 91, "a storm happens once in a run");
    assert_eq!(comparison["schema"], "sio-load/comparison/1");
    assert_eq!(comparison["verdict"], "inconclusive");
    let p99 = row(&comparison, "reconnect.time", "p99");
    assert_eq!(p99["ratio"], 1.0);
    assert_eq!(p99["interval"], Value::Null);
    assert_eq!(p99["deciding"], true, "the scenario has a threshold on it");
    assert_eq!(
        row(&comparison, "clients.never_back", "count")["verdict"],
        "none"
    );
    assert_eq!(
        compare(&recorded(), &recorded(), &["--inconclusive-passes"]).code(),
        0
    );
}

#[test]
fn several_runs_a_side_can_tell() {
    let (base, new) = (copies(4, |_, _| {}), copies(3, |_, _| {}));
    let (code, comparison) = json(base.path(), new.path(), &[]);
    assert_eq!(code, 0, "{comparison:#}");
    assert_eq!(comparison["base"]["runs"].as_array().unwrap().len(), 4);
    let worse = copies(3, |number, summary| {
        summary["counters"]["clients.never_back"] = u64::from(number == 1).into();
    });
    let (code, comparison) = json(base.path(), worse.path(), &[]);
    assert_eq!(code, 90, "{comparison:#}");
    assert_eq!(
        row(&comparison, "clients.never_back", "count")["verdict"],
        "regression"
    );
}

#[test]
fn more_runs_of_a_side_come_by_their_flags() {
    let more = copies(2, |_, _| {});
    let more = more.path().to_str().unwrap();
    let (_, comparison) = json(&recorded(), &recorded(), &["--base", more, "--new", more]);
    for side in ["base", "new"] {
        assert_eq!(comparison[side]["runs"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn runs_that_the_generator_limited_decide_nothing() {
    let bound = copies(2, |_, summary| {
        summary["verdict"] = "generator_bound".into()
    });
    assert_eq!(compare(&recorded(), bound.path(), &[]).code(), 92);
}

#[test]
fn other_scenarios_are_listed_and_strict_refuses_them() {
    let other = copies(2, |_, _| {});
    for number in 0..2 {
        let file = other.path().join(format!("run-{number}/scenario.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("count = 1000", "count = 2000")).unwrap();
    }
    let (code, comparison) = json(&recorded(), other.path(), &[]);
    assert_ne!(code, 2);
    assert_eq!(
        comparison["differences"][0],
        serde_json::json!({
            "kind": "scenario", "key": "clients.web.count", "base": "1000", "new": "2000",
        })
    );
    let strict = compare(&recorded(), other.path(), &["--strict"]);
    assert_eq!(strict.code(), 2);
    assert!(strict.stderr.contains("--strict"), "{strict:?}");
}

#[test]
fn what_is_no_run_is_a_wrong_command_line() {
    let empty = TempDir::new().unwrap();
    let finished = compare(&recorded(), empty.path(), &[]);
    assert_eq!(finished.code(), 2);
    assert!(finished.stderr.contains("holds no run"), "{finished:?}");
    let unknown = compare(&recorded(), &recorded(), &["--metrics", "ack.tme"]);
    assert_eq!(unknown.code(), 2);
    assert!(
        unknown.stderr.contains("no run has a metric `ack.tme`"),
        "{unknown:?}"
    );
}

#[test]
fn a_run_that_was_killed_is_compared_as_partial() {
    let running = SioLoad::new(&["run", "a.toml", "--duration", "30s"])
        .file("a.toml", SMALL)
        .start();
    running.wait_for_note("phase", LIMIT);
    let written = || {
        let results = running.results()?;
        results.join("summary.json").exists().then_some(results)
    };
    let results = crate::harness::wait_for("summary.json", LIMIT, written);
    running.signal(Signal::SIGKILL);
    let copy = TempDir::new().unwrap();
    for file in ["summary.json", "histograms.hlog", "scenario.toml"] {
        std::fs::copy(results.join(file), copy.path().join(file)).unwrap();
    }
    let (_, comparison) = json(&recorded(), copy.path(), &[]);
    assert_eq!(comparison["new"]["runs"][0]["partial"], true);
    let warnings = comparison["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning["code"] == "partial_run")
    );
    // Before its first checkpoint a run has no summary at all.
    std::fs::remove_file(copy.path().join("summary.json")).unwrap();
    let (_, comparison) = json(&recorded(), copy.path(), &[]);
    assert_eq!(comparison["new"]["runs"][0]["partial"], true);
}

#[test]
fn the_page_lays_the_runs_over_each_other_and_needs_nothing_else() {
    let runs = copies(2, |_, _| {});
    let page = compare(&recorded(), runs.path(), &["--format", "html"]).stdout;
    for part in [
        "reconnect.time, by percentile",
        "Restoration",
        "Clients connected",
        "server_restart",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    assert!(page.matches("<svg").count() >= 4);
    assert!(
        !page.contains("<script") && !page.contains("src="),
        "nothing is loaded"
    );
}

#[test]
fn comparison_json_is_as_its_committed_schema_says() {
    let schema = sio_load::results::schema::comparison_schema();
    crate::results::assert_committed("comparison.schema.json", &schema);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (_, mut comparison) = json(&recorded(), &recorded(), &[]);
    validator.validate(&comparison).unwrap();
    comparison["verdict"] = "perhaps".into();
    assert!(
        !validator.is_valid(&comparison),
        "the schema has to refuse something"
    );
}
