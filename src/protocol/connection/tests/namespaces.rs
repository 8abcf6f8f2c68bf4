use super::*;

fn three() -> Config {
    Config {
        namespaces: vec!["/".into(), "/a".into(), "/b".into()],
        ..polling_only()
    }
}

#[test]
fn several_namespaces_connect_in_two_posts() {
    let mut client = Client::connecting(three());
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["GET", "POST 40", "GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 40/a,|40/b,"]);
    client.answer_get("40{\"sid\":\"1\"}\u{1e}40/b,{\"sid\":\"2\"}\u{1e}40/nobody,{\"sid\":\"3\"}");
    assert_eq!(client.events()[5..], ["connected 0", "connected 2"]);
}

#[test]
fn auth_is_asked_for_at_each_connect() {
    let mut client = Client::connecting(websocket_only());
    client.auth = Some("{\"n\":1}".to_owned());
    client.open_websocket();
    client.text(OPEN);
    client.auth = Some("{\"n\":2}".to_owned());
    client.close_websocket();
    client.pass(ms(1500));
    client.open_websocket();
    client.text(OPEN);
    let wire = client.wire();
    let connects: Vec<_> = wire.iter().filter(|line| line.contains("40")).collect();
    assert_eq!(connects, ["> 40{\"n\":1}", "> 40{\"n\":2}"]);
}

#[test]
fn a_rejected_namespace_is_not_tried_again_and_the_last_one_closes_the_engine() {
    let mut client = Client::connecting(Config {
        namespaces: vec!["/".into(), "/a".into()],
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text("44/a,{\"message\":\"Invalid namespace\"}");
    assert_eq!(client.events(), ["rejected 1: namespace/invalid_namespace"]);
    assert!(client.wire().is_empty());
    client.text("44\"Unable to connect\"");
    assert_eq!(client.events(), ["rejected 0: namespace/invalid_namespace"]);
    assert_eq!(client.wire(), ["CLOSE", "END"]);
    client.pass(ms(60_000));
    assert!(client.wire().is_empty());
    client.act(|connection, now| connection.connect_namespace(now, 1));
    assert_eq!(client.wire(), ["WEBSOCKET"]);
}

#[test]
fn an_empty_refusal_is_one_too() {
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text("44");
    assert_eq!(
        client.events(),
        ["rejected 0: namespace/namespace_rejected"]
    );
}

#[test]
fn a_connect_without_sid_is_an_error_of_a_namespace_that_stays_active() {
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text("40");
    assert_eq!(
        client.events(),
        ["rejected 0: namespace/protocol_violation, active"]
    );
    assert!(client.wire().is_empty());
}

#[test]
fn a_kicked_namespace_stays_away_while_the_others_go_on() {
    let mut client = Client::polling(Config {
        namespaces: vec!["/".into(), "/a".into()],
        ..polling_only()
    });
    client.answer_post();
    client.answer_get("40/a,{\"sid\":\"2\"}\u{1e}41/a,");
    assert_eq!(
        client.events(),
        ["connected 1", "disconnected 1: io server disconnect"]
    );
    client.answer_get("1");
    client.pass(ms(1500));
    client.forget();
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["POST 40", "GET"]);
    client.answer_get("40{\"sid\":\"3\"}\u{1e}41");
    assert_eq!(
        client.events()[2..],
        ["connected 0", "disconnected 0: io server disconnect"]
    );
    client.answer_post();
    assert_eq!(client.wire(), ["GET", "POST 1", "END"]);
}

#[test]
fn a_namespace_that_never_connected_hears_of_the_loss_too() {
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.close_websocket();
    assert_eq!(
        client.events()[1],
        "disconnected 0: transport close, unconnected"
    );
}

#[test]
fn events_before_the_connect_are_delivered_with_it() {
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.text(OPEN);
    assert_eq!(client.emit("mine", None), Emitted::Buffered);
    client.forget();
    client.text("42[\"early\",1]");
    assert!(client.events().is_empty());
    client.text(CONNECTED);
    assert_eq!(
        client.events(),
        ["received early [1]", "buffered sent", "connected 0"]
    );
    assert_eq!(client.wire(), ["> 42[\"mine\"]"]);
}

#[test]
fn a_session_is_recovered_by_pid_and_offset() {
    let mut client = Client::connecting(websocket_only());
    client.auth = Some("{\"k\":1}".to_owned());
    client.open_websocket();
    client.text(OPEN);
    client.text("40{\"sid\":\"s\",\"pid\":\"p1\"}");
    client.text("42[\"a\",1,\"o1\"]");
    client.text("42[\"b\",\"o2\"]");
    client.text("42[\"c\",3]");
    client.text("427[\"d\",\"not an offset: an ack is asked for\"]");
    client.close_websocket();
    client.pass(ms(1500));
    client.open_websocket();
    client.forget();
    client.text(OPEN);
    assert_eq!(
        client.wire(),
        ["> 40{\"pid\":\"p1\",\"offset\":\"o2\",\"k\":1}"]
    );
    client.text("42[\"missed\",\"o3\"]");
    client.text("40{\"sid\":\"s\",\"pid\":\"p1\"}");
    assert_eq!(
        client.events()[2..],
        ["received missed [\"o3\"]", "connected 0, recovered: true"]
    );
    client.close_websocket();
    client.pass(ms(1500));
    client.open_websocket();
    client.forget();
    client.text(OPEN);
    assert!(client.wire()[0].contains("o3"));
    client.text("40{\"sid\":\"t\",\"pid\":\"p2\"}");
    assert_eq!(client.events()[2..], ["connected 0, recovered: false"]);
}

#[test]
fn an_auth_of_no_keys_and_no_offset_leave_no_comma() {
    let mut client = Client::connecting(websocket_only());
    client.auth = Some(" { } ".to_owned());
    client.open_websocket();
    client.text(OPEN);
    client.text("40{\"sid\":\"s\",\"pid\":\"p1\"}");
    client.close_websocket();
    client.pass(ms(1500));
    client.open_websocket();
    client.forget();
    client.text(OPEN);
    assert_eq!(client.wire(), ["> 40{\"pid\":\"p1\"}"]);
}

#[test]
fn attachments_come_and_go() {
    let mut client = Client::websocket();
    client.text("451-[\"file\",{\"_placeholder\":true,\"num\":0}]");
    assert!(client.events().is_empty());
    client.binary(&[1, 2]);
    assert_eq!(client.events().len(), 1);
    let emit = Emit {
        namespace: 0,
        event: "file",
        args: "\"name\"",
        attachments: &[Bytes::from_static(&[7, 8])],
        volatile: false,
        ack: None,
    };
    client.connection.emit(client.now, &emit);
    client.drain();
    assert_eq!(
        client.wire(),
        [
            "> 451-[\"file\",\"name\",{\"_placeholder\":true,\"num\":0}]",
            ">> b\"\\x07\\x08\""
        ]
    );
    client.text("451-[\"file\",{\"_placeholder\":true,\"num\":0}]");
    client.text("42[\"x\"]");
    assert_eq!(client.events()[1], "disconnected 0: parse error");
}

#[test]
fn a_lone_surrogate_survives() {
    let mut client = Client::websocket();
    client.text("42[\"x\",\"\\ud83d\"]");
    assert_eq!(client.events(), ["received x [\"\\ud83d\"]"]);
}
