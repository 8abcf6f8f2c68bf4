//! CORS, by the options of servers and by what proxies add.

use serde_json::{Value, json};

use super::diagnosis::{Diagnosis, diagnose};
use super::program::nginx;
use crate::harness::{Kind, RealServer};

/// The servers of these tests speak plain HTTP, and so does the page.
const PAGE: &str = "http://app.example.com";

fn for_page(kind: Kind, options: Value, flags: &[&str]) -> Diagnosis {
    let server = RealServer::start(kind, options);
    let mut all = vec!["--origin", PAGE];
    all.extend_from_slice(flags);
    diagnose(&server.url(), &all)
}

#[test]
fn a_server_without_cors_is_told_to_a_page_of_another_origin() {
    for kind in [Kind::SocketIo4, Kind::SocketIo3] {
        for_page(kind, json!({}), &[]).assert_only(&["SIO-180"]);
    }
}

#[test]
fn a_server_that_names_the_page_is_well() {
    let options = json!({ "cors": { "origin": PAGE, "credentials": true } });
    let diagnosis = for_page(Kind::SocketIo4, options, &["-H", "my-header: x"]);
    diagnosis.assert_only(&[]);
    let facts = diagnosis.check("cors")["facts"].to_string();
    assert!(facts.contains("the preflight allows my-header"), "{facts}");
}

#[test]
fn a_server_that_names_another_page_is_told() {
    let options = json!({ "cors": { "origin": "http://other.example.com" } });
    for_page(Kind::SocketIo4, options, &[]).assert_only(&["SIO-181"]);
}

#[test]
fn credentials_for_anyone_are_told_and_anyone_without_is_fine() {
    let both = json!({ "cors": { "origin": "*", "credentials": true } });
    for_page(Kind::SocketIo4, both, &[]).assert_only(&["SIO-182"]);
    let anyone = for_page(Kind::SocketIo4, json!({ "cors": { "origin": "*" } }), &[]);
    anyone.assert_only(&[]);
    assert!(anyone.has("SIO-188"));
}

#[test]
fn a_preflight_that_does_not_allow_the_pages_headers_is_told() {
    let options = json!({ "cors": { "origin": PAGE, "allowedHeaders": ["other"] } });
    for_page(Kind::SocketIo4, options.clone(), &["-H", "my-header: x"]).assert_only(&["SIO-183"]);
    for_page(Kind::SocketIo4, options, &[]).assert_only(&[]);
}

#[test]
fn headers_of_both_server_and_proxy_are_told() {
    let options = json!({ "cors": { "origin": PAGE } });
    let server = RealServer::start(Kind::SocketIo4, options);
    let twice = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{
            proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            add_header Access-Control-Allow-Origin $http_origin always;
            proxy_pass http://{}; }} }}",
        server.address()
    );
    let Some(front) = nginx(&twice) else { return };
    diagnose(&front.url(), &["--origin", PAGE]).assert_only(&["SIO-184"]);
}

#[test]
fn an_origin_that_the_server_refuses_is_told() {
    let diagnosis = for_page(Kind::PythonAiohttp, json!({}), &[]);
    assert_eq!(diagnosis.codes("error")[0], "SIO-185");
}

#[test]
fn without_an_origin_nothing_is_wrong() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    assert!(diagnose(&server.url(), &[]).has("SIO-186"));
    let mirror = json!({ "cors": { "origin": true, "credentials": true } });
    let server = RealServer::start(Kind::SocketIo4, mirror);
    let diagnosis = diagnose(&server.url(), &[]);
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-187"));
}
