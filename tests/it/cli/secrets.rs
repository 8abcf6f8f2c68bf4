use std::fs;
use std::path::Path;

use serde_json::json;

use super::LIMIT;
use crate::harness::{Finished, Front, Kind, RealServer, SioLoad};

/// Part of every secret below, and of nothing else.
const PLANTED: &str = "hunter2";

const SCENARIO: &str = r#"
name = "secrets"
duration = "1s"

[target]
url = "http://user:hunter2-password@127.0.0.1:1/"
auth = { token = "hunter2-auth-{{client}}", deep = [{ more = "hunter2-deep" }] }
headers = { Authorization = "Bearer hunter2-bearer", cookie = "sid=hunter2-cookie", x-api-key = "hunter2-header", x-plain = "shown" }
query = { token = "hunter2-query", room = "{{client}}" }
tls = { cert = "cert.pem", key = "hunter2-key.pem" }

[data]
csv = "users.csv"

[[clients]]
name = "web"
count = 3
auth = { token = "{{csv.token}}" }

[[clients]]
name = "app"
count = 2
profile = "browser"
headers = { AUTHORIZATION = "Basic hunter2-basic" }

[[clients]]
name = "rejected"
count = 2
auth = { token = "bad", secret = "hunter2-rejected" }

[[clients]]
name = "lost"
count = 1
path = "/nowhere/"
"#;

fn run(arguments: &[&str]) -> Finished {
    let server = RealServer::start(Kind::SocketIo4, json!({ "auth": true }));
    let proxy = Front::proxy();
    let url = format!("http://user:hunter2-password@{}/", server.address());
    let through = format!("http://me:hunter2-proxy@{}/", proxy.address());
    let (front, identities) = Front::tls(server.address());
    drop(front);
    let arguments = [
        &["run", "s.toml", "--url", &url, "-x", &through],
        &["--set", "target.auth.second=hunter2-flag"][..],
        arguments,
    ]
    .concat();
    SioLoad::new(&arguments)
        .file("s.toml", SCENARIO)
        .file("users.csv", "token\nhunter2-csv-1\nhunter2-csv-2\n")
        .file("cert.pem", &identities.certificate)
        .file("hunter2-key.pem", &identities.key)
        .env("SIO_LOAD_SET", "target.auth.third=hunter2-environment")
        .run(LIMIT)
}

/// Every file below a folder, by name, with its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[test]
fn no_secret_reaches_results_or_terminal() {
    let finished = run(&[]);
    assert_eq!(finished.code(), 0, "{finished:?}");
    let counters = &finished.summary()["counters"];
    assert_eq!(counters["clients.connected_max"], 5);
    assert_eq!(counters["clients.rejected"], 2);
    let files = files(&finished.results());
    assert!(files.len() > 8, "{files:?}");
    let shown = [("stdout", &finished.stdout), ("stderr", &finished.stderr)];
    let shown = shown.map(|(name, text)| (name.to_owned(), text.clone()));
    for (name, text) in files.iter().chain(&shown) {
        assert!(!text.contains(PLANTED), "{name} tells a secret:\n{text}");
    }
    let scenario = finished.result("scenario.toml");
    assert!(scenario.contains("x-plain = \"shown\""), "{scenario}");
    assert!(scenario.contains("room = \"{{client}}\""), "{scenario}");
    assert!(scenario.contains("--show-secrets"), "{scenario}");
}

#[test]
fn secrets_are_shown_to_those_who_ask() {
    let finished = run(&["--show-secrets"]);
    let scenario = finished.result("scenario.toml");
    for secret in [
        "password",
        "auth",
        "deep",
        "bearer",
        "cookie",
        "header",
        "query",
        "key.pem",
        "basic",
        "proxy",
        "flag",
        "environment",
    ] {
        let secret = format!("hunter2-{secret}");
        assert!(scenario.contains(&secret), "no {secret} in\n{scenario}");
    }
    // The command line is for eyes, not for running.
    assert!(!finished.result("summary.json").contains(PLANTED));
}

#[test]
fn a_wrong_setting_is_shown_without_its_secret() {
    let finished = SioLoad::new(&["check", "s.toml", "--set", "target.auth=hunter2"])
        .file(
            "s.toml",
            "duration = '1s'\nserver.embedded = true\n[[clients]]\ncount = 1\n",
        )
        .run(LIMIT);
    assert_eq!(finished.code(), 104);
    assert!(
        finished.stderr.contains("--set target.auth=***"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains(PLANTED), "{}", finished.stderr);
}

#[test]
fn a_wrong_url_is_shown_without_its_secrets() {
    for flag in ["--url", "--proxy"] {
        let url = "http://user:hunter2@host:port/?token=hunter2";
        let finished = SioLoad::new(&["check", "s.toml", flag, url])
            .file(
                "s.toml",
                "duration = '1s'\nserver.embedded = true\n[[clients]]\ncount = 1\n",
            )
            .run(LIMIT);
        assert_eq!(finished.code(), 104);
        assert!(finished.stderr.contains(flag), "{}", finished.stderr);
        assert!(!finished.stderr.contains(PLANTED), "{}", finished.stderr);
    }
}
