use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::LIMIT;
use crate::harness::{RunningSioLoad, SioLoad, wait_for};

fn serve(arguments: &[&str]) -> (RunningSioLoad, SocketAddr) {
    let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    let running = SioLoad::new(&arguments).start();
    let address = wait_for("address of the server", LIMIT, || {
        let shown = running.shown();
        let (_, rest) = shown.split_once("listening on http://")?;
        rest.split_once('\n')?.0.parse().ok()
    });
    (running, address)
}

fn ask(address: SocketAddr, method: &str, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What the engine says when it opens.
fn handshake(address: SocketAddr, path: &str) -> Value {
    let answer = ask(
        address,
        "GET",
        &format!("{path}?EIO=4&transport=polling"),
        "",
    );
    let (_, open) = answer
        .split_once("\r\n\r\n0")
        .unwrap_or_else(|| panic!("{answer}"));
    let open = open.split('\u{1e}').next().unwrap();
    open.parse().unwrap()
}

#[test]
fn serve_behaves_as_npms_server_by_default() {
    let (running, address) = serve(&[]);
    let open = handshake(address, "/socket.io/");
    assert_eq!(open["pingInterval"], 25_000);
    assert_eq!(open["pingTimeout"], 20_000);
    assert_eq!(open["maxPayload"], 1_000_000);
    assert_eq!(open["upgrades"], serde_json::json!(["websocket"]));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait(LIMIT).code(), 0);
}

#[test]
fn serve_takes_its_settings_and_logs_what_happens() {
    let (running, address) = serve(&[
        "--path=/elsewhere/",
        "--ping-interval=7s",
        "--ping-timeout=3s",
        "--max-payload=12345",
        "--log=-",
    ]);
    let open = handshake(address, "/elsewhere/");
    assert_eq!(open["pingInterval"], 7_000);
    assert_eq!(open["pingTimeout"], 3_000);
    assert_eq!(open["maxPayload"], 12_345);
    let sid = open["sid"].as_str().unwrap();
    let session = format!("/elsewhere/?EIO=4&transport=polling&sid={sid}");
    for packet in ["40", "41"] {
        let answer = ask(address, "POST", &session, packet);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let nowhere = ask(address, "GET", "/socket.io/?EIO=4&transport=polling", "");
    assert!(nowhere.starts_with("HTTP/1.1 404"), "{nowhere}");
    running.signal(Signal::SIGINT);
    let finished = running.wait(LIMIT);
    assert_eq!(finished.code(), 0);
    let lines: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    let happened: Vec<_> = lines.iter().map(|line| &line["what"]).collect();
    assert_eq!(happened, ["connect", "disconnect"]);
}

#[test]
fn a_server_that_is_told_to_end_logs_the_end_of_open_sessions() {
    let (running, address) = serve(&["--log=-"]);
    let open = handshake(address, "/socket.io/");
    let sid = open["sid"].as_str().unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    for packet in ["40", "40/chat,"] {
        ask(address, "POST", &session, packet);
    }
    running.signal(Signal::SIGTERM);
    let finished = running.wait(LIMIT);
    let lines = finished.stdout.lines().map(|line| line.parse().unwrap());
    let lines: Vec<Value> = lines.collect();
    let happened: Vec<_> = lines
        .iter()
        .map(|line| [&line["what"], &line["nsp"], &line["reason"]])
        .collect();
    let shutting_down = "server shutting down";
    assert_eq!(
        serde_json::json!(happened),
        serde_json::json!([
            ["connect", "/", null],
            ["connect", "/chat", null],
            ["disconnect", "/", shutting_down],
            ["disconnect", "/chat", shutting_down],
        ])
    );
}

#[test]
fn a_namespace_is_logged_by_its_name_whatever_query_a_release_2_client_puts_behind_it() {
    let (running, address) = serve(&["--log=-"]);
    let answer = ask(address, "GET", "/socket.io/?EIO=3&transport=polling", "");
    let (_, sid) = answer.split_once("\"sid\":\"").unwrap();
    let sid = sid.split('"').next().unwrap();
    let session = format!("/socket.io/?EIO=3&transport=polling&sid={sid}");
    ask(address, "POST", &session, "15:40/adm?token=x,");
    running.signal(Signal::SIGTERM);
    let finished = running.wait(LIMIT);
    let lines = finished.stdout.lines().map(|line| line.parse().unwrap());
    let namespaces: Vec<Value> = lines.map(|line: Value| line["nsp"].clone()).collect();
    assert!(namespaces.contains(&"/adm".into()), "{namespaces:?}");
    assert!(!finished.stdout.contains("token"), "{}", finished.stdout);
}

#[test]
fn an_address_that_is_taken_is_said() {
    let (_running, address) = serve(&[]);
    let second = SioLoad::new(&["serve", "--listen", &address.to_string()]).run(LIMIT);
    assert_eq!(second.code(), 1);
    assert!(
        second.stderr.contains(&format!(
            "cannot listen on {address}: Address already in use"
        )),
        "{}",
        second.stderr
    );
}

#[test]
fn a_server_of_a_run_ends_with_its_standard_input() {
    // There is none in these tests, which is its end.
    let finished =
        SioLoad::new(&["serve", "--listen", "127.0.0.1:0", "--exit-with-stdin"]).run(LIMIT);
    assert_eq!(finished.code(), 0);
}

#[test]
fn serve_misbehaves_where_it_listens() {
    let (running, address) = serve(&["--misbehave", "status status=503 share=100%"]);
    let answer = ask(address, "GET", "/socket.io/?EIO=4&transport=polling", "");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait(LIMIT).code(), 0);

    let blocked = "websocket_blocked how=refused";
    let sliced = "slicer size=3B delay=1ms";
    let (running, address) = serve(&["--misbehave", blocked, "--misbehave", sliced]);
    let url = format!("http://{address}");
    let finished = SioLoad::new(&["doctor", &url, "--json"]).run(LIMIT);
    assert_eq!(finished.code(), 1, "{finished:?}");
    assert!(finished.stdout.contains("SIO-142"), "{}", finished.stdout);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait(LIMIT).code(), 0);
}

#[test]
fn serve_tells_what_is_no_misbehaviour() {
    let refused = SioLoad::new(&["serve", "--misbehave", "sttaus status=503"]).run(LIMIT);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(
        refused.stderr.contains("status"),
        "the nearest name: {}",
        refused.stderr
    );
}

/// What a new session is told in answer to its CONNECT.
fn connect(address: SocketAddr) -> String {
    let open = handshake(address, "/socket.io/");
    let sid = open["sid"].as_str().unwrap();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    ask(address, "POST", &target, "40");
    let answer = ask(address, "GET", &target, "");
    answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn serve_refuses_clients_beyond_the_most_and_works_as_slowly_as_told() {
    let arguments = [
        "--max-clients",
        "1",
        "--work",
        "2ms",
        "--rss-per-client",
        "40KB",
    ];
    let (_running, address) = serve(&arguments);
    let first = connect(address);
    assert!(first.contains("40{\"sid\""), "{first}");
    let second = connect(address);
    assert!(
        second.contains("44{\"message\":\"server full\"}"),
        "{second}"
    );
}
