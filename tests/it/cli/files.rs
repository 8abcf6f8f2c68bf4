use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{LIMIT, repository};
use crate::harness::{Finished, SioLoad};

fn printed(arguments: &[&str]) -> String {
    let finished = SioLoad::new(arguments).run(LIMIT);
    assert_eq!(
        (finished.code(), &*finished.stderr),
        (0, ""),
        "{arguments:?}"
    );
    finished.stdout
}

/// `init`, and then another command on what it has written, in the same directory.
fn after_init(file: Option<&str>, then: &[&str]) -> (Finished, Finished) {
    let mut arguments = vec!["init"];
    arguments.extend(file);
    let first = SioLoad::new(&arguments).run(LIMIT);
    let second = SioLoad::new(then).within(first.directory()).run(LIMIT);
    (first, second)
}

#[test]
fn init_writes_a_scenario_that_check_accepts() {
    for (file, written) in [(None, "scenario.toml"), (Some("mine.toml"), "mine.toml")] {
        let (init, check) = after_init(file, &["check", written]);
        assert_eq!(init.code(), 0, "{init:?}");
        assert!(init.stdout.contains(&format!("sio-load run {written}")));
        assert_eq!((check.code(), &*check.stderr), (0, ""));
        assert!(check.stdout.starts_with("my-first-run"), "{}", check.stdout);
    }
}

#[test]
fn init_never_overwrites() {
    let first = SioLoad::new(&["init"])
        .file("scenario.toml", "# mine\n")
        .run(LIMIT);
    assert_eq!(first.code(), 1, "{first:?}");
    assert!(first.stderr.contains("exists already"), "{}", first.stderr);
    let kept = fs::read_to_string(first.directory().join("scenario.toml")).unwrap();
    assert_eq!(kept, "# mine\n");
}

#[test]
fn init_says_why_it_cannot_write() {
    let finished = SioLoad::new(&["init", "no/such/folder/s.toml"]).run(LIMIT);
    assert_eq!(finished.code(), 1);
    assert!(
        finished.stderr.contains("cannot be written"),
        "{}",
        finished.stderr
    );
}

#[test]
fn schemas_and_the_reference_are_the_committed_ones() {
    let doc = |name| fs::read_to_string(repository().join("docs").join(name)).unwrap();
    assert_eq!(printed(&["schema", "summary"]), doc("summary.schema.json"));
    assert_eq!(printed(&["schema", "reference"]), doc("scenario.md"));
    let scenario = printed(&["schema"]);
    assert_eq!(scenario, printed(&["schema", "scenario"]));
    let schema: serde_json::Value = scenario.parse().unwrap();
    assert!(jsonschema::validator_for(&schema).is_ok());
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for word in ["completions", "connect-to", "show-secrets"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let finished = SioLoad::new(&["completions", "csh"]).run(LIMIT);
    assert_eq!(finished.code(), 2);
}

#[test]
fn bash_completes_a_subcommand_and_a_flag() {
    let script = printed(&["completions", "bash"]);
    for (line, expected) in [
        ("sio-load complet", "completions"),
        ("sio-load run --ins", "--insecure"),
        ("sio-load li", ""),
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let [.., previous, last] = words[..] else {
            unreachable!("two words at least");
        };
        let ask = format!(
            "COMP_WORDS=({line}); COMP_CWORD={}\n\
             [[ $(complete -p sio-load) =~ -F\\ ([^ ]+) ]]\n\
             ${{BASH_REMATCH[1]}} sio-load '{last}' '{previous}'; echo \"${{COMPREPLY[@]}}\"\n",
            words.len() - 1
        );
        assert_eq!(bash(&format!("{script}\n{ask}")).trim(), expected, "{line}");
    }
}

fn bash(script: &str) -> String {
    let mut bash = Command::new("bash")
        .args(["--norc", "--noprofile"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash, which this test needs");
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
