use super::super::ReconnectionConfig;
use super::*;

fn attempts(attempts: u32) -> Config {
    Config {
        reconnection: Some(ReconnectionConfig {
            attempts: Some(attempts),
            ..ReconnectionConfig::default()
        }),
        ..polling_only()
    }
}

#[test]
fn a_server_that_is_down_sees_one_open_and_all_the_attempts() {
    let mut client = Client::connecting(attempts(2));
    client.fail_get();
    for _ in 0..2 {
        client.pass(ms(5000));
        client.fail_get();
    }
    let failed = "engine failed: tcp/connection_refused";
    assert_eq!(
        client.events(),
        [
            "opening polling",
            failed,
            "waiting for attempt 1",
            "opening polling, attempt 1",
            failed,
            "waiting for attempt 2",
            "opening polling, attempt 2",
            failed,
            "gave up"
        ]
    );
    assert!(client.connection.is_idle());
    client.act(Connection::connect);
    assert_eq!(client.events(), ["opening polling"]);
}

#[test]
fn a_balancer_that_deals_in_turn_resets_the_attempts_for_ever() {
    let mut client = Client::connecting(attempts(2));
    for round in 0..20 {
        client.answer_get(OPEN);
        client.answer_post_with(400, r#"{"code":1,"message":"Session ID unknown"}"#);
        let events = client.events();
        assert_eq!(
            events[events.len() - 3..],
            [
                "session failed: session/session_id_unknown 400",
                "disconnected 0: transport error, unconnected",
                "waiting for attempt 1"
            ],
            "round {round}"
        );
        assert_eq!(client.wire(), ["GET", "POST 40", "GET", "POST 1", "END"]);
        let left = *client.gets.last().unwrap();
        client.answer(left, 400, "");
        client.pass(ms(1500));
    }
}

#[test]
fn without_reconnection_a_loss_is_the_end() {
    let mut client = Client::connecting(Config {
        reconnection: None,
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.text(CONNECTED);
    client.close_websocket();
    assert_eq!(
        client.events().last().unwrap(),
        "disconnected 0: transport close"
    );
    assert_eq!(client.connection.poll_timeout(), None);
}

#[test]
fn every_reason_to_lose_a_session_has_its_name() {
    let dropped = Failure::new(Stage::Tcp, Cause::ConnectionReset, Origin::Network);
    let cases = [
        (
            WebSocketEnd::Closed { code: Some(1006) },
            "session failed: session/connection_closed 1006",
            "disconnected 0: transport close",
        ),
        (
            WebSocketEnd::Closed { code: Some(1009) },
            "session failed: session/payload_too_large 1009",
            "disconnected 0: transport close",
        ),
        (
            WebSocketEnd::Dropped(dropped.clone()),
            "session failed: session/connection_reset",
            "disconnected 0: transport close",
        ),
        (
            WebSocketEnd::Failed(dropped),
            "session failed: session/connection_reset",
            "disconnected 0: transport error",
        ),
    ];
    for (end, failure, reason) in cases {
        let mut client = Client::websocket();
        client.end_websocket(end);
        assert_eq!(client.events(), [failure, reason, "waiting for attempt 1"]);
        assert_eq!(client.wire(), ["END"]);
    }
}

#[test]
fn undecodable_packets_end_a_session_by_layer() {
    let mut client = Client::websocket();
    client.text("9");
    assert_eq!(client.events()[1], "disconnected 0: transport error");
    assert_eq!(client.wire(), ["CLOSE", "END"]);
    let mut client = Client::websocket();
    client.text("4abc");
    assert_eq!(
        client.events()[..2],
        [
            "session failed: session/protocol_violation",
            "disconnected 0: parse error"
        ]
    );
    assert_eq!(client.wire(), ["CLOSE", "END"]);
    let mut client = Client::polling(polling_only());
    client.answer_get("");
    assert_eq!(
        client.events()[..2],
        [
            "session failed: session/not_socketio 200",
            "disconnected 0: transport error"
        ]
    );
    assert_eq!(client.wire(), ["POST 1", "END"]);
}

#[test]
fn a_disconnect_while_waiting_or_opening_ends_the_attempts() {
    let mut client = Client::connecting(polling_only());
    client.fail_get();
    client.act(Connection::disconnect);
    client.forget();
    client.pass(ms(60_000));
    assert!(client.wire().is_empty());

    let mut client = Client::connecting(polling_only());
    client.act(Connection::disconnect);
    assert_eq!(client.wire(), ["GET", "END"]);
    client.answer_get(OPEN);
    assert_eq!(client.events(), ["opening polling", "zombie"]);
}

#[test]
fn a_forced_close_comes_back() {
    let mut client = Client::polling(polling_only());
    client.emit("x", None);
    client.act(Connection::close_engine);
    assert_eq!(client.wire(), ["POST 42[\"x\"]"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
    assert_eq!(
        client.events(),
        ["disconnected 0: forced close", "waiting for attempt 1"]
    );
}

#[test]
fn a_reconnect_waits_as_long_as_was_said() {
    let mut client = Client::connecting(polling_only());
    client.act(|connection, now| {
        let id = RequestId {
            engine: super::super::EngineId(1),
            serial: 1,
            opening: true,
        };
        connection.handle_request_failed(now, id, refused());
    });
    let due = client.connection.poll_timeout().unwrap();
    let delay = due - client.now;
    assert!(delay >= ms(551) && delay <= ms(1499));
    client.pass(delay - ms(1));
    assert_eq!(client.wire(), ["GET", "END"]);
    client.pass(ms(1));
    assert_eq!(client.wire(), ["GET"]);
}
