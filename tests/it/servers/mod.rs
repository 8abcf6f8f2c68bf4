//! The servers that tests and runs stand on do what the others expect of them.

mod balancer;
mod misbehaving;
mod process;

use std::time::Duration;

use serde_json::json;

use crate::harness::{
    ClientLine, Kind, OfficialClient, RealServer, Side, SioLoad, Tap, Utterance, What,
};

/// What a client reported, without what differs from run to run.
fn names(lines: &[ClientLine]) -> Vec<&str> {
    lines.iter().map(|line| line.what.as_str()).collect()
}

fn find<'a>(lines: &'a [ClientLine], what: &str) -> &'a ClientLine {
    lines
        .iter()
        .find(|line| line.what == what)
        .unwrap_or_else(|| panic!("no {what} in {:?}", names(lines)))
}

/// Connects to two namespaces, sends one event with an ack, one without, and leaves.
fn visit(client: OfficialClient, url: &str) -> Vec<ClientLine> {
    let steps = json!([
        { "wait": "connect" },
        { "wait": "connect" },
        { "wait": "upgrade" },
        { "emit": ["echo", 1, { "ü": ["\u{1d11e}", null] }, { "$bytes": 3 }], "ack": true },
        { "wait": "ack" },
        { "emit": ["echo", "x"], "nsp": "/news" },
        { "wait": "event" },
        { "emit": ["kick"], "nsp": "/news" },
        { "wait": "disconnect" },
        { "disconnect": true },
        { "sleep": 100 },
    ]);
    client.run(url, &json!({}), &["/", "/news"], steps)
}

fn assert_visited(server: &RealServer, lines: &[ClientLine]) {
    assert_eq!(
        find(lines, "ack").reply,
        Some(json!([1, { "ü": ["\u{1d11e}", null] }, { "type": "Buffer", "data": [97, 97, 97] }])),
    );
    assert_eq!(find(lines, "event").args, Some(json!(["x"])));
    let kicked = find(lines, "disconnect");
    assert_eq!(kicked.nsp.as_deref(), Some("/news"));
    assert_eq!(kicked.reason.as_deref(), Some("io server disconnect"));

    let log = server.wait_log("two disconnects", |log| log.count(What::Disconnect) == 2);
    assert_eq!(log.connects(), 2);
    assert_eq!(log.acks(), 1);
    assert_eq!(
        log.events(),
        [("echo".to_owned(), 2), ("kick".to_owned(), 1)].into()
    );
    assert_eq!(
        log.disconnects(),
        [
            ("client namespace disconnect".to_owned(), 1),
            ("server namespace disconnect".to_owned(), 1),
        ]
        .into(),
    );
}

#[test]
fn real_servers_answer_and_do_not_count_the_question() {
    for kind in Kind::ALL {
        let server = RealServer::start(kind, json!({}));
        let log = server.log();
        assert_eq!(log.count(What::Open) + log.connects(), 0, "{kind:?}");
    }
}

#[test]
fn every_server_answers_the_official_client_of_its_release() {
    for (kind, client) in [
        (Kind::SocketIo4, OfficialClient::Release4),
        (Kind::SocketIo3, OfficialClient::Release4),
        (Kind::SocketIo2, OfficialClient::Release2),
        (Kind::PythonAiohttp, OfficialClient::Release4),
        (Kind::Embedded, OfficialClient::Release4),
        (Kind::Embedded, OfficialClient::Release2),
    ] {
        let server = RealServer::start(kind, json!({}));
        let lines = visit(client, &server.url());
        assert_visited(&server, &lines);
    }
}

#[test]
fn the_tap_shows_the_reference_wire_of_an_upgrade() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let tap = Tap::start(server.address());
    let steps = json!([
        { "wait": "upgrade" }, { "wait": "connect" },
        { "emit": ["echo", 1], "ack": true }, { "wait": "ack" },
        { "disconnect": true }, { "sleep": 100 },
    ]);
    OfficialClient::Release4.run(&tap.url(), &json!({}), &["/"], steps);
    let outline = tap.wire().outline();
    let said = |side: char| outline.iter().filter(move |line| line.starts_with(side));
    let mut from_client: Vec<_> = said('>').map(String::as_str).collect();
    // The first poll may be answered before the pong comes; then a second one follows it.
    let poll = "> GET /socket.io/?EIO=4&transport=polling&t=…&sid=…";
    let mut polls = 0;
    from_client.retain(|line| {
        polls += usize::from(*line == poll);
        *line != poll || polls == 1
    });
    assert_eq!(
        from_client,
        [
            "> GET /socket.io/?EIO=4&transport=polling&t=…",
            "> POST /socket.io/?EIO=4&transport=polling&t=…&sid=… 40",
            "> GET /socket.io/?EIO=4&transport=websocket&sid=… upgrade",
            poll,
            "> frame 2probe",
            "> frame 5",
            "> frame 420[\"echo\",1]",
            "> frame 41",
            "> close frame",
        ],
        "{outline:#?}"
    );
    for answer in [
        "< frame 3probe",
        "< frame 430[1]",
        "< 200 40{\"sid\":\"…\"}",
        "< 200 ok",
    ] {
        assert!(
            said('<').any(|line| line == answer),
            "no {answer} in {outline:#?}"
        );
    }
    let wire = tap.wire();
    let on_polling = wire.messages.iter().filter(|said| {
        said.side == Side::Client
            && matches!(&said.what, Utterance::Http(request) if !request.head.is_upgrade())
    });
    let connections: Vec<_> = on_polling.map(|said| said.connection).collect();
    assert!(
        connections.is_sorted_by(|one, next| one < next),
        "a connection for each request: {connections:?}"
    );
    assert!(wire.messages.is_sorted_by_key(|said| said.at));
    let first = &wire.requests().next().unwrap().head;
    assert_eq!(first.header("user-agent"), Some("node-XMLHttpRequest"));
    assert_eq!(first.header("connection"), Some("close"));
}

#[test]
fn the_log_of_a_server_tells_its_sessions_and_their_recovery() {
    let options = json!({
        "connectionStateRecovery": {}, "auth": true, "logArguments": true, "logRequests": true,
    });
    let server = RealServer::start(Kind::SocketIo4, options);
    let steps = json!([
        { "wait": "upgrade" }, { "wait": "connect" },
        { "emit": ["push", 1], "ack": true }, { "wait": "ack" },
        { "close_engine": true }, { "wait": "connect" },
        { "disconnect": true }, { "sleep": 50 },
    ]);
    let options = json!({ "auth": { "token": "good" }, "reconnectionDelay": 10 });
    let lines = OfficialClient::Release4.run(&server.url(), &options, &["/"], steps);
    let log = server.wait_log("two disconnects", |log| log.count(What::Disconnect) == 2);

    let connects: Vec<_> = log.of(What::Connect).collect();
    assert_eq!(
        [connects[0].recovered, connects[1].recovered],
        [Some(false), Some(true)]
    );
    assert_eq!(
        connects[0].sid, connects[1].sid,
        "a recovered session keeps its id"
    );
    assert_eq!(connects[0].more["auth"]["token"], "good");
    assert_eq!(
        (connects[0].nsp.as_deref(), connects[0].eio),
        (Some("/"), Some(4))
    );
    let open = log.of(What::Open).next().expect("an engine");
    let upgrade = log.of(What::Upgrade).next().expect("an upgrade");
    assert_eq!(open.sid, upgrade.sid);
    assert_eq!(open.transport.as_deref(), Some("polling"));
    assert_eq!(upgrade.transport.as_deref(), Some("websocket"));
    let event = log.of(What::Event).next().expect("an event");
    assert_eq!((event.ack, &event.more["args"]), (Some(true), &json!([1])));
    let request = log.of(What::Request).next().expect("a request");
    assert_eq!(request.more["method"], "GET");
    assert!(log.lines.is_sorted_by_key(|line| line.at_us));
    let apart = find(&lines, "connect").at_us.abs_diff(connects[0].at_us);
    assert!(
        apart < 1_000_000,
        "both tell the wall clock's time: {apart} us apart"
    );
}

#[test]
fn a_server_refuses_what_it_is_told_to() {
    let bad = json!({ "auth": { "token": "bad" } });
    let steps = json!([{ "wait": "connect_error" }]);
    for kind in [Kind::SocketIo4, Kind::SocketIo3, Kind::PythonAiohttp] {
        let server = RealServer::start(kind, json!({ "auth": true }));
        let lines = OfficialClient::Release4.run(&server.url(), &bad, &["/"], steps.clone());
        assert_eq!(
            find(&lines, "connect_error").message,
            Some(json!("bad token")),
            "{kind:?}"
        );
        assert_eq!(server.log().connects(), 0, "{kind:?}");
    }
    let server = RealServer::start(Kind::SocketIo4, json!({ "refuse": true }));
    let _ = OfficialClient::Release4.run(&server.url(), &json!({}), &["/"], steps);
    let refusal = server.wait_log("refusal", |log| log.count(What::ConnectionError) > 0);
    assert_eq!(
        refusal.of(What::ConnectionError).next().expect("one").more["code"],
        4
    );
}

#[test]
fn a_broadcast_of_the_embedded_server_reaches_every_client_the_sender_included() {
    let server = RealServer::start(Kind::Embedded, json!({ "maxHttpBufferSize": 1000 }));
    let url = server.url();
    let listener = std::thread::spawn(move || {
        let steps = json!([{ "wait": "connect" }, { "wait": "event" }]);
        OfficialClient::Release4.run(&url, &json!({}), &["/"], steps)
    });
    server.wait_log("the listener", |log| log.connects() == 1);
    let steps = json!([
        { "wait": "connect" },
        { "emit": ["broadcast", "to all", 1], "ack": true }, { "wait": "ack" }, { "wait": "event" },
    ]);
    let sender = OfficialClient::Release4.run(&server.url(), &json!({}), &["/"], steps);
    for lines in [sender, listener.join().expect("a client")] {
        let event = find(&lines, "event");
        assert_eq!(event.args, Some(json!(["to all", 1])));
    }
}

#[test]
fn the_built_program_runs_to_its_end() {
    let finished = SioLoad::new(&["--version"]).run(Duration::from_secs(10));
    assert!(finished.status.success(), "{}", finished.stderr);
}
