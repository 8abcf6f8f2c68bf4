use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{ELSEWHERE, LIMIT, SMALL};
use crate::harness::{Finished, Front, Kind, RealServer, SioLoad, What};

fn server() -> RealServer {
    RealServer::start(Kind::Embedded, json!({}))
}

fn run(arguments: &[&str]) -> SioLoad {
    let arguments = [&["run", "s.toml"], arguments].concat();
    SioLoad::new(&arguments).file("s.toml", ELSEWHERE)
}

/// That all three clients connected, and so to the server.
fn assert_connected(finished: &Finished, server: &RealServer) {
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert_eq!(finished.summary()["counters"]["clients.connected_max"], 3);
    server.wait_log("three connects", |log| log.count(What::Connect) == 3);
}

/// The causes of all failures.
fn causes(finished: &Finished) -> Vec<String> {
    let summary = finished.summary();
    let errors = summary["errors"].as_array().unwrap().iter();
    let cause = |error: &Value| error["cause"].as_str().unwrap().to_owned();
    errors.map(cause).collect()
}

#[test]
fn a_url_takes_the_place_of_the_scenarios_server() {
    let server = server();
    let restart = "[[chaos]]\nat = \"500ms\"\nfault = \"server_restart\"\n";
    let finished = SioLoad::new(&["run", "s.toml", "--url", &server.url()])
        .file("s.toml", &format!("{SMALL}{restart}"))
        .run(LIMIT);
    assert_connected(&finished, &server);
    assert!(!finished.results().join("server-0.log").exists());
    let summary = finished.summary();
    assert_eq!(
        summary["provenance"]["server"]["url"],
        format!("{}/", server.url())
    );
    assert_eq!(summary["faults"], json!([]));
    let warning = summary["warnings"][0]["message"].as_str().unwrap();
    assert!(warning.contains("server fault"), "{warning}");
}

#[test]
fn certificates_are_those_of_the_flags_and_of_the_environment() {
    let server = server();
    let (front, identities) = Front::tls(server.address());
    let url = format!("https://localhost:{}/", front.address().port());
    let run = |arguments: &[&str]| {
        run(&[&["--url", &url], arguments].concat())
            .file("ca.pem", &identities.authority)
            .file("cert.pem", &identities.certificate)
            .file("key.pem", &identities.key)
            .file("other.pem", &identities.authority)
    };
    let all = ["--cacert=ca.pem", "--cert=cert.pem", "--key=key.pem"];
    let finished = run(&all).env("SIO_LOAD_KEY", "other.pem").run(LIMIT);
    assert_connected(&finished, &server);
    assert!(front.passed() > 0);

    let from_environment = run(&["--insecure"])
        .env("SIO_LOAD_CERT", "cert.pem")
        .env("SIO_LOAD_KEY", "key.pem")
        .run(LIMIT);
    assert_eq!(from_environment.code(), 0, "{from_environment:?}");

    let passed = front.passed();
    let without_authority = run(&["--cert=cert.pem", "--key=key.pem"]).run(LIMIT);
    assert_eq!(without_authority.code(), 1);
    assert_eq!(causes(&without_authority), ["tls_unknown_ca"]);
    let without_certificate = run(&["--cacert=ca.pem"]).run(LIMIT);
    assert_eq!(without_certificate.code(), 1);
    assert_eq!(causes(&without_certificate), ["tls_failed"]);
    assert_eq!(front.passed(), passed);
}

#[test]
fn a_proxy_is_gone_through() {
    let server = server();
    let proxy = Front::proxy();
    let address = proxy.address();
    let through = format!("http://{address}/");
    let finished = run(&["--url", &server.url(), "-x", &through]).run(LIMIT);
    assert_connected(&finished, &server);
    let requests = proxy.requests();
    assert!(requests.len() >= 3, "{requests:?}");
    for request in requests {
        assert!(request.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address())));
    }
}

#[test]
fn connections_go_where_connect_to_says() {
    let server = server();
    let to = format!("nowhere.invalid:80:127.0.0.1:{}", server.address().port());
    let finished = run(&["--url=http://nowhere.invalid/", "--connect-to", &to]).run(LIMIT);
    assert_connected(&finished, &server);
    let elsewhere = run(&["--url=http://nowhere.invalid/"]).run(LIMIT);
    assert_eq!(elsewhere.code(), 1);
    assert_eq!(causes(&elsewhere), ["name_not_found"]);
}

#[test]
fn an_address_family_is_kept_to() {
    // On IPv4 alone.
    let server = server();
    let SocketAddr::V4(address) = server.address() else {
        unreachable!("a loopback address");
    };
    let url = format!("http://localhost:{}/", address.port());
    assert_connected(&run(&["--url", &url, "--ipv4"]).run(LIMIT), &server);
    let finished = run(&["--url", &url, "--ipv6"]).run(LIMIT);
    assert_eq!(finished.code(), 1);
    // Which of them depends on whether `localhost` is ::1, too, on this machine.
    let causes = causes(&finished);
    let expected = ["connection_refused", "unreachable", "name_not_found"];
    assert!(
        causes.iter().all(|cause| expected.contains(&&**cause)),
        "{causes:?}"
    );
}
