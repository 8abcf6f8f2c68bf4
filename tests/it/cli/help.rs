use insta::assert_snapshot;

use super::{LIMIT, snapshots};
use crate::harness::SioLoad;

fn help(arguments: &[&str]) -> String {
    let finished = SioLoad::new(arguments).run(LIMIT);
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert_eq!(finished.stderr, "");
    finished.stdout
}

/// The subcommands that the help of the whole lists.
fn subcommands() -> Vec<String> {
    let help = help(&["--help"]);
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = rest.split_once("\n\n").unwrap();
    commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_subcommand_has_its_help() {
    snapshots().bind(|| {
        assert_snapshot!("help", help(&["--help"]));
        for command in subcommands() {
            if command != "help" {
                assert_snapshot!(format!("help {command}"), help(&[&command, "--help"]));
            }
        }
    });
}

#[test]
fn help_shows_no_value_of_the_environment() {
    let finished = SioLoad::new(&["run", "--help"])
        .env("SIO_LOAD_PROXY", "http://user:planted@proxy:1/")
        .env("SIO_LOAD_SET", "target.auth.token=planted")
        .run(LIMIT);
    assert!(finished.stdout.contains("SIO_LOAD_PROXY"));
    assert!(!finished.stdout.contains("planted"), "{}", finished.stdout);
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = help(&["--version"]);
    assert_eq!(version, format!("sio-load {}\n", env!("CARGO_PKG_VERSION")));
}
