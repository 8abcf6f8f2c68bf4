//! What Engine.IO and Socket.IO servers answer, by their own options.

use serde_json::{Value, json};

use super::diagnosis::{Diagnosis, diagnose};
use super::program::{nginx, plain_websocket};
use crate::harness::{Kind, Misbehaving, Misbehaviour, RealServer};

fn release_4(options: Value, flags: &[&str]) -> Diagnosis {
    let server = RealServer::start(Kind::SocketIo4, options);
    diagnose(&server.url(), flags)
}

fn behind(how: Misbehaviour) -> Diagnosis {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = Misbehaving::start(server.address(), how);
    diagnose(&front.url(), &[])
}

#[test]
fn a_server_that_allows_neither_usual_transport_is_told() {
    release_4(json!({ "transports": ["webtransport"] }), &[]).assert_only(&["SIO-130"]);
}

#[test]
fn a_failing_middleware_of_the_engine_is_a_bad_request() {
    let diagnosis = release_4(json!({ "failing": true }), &[]);
    diagnosis.assert_only(&["SIO-133"]);
    let answer = &diagnosis.evidence("SIO-133")[0]["answer"];
    assert_eq!(answer["status"], 400);
    assert!(answer["body"].as_str().unwrap().contains("Bad request"));
}

#[test]
fn a_client_that_is_turned_away_is_told_and_the_other_codes_are_shown() {
    let diagnosis = release_4(json!({ "refuse": true }), &[]);
    diagnosis.assert_only(&["SIO-134"]);
    let facts = diagnosis.check("codes")["facts"].to_string();
    assert!(
        facts.contains("4 Forbidden: this client is turned away"),
        "{facts}"
    );
    assert!(
        facts.contains("0 Transport unknown: as it should be"),
        "{facts}"
    );
    let others = diagnosis.codes("info");
    assert!(!others.contains(&"SIO-137"), "{others:?}");
}

#[test]
fn a_server_that_ends_what_it_has_just_connected_is_told() {
    for (how, seen) in [
        ("namespace", "disconnected it"),
        ("engine", "disconnected it"),
        ("garbage", "sent what clients cannot read (invalid payload)"),
    ] {
        let diagnosis = release_4(json!({ "kickAll": how }), &[]);
        diagnosis.assert_only(&["SIO-154"]);
        let finding = diagnosis.finding("SIO-154");
        assert!(
            finding["seen"].as_str().unwrap().contains(seen),
            "{finding}"
        );
        let options = json!({ "kickAll": how, "transports": ["websocket"] });
        release_4(options, &[]).assert_only(&["SIO-154", "SIO-203"]);
    }
}

#[test]
fn a_server_with_another_parser_is_told_from_a_missing_stickiness() {
    let diagnosis = release_4(json!({ "deaf": true }), &[]);
    diagnosis.assert_only(&["SIO-155"]);
    assert_eq!(diagnosis.report["left_open"], 0);
    let options = json!({ "deaf": true, "transports": ["websocket"] });
    release_4(options, &[]).assert_only(&["SIO-155", "SIO-203"]);
}

#[test]
fn python_turns_clients_away_in_its_own_way() {
    let server = RealServer::start(Kind::PythonAiohttp, json!({ "refuse": true }));
    diagnose(&server.url(), &[]).assert_only(&["SIO-134"]);
}

#[test]
fn a_server_that_speaks_neither_revision_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    // Something in front that rewrites the revision makes such a server of any.
    let rewrite = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            set $args \"EIO=9&transport=$arg_transport\";
            proxy_pass http://{}; }} }}",
        server.address()
    );
    let Some(front) = nginx(&rewrite) else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    diagnosis.assert_only(&["SIO-135", "SIO-173"]);
}

#[test]
fn a_handshake_that_arrives_as_a_post_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let post = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            proxy_method POST; proxy_pass http://{}; }} }}",
        server.address()
    );
    let Some(front) = nginx(&post) else { return };
    assert_eq!(diagnose(&front.url(), &[]).codes("error"), ["SIO-132"]);
}

#[test]
fn errors_that_a_proxy_replaces_by_its_own_page_are_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let pages = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            proxy_intercept_errors on; error_page 400 =400 @page;
            proxy_pass http://{}; }}
          location @page {{ default_type text/html; return 400 \"<html>Oops</html>\"; }} }}",
        server.address()
    );
    let Some(front) = nginx(&pages) else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    assert!(diagnosis.codes("error").is_empty(), "{diagnosis:?}");
    let seen = diagnosis.finding("SIO-136")["seen"].as_str().unwrap();
    assert!(seen.contains("nginx"), "{seen}");
}

#[test]
fn other_implementations_are_recognised_by_their_errors() {
    for (kind, name) in [
        (Kind::PythonAiohttp, "python-socketio"),
        (Kind::Embedded, "socketioxide"),
    ] {
        let server = RealServer::start(kind, json!({}));
        let diagnosis = diagnose(&server.url(), &[]);
        let findings = diagnosis.report["findings"].as_array().unwrap();
        let is_it = |finding: &&Value| finding["seen"].to_string().contains(name);
        let found = findings.iter().find(is_it);
        assert_eq!(found.unwrap()["code"], "SIO-137", "{kind:?}");
    }
}

#[test]
fn an_unknown_revision_that_is_accepted_is_worth_knowing() {
    let server = RealServer::start(Kind::SocketIo2, json!({}));
    let diagnosis = diagnose(&server.url(), &[]);
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-138") && diagnosis.has("SIO-171"));
}

#[test]
fn what_answers_in_the_servers_place_is_told() {
    for status in [401, 429, 502, 503] {
        let diagnosis = behind(Misbehaviour::Status(status));
        let answer = &diagnosis.evidence("SIO-140")[0]["answer"];
        assert_eq!(answer["status"], status);
    }
    assert!(behind(Misbehaviour::Html).has("SIO-141"));
    assert!(behind(Misbehaviour::EmptyBody).has("SIO-141"));
}

#[test]
fn a_connect_that_is_too_large_is_told() {
    let options = json!({ "maxHttpBufferSize": 20 });
    let auth = "{\"token\":\"a token of more than twenty bytes\"}";
    assert!(release_4(options, &["--auth", auth]).has("SIO-144"));
}

#[test]
fn a_server_at_another_path_is_found() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let below = format!(
        "server {{ listen 127.0.0.1:{{port}}; location /api/ {{ proxy_pass http://{}/; }} }}",
        server.address()
    );
    let Some(front) = nginx(&below) else { return };
    let diagnosis = diagnose(&format!("{}/api", front.url()), &[]);
    let seen = diagnosis.finding("SIO-146")["seen"].as_str().unwrap();
    assert!(seen.contains("answers at /api/socket.io/"), "{seen}");
    assert_eq!(diagnosis.report["left_open"], 0);
}

#[test]
fn a_path_that_is_a_namespace_is_told_apart_from_one_that_is_nothing() {
    let options = json!({ "namespaces": ["/", "/admin"] });
    assert!(release_4(options.clone(), &["--path", "/admin"]).has("SIO-152"));
    let wrong = release_4(options, &["--path", "/nothing"]);
    assert!(wrong.has("SIO-146") && !wrong.has("SIO-152"));
}

#[test]
fn a_plain_websocket_server_is_told_whether_it_talks_or_not() {
    for greeting in ["", "hello"] {
        let server = plain_websocket(greeting);
        let diagnosis = diagnose(&server.url(), &[]);
        let seen = diagnosis.finding("SIO-147")["seen"].as_str().unwrap();
        assert!(seen.contains(greeting), "{seen}");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told() {
    let only_root = json!({ "namespaces": ["/"] });
    release_4(only_root.clone(), &["--namespace", "/admin"]).assert_only(&["SIO-150"]);
    let server = RealServer::start(Kind::PythonAiohttp, only_root);
    diagnose(&format!("{}/admin", server.url()), &[]).assert_only(&["SIO-150"]);
}

#[test]
fn a_middleware_that_refuses_is_told_in_its_own_words() {
    let options = json!({ "auth": true });
    let diagnosis = release_4(options.clone(), &["--auth", "{\"token\":\"bad\"}"]);
    diagnosis.assert_only(&["SIO-151"]);
    let seen = diagnosis.finding("SIO-151")["seen"].as_str().unwrap();
    assert!(seen.contains("bad token"), "{seen}");
    release_4(options, &["--auth", "{\"token\":\"good\"}"]).assert_only(&[]);
}

#[test]
fn a_middleware_that_never_answers_is_told() {
    release_4(json!({ "silent": true }), &[]).assert_only(&["SIO-153"]);
}

#[test]
fn the_revisions_that_are_served_are_told() {
    assert!(release_4(json!({}), &[]).has("SIO-170"));
    let both = release_4(json!({ "allowEIO3": true }), &[]);
    both.assert_only(&[]);
    assert!(both.has("SIO-172"));
}

#[test]
fn a_release_2_server_is_recognised_over_websocket_alone() {
    let options = json!({ "transports": ["websocket"] });
    let server = RealServer::start(Kind::SocketIo2, options);
    let diagnosis = diagnose(&server.url(), &[]);
    diagnosis.assert_only(&["SIO-203"]);
    assert!(diagnosis.has("SIO-171"));
}
