use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::namespace::Namespace;
use super::{LIMIT, STEADY, formats};
use crate::harness::{SioLoad, wait_for};

fn mounted(options: &str) -> Option<Vec<String>> {
    let namespace = Namespace::with_own("--mount")?;
    let script =
        format!("mkdir results && mount -t tmpfs -o {options} tmpfs results && exec \"$@\"");
    Some(namespace.shell(&script))
}

fn under(wrapper: &[String], arguments: &[&str]) -> SioLoad {
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    let arguments = [&["run", "s.toml"], arguments].concat();
    SioLoad::under(&wrapper, &arguments).file("s.toml", STEADY)
}

#[test]
fn results_that_cannot_be_written_are_said_before_anything_starts() {
    let Some(read_only) = mounted("ro") else {
        return;
    };
    let finished = under(&read_only, &[]).run(LIMIT);
    assert_eq!(finished.code(), 1, "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert_eq!(
        finished.stderr,
        "error: results cannot be written: results/steady cannot be created: Read-only file \
         system (os error 30)\n"
    );
}

#[test]
fn a_disk_that_is_as_good_as_full_is_said_before_anything_starts() {
    let Some(small) = mounted("size=20m") else {
        return;
    };
    let finished = under(&small, &[]).run(LIMIT);
    assert_eq!(finished.code(), 1, "{finished:?}");
    let (_, rest) = finished
        .stderr
        .split_once("error: results cannot be written: results/steady/")
        .unwrap();
    assert!(
        rest.ends_with(" has 20 MiB free, and 64 MiB are needed\n"),
        "{rest}"
    );
}

#[test]
fn a_run_does_not_die_of_a_disk_that_fills_up() {
    let Some(small) = mounted("size=70m") else {
        return;
    };
    let running = under(&small, &["--duration=5s", "--json"]).start();
    // The mount is its own: the way there leads through the process.
    let results = format!("/proc/{}/cwd/results/steady/latest", running.id());
    let results = Path::new(&results);
    let rows = || fs::read_to_string(results.join("timeline.csv")).ok();
    wait_for("a row of results", LIMIT, || {
        rows().filter(|rows| rows.lines().count() > 1)
    });
    fill(&results.join("filler"));
    let finished = running.wait(LIMIT);
    // The load went on to its end; what is lost shows in the exit code.
    assert_eq!(finished.code(), 1, "{finished:?}");
    let summary: serde_json::Value = finished.stdout.parse().unwrap();
    assert_eq!(summary["verdict"], "failed");
    assert_eq!(summary["duration_s"], 5.0);
    let mut warnings = summary["warnings"].as_array().unwrap().iter();
    let warning = warnings.find(|warning| warning["code"] == "results_incomplete");
    let warning = warning.unwrap_or_else(|| panic!("{:#}", summary["warnings"]));
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains("No space left on device"), "{message}");
}

/// Writes until nothing fits any more.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 20, 4096] {
        let zeros = vec![0; size];
        loop {
            match file.write_all(&zeros) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn results_are_never_overwritten() {
    let run = |out: &Path| {
        let finished = SioLoad::new(&[
            "run",
            "s.toml",
            "--duration=500ms",
            "--out",
            out.to_str().unwrap(),
        ])
        .file("s.toml", STEADY)
        .run(LIMIT);
        assert_eq!(finished.code(), 0, "{finished:?}");
    };
    let first = SioLoad::new(&["run", "s.toml", "--duration=500ms"])
        .file("s.toml", STEADY)
        .run(LIMIT);
    assert_eq!(first.code(), 0, "{first:?}");
    formats::assert_consistent(&first);
    let out = first.directory().join("results");
    let kept = first.results().canonicalize().unwrap();
    let before = fs::read(kept.join("summary.json")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| run(&out));
        }
    });
    assert_eq!(fs::read(kept.join("summary.json")).unwrap(), before);
    let runs = fs::read_dir(out.join("steady")).unwrap();
    let runs = runs.filter(|run| run.as_ref().unwrap().file_name() != "latest");
    assert_eq!(runs.count(), 3);
}
