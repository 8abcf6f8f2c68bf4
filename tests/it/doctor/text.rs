//! The report that people read: the diagnosis first, and no more than fits on a screen.

use std::time::Duration;

use serde_json::json;

use super::program::{nginx, situation};
use crate::harness::{Kind, RealServer, SioLoad};

/// However busy the machine is.
const LIMIT: Duration = Duration::from_secs(120);

fn read(url: &str, flags: &[&str]) -> String {
    let mut arguments = vec!["doctor", url];
    arguments.extend_from_slice(flags);
    SioLoad::new(&arguments).run(LIMIT).stdout
}

#[test]
fn one_problem_takes_24_lines_at_most_and_begins_with_the_diagnosis() {
    let [a, b] = [(); 2].map(|()| RealServer::start(Kind::SocketIo4, json!({})));
    let front = nginx(&format!(
        "upstream io {{ server {}; server {}; }}
         server {{ listen 127.0.0.1:{{port}}; location / {{ proxy_http_version 1.1;
           proxy_set_header Upgrade $http_upgrade;
           proxy_set_header Connection $http_connection; proxy_pass http://io; }} }}",
        a.address(),
        b.address()
    ));
    let kick = situation("kick", &[("AFTER", "300")]);
    let second = situation("second_listener", &[]);
    let closed = situation("closed_at_once", &[]);
    let redirect = situation("redirect", &[]);
    let fronts: Vec<String> = front.iter().map(super::program::Program::url).collect();
    let others = [&kick, &second, &closed, &redirect].map(|one| one.url());
    for url in fronts.into_iter().chain(others) {
        let text = read(&url, &["--path", "/socket.io/"]);
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("1 problem: "), "{text}");
        assert!(
            text.lines().count() <= 24,
            "{} lines: {text}",
            text.lines().count()
        );
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(!text.contains("<html"), "{text}");
    }
}

#[test]
fn a_healthy_server_takes_a_few_lines_and_all_of_it_is_there_when_asked_for() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let text = read(&server.url(), &[]);
    assert!(text.starts_with("All is well."), "{text}");
    assert!(text.lines().count() <= 12, "{text}");
    for absent in ["✗", "stranger", "not made", "skipped"] {
        assert!(!text.contains(absent), "{text}");
    }
    let more = read(&server.url(), &["--verbose"]);
    for present in ["Engine.IO handshake", "Requests", "accepts TCP connections"] {
        assert!(more.contains(present), "{more}");
    }
    assert!(!more.contains("stranger"), "{more}");
}
