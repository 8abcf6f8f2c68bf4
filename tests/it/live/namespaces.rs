//! Clients with several namespaces, of which a server grants some; and servers that ask clients for
//! acks.

use serde_json::json;

use super::agreement::settled;
use super::{Target, run};
use crate::harness::{Kind, RealServer, What};

const SERVER: Target = Target::new(Kind::SocketIo4, 4);

/// Three clients that emit in each of their namespaces; the last is the one in question.
const THREE_NAMESPACES: &str = r#"
    duration = "4s"
    seed = 1
    [[clients]]
    name = "web"
    count = 3
    namespaces = ["/", "/chat", "/admin"]
    emit = [
        { event = "echo", every = "200ms", ack = { timeout = "10s" } },
        { event = "say", every = "200ms", namespace = "/chat", ack = { timeout = "10s" } },
        { event = "adm", every = "200ms", namespace = "/admin", ack = { timeout = "10s" } },
    ]
"#;

fn refusing(how: &str) -> RealServer {
    SERVER.start(json!({ how: ["/admin"] }))
}

#[test]
fn a_refused_namespace_keeps_no_client_from_emitting_in_the_others() {
    let server = refusing("refusing");
    let outcome = run(&server.url(), THREE_NAMESPACES);
    let log = settled(&server);
    let events = log.events();
    assert!(events["echo"] > 0 && events["say"] > 0, "{events:?}");
    assert_eq!(events.get("adm"), None, "it was never connected");
    assert_eq!(outcome.count("emits"), events["echo"] + events["say"]);
    assert_eq!(outcome.count("acks"), outcome.count("emits"));
    assert_eq!(outcome.count("namespace.errors"), 3);
    assert_eq!(outcome.count("clients.partial"), 3);
    assert_eq!(outcome.count("clients.complete"), 0);
    let warning = outcome.warning("partly_connected");
    assert!(warning.contains("3 of the 3 clients of `web`"), "{warning}");
    assert_eq!(
        outcome.summary.exit_code, 1,
        "no client got all it asked for"
    );
}

#[test]
fn an_unanswered_namespace_keeps_no_client_from_emitting_in_the_others() {
    let server = refusing("quiet");
    let outcome = run(&server.url(), THREE_NAMESPACES);
    let events = settled(&server).events();
    assert!(events["echo"] > 0 && events["say"] > 0, "{events:?}");
    assert_eq!(outcome.count("emits"), events["echo"] + events["say"]);
    assert_eq!(outcome.count("acks"), outcome.count("emits"));
    assert_eq!(outcome.count("namespace.unanswered"), 3);
    assert_eq!(outcome.count("clients.partial"), 3);
    let warning = outcome.warning("partly_connected");
    assert!(warning.contains("3 not answered"), "{warning}");
    assert_eq!(
        outcome.summary.exit_code, 1,
        "no client got all it asked for"
    );
}

#[test]
fn a_server_that_asks_for_acks_gets_the_reply_of_the_scenario() {
    let server = SERVER.start(json!({ "asks": "job" }));
    let outcome = run(
        &server.url(),
        r#"
        duration = "4s"
        seed = 1
        [[clients]]
        name = "web"
        count = 2
        listen = [{ event = "job", reply = [{ done = "{{n | number}}", by = "{{client}}" }, "ok"] }]
        "#,
    );
    let log = settled(&server);
    let answers: Vec<&serde_json::Value> = log
        .of(What::Answered)
        .map(|line| &line.more["args"])
        .collect();
    assert!(!answers.is_empty());
    for client in ["0", "1"] {
        let mine = answers.iter().filter(|args| args[0]["by"] == client);
        for (n, args) in mine.enumerate() {
            assert_eq!(**args, json!([{ "done": n, "by": client }, "ok"]));
        }
    }
    assert!(outcome.count("acks.sent") >= answers.len() as u64);
    assert_eq!(outcome.count("acks.owed"), 0);
    assert_eq!(outcome.summary.exit_code, 0);
}

#[test]
fn acks_that_nothing_answers_are_counted_and_warned_of() {
    let server = SERVER.start(json!({ "asks": "job" }));
    let outcome = run(
        &server.url(),
        r#"
        duration = "4s"
        seed = 1
        [[clients]]
        name = "web"
        count = 2
        listen = [{ event = "job" }]
        "#,
    );
    let log = settled(&server);
    assert_eq!(log.count(What::Answered), 0);
    assert!(outcome.count("acks.owed") > 0);
    assert_eq!(outcome.count("acks.owed"), outcome.count("events"));
    let warning = outcome.warning("acks_owed");
    assert!(warning.contains("`reply`"), "{warning}");
}

#[test]
fn a_secret_that_a_server_repeats_stays_out_of_the_results() {
    let server = refusing("refusing");
    let scenario = THREE_NAMESPACES.replace(
        "[[clients]]",
        "[target]\nauth = { token = \"s3cr3t-{{client}}\" }\n[[clients]]",
    );
    let outcome = run(&server.url(), &scenario);
    let messages: Vec<&str> = outcome
        .summary
        .errors
        .iter()
        .filter_map(|group| group.message.as_deref())
        .collect();
    assert_eq!(messages, ["admins only, not ***"]);
    assert!(!outcome.everything().contains("s3cr3t"));
}
