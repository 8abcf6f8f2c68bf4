use super::*;

/// One that probes, with CONNECT answered and a poll in flight.
fn probing() -> Client {
    let mut client = Client::connecting(Config::default());
    client.answer_get(OPEN);
    client.answer_post();
    client.answer_get(CONNECTED);
    client.forget();
    client
}

#[test]
fn a_refused_websocket_leaves_the_session_on_polling() {
    let mut client = probing();
    client.refuse_websocket();
    assert_eq!(
        client.events(),
        ["upgrade failed: upgrade/websocket_refused"]
    );
    client.answer_get("42[\"a\"]");
    assert_eq!(client.wire(), ["GET"]);
    assert_eq!(client.events(), ["received a []"]);
}

#[test]
fn a_swallowed_websocket_is_waited_for_without_end() {
    let mut client = probing();
    for _ in 0..10 {
        client.answer_get("2");
        client.answer_post();
        client.pass(ms(25_000));
    }
    assert!(!client.events().iter().any(|event| event.contains("failed")));
}

#[test]
fn a_lost_probe_ends_when_the_server_closes_the_websocket() {
    let mut client = probing();
    client.open_websocket();
    client.close_websocket();
    assert_eq!(client.events(), ["upgrade failed: upgrade/probe_failed"]);
    client.emit("x", None);
    assert_eq!(client.wire(), ["> 2probe", "POST 42[\"x\"]"]);
}

#[test]
fn a_wrong_first_packet_fails_the_upgrade_and_the_websocket_stays() {
    let mut client = probing();
    client.open_websocket();
    client.text("3");
    assert_eq!(client.events(), ["upgrade failed: upgrade/probe_failed"]);
    client.text("3probe");
    client.close_websocket();
    assert!(client.events().is_empty());
    assert_eq!(client.wire(), ["> 2probe"]);
}

#[test]
fn a_session_that_closes_aborts_its_probe() {
    let mut client = probing();
    client.answer_get("1");
    assert_eq!(client.wire(), ["ABANDON", "END"]);
    assert_eq!(
        client.events(),
        [
            "upgrade failed: upgrade/connection_closed",
            "session failed: session/connection_closed",
            "disconnected 0: transport close",
            "waiting for attempt 1",
        ]
    );
    let mut client = probing();
    client.open_websocket();
    client.act(Connection::disconnect);
    client.answer_post();
    assert_eq!(
        client.wire(),
        ["> 2probe", "POST 41", "POST 1", "CLOSE", "END"]
    );
    assert_eq!(client.events(), ["disconnected 0: io client disconnect"]);
}

#[test]
fn a_server_that_closes_right_after_the_probe_ends_the_session() {
    let mut client = probing();
    client.open_websocket();
    client.text("3probe");
    client.answer_get("6");
    client.close_websocket();
    assert_eq!(
        client.events(),
        [
            "upgraded",
            "session failed: session/connection_closed",
            "disconnected 0: transport close",
            "waiting for attempt 1",
        ]
    );
}

#[test]
fn a_websocket_lost_between_pong_and_switch_stalls_until_the_ping_timeout() {
    let mut client = probing();
    client.open_websocket();
    client.text("3probe");
    client.close_websocket();
    client.answer_get("6");
    client.emit("x", None);
    assert_eq!(client.wire(), ["> 2probe"]);
    client.pass(ms(45_000));
    assert_eq!(
        client.events()[..3],
        [
            "upgrade failed: upgrade/probe_failed",
            "session failed: session/timed_out",
            "disconnected 0: ping timeout"
        ]
    );
}

#[test]
fn messages_stay_in_order_across_the_switch() {
    let mut client = probing();
    client.open_websocket();
    client.emit("a", None);
    client.text("3probe");
    client.emit("b", None);
    client.emit("c", None);
    client.answer_get("42[\"x\"]");
    assert_eq!(client.wire(), ["> 2probe", "POST 42[\"a\"]"]);
    client.answer_post();
    assert_eq!(client.wire(), ["> 5", "> 42[\"b\"]", "> 42[\"c\"]"]);
    assert_eq!(client.events(), ["received x []", "upgraded"]);
}

#[test]
fn noops_during_the_probe_do_not_make_the_client_spin() {
    let mut client = probing();
    for _ in 0..2 {
        client.answer_get("6");
    }
    assert_eq!(client.wire(), ["GET", "GET"]);
    client.answer_get("6");
    assert!(client.wire().is_empty());
    client.pass(ms(10));
    assert_eq!(client.wire(), ["GET"]);
    client.answer_get("6");
    client.open_websocket();
    client.text("3probe");
    assert_eq!(client.wire(), ["> 2probe", "> 5"]);
}

#[test]
fn a_poll_that_was_put_off_goes_out_when_the_probe_fails() {
    let mut client = probing();
    for _ in 0..3 {
        client.answer_get("6");
    }
    client.forget();
    client.refuse_websocket();
    assert_eq!(client.wire(), ["GET"]);
    client.pass(ms(20));
    assert!(client.wire().is_empty());
}

#[test]
fn an_upgrade_starts_on_command() {
    let mut client = Client::polling(Config {
        upgrade: false,
        ..Config::default()
    });
    let now = client.now;
    assert!(client.connection.start_upgrade(now));
    assert!(!client.connection.start_upgrade(now));
    client.drain();
    assert_eq!(client.wire(), ["PROBE"]);
    assert_eq!(client.events(), ["upgrading"]);
    assert!(!Client::websocket().connection.start_upgrade(now));
}

#[test]
fn a_close_during_the_switch_waits_for_it() {
    let mut client = probing();
    client.open_websocket();
    client.text("3probe");
    client.act(Connection::disconnect);
    assert_eq!(client.wire(), ["> 2probe"]);
    client.answer_get("6");
    assert_eq!(client.wire(), ["> 5", "> 41", "CLOSE", "END"]);
    assert!(client.connection.is_idle());
}

#[test]
fn a_close_during_the_switch_ends_with_an_upgrade_that_fails() {
    let mut client = probing();
    client.open_websocket();
    client.text("3probe");
    client.act(Connection::close_engine);
    assert_eq!(client.wire(), ["> 2probe"]);
    client.close_websocket();
    // A transport that is pausing says no goodbye.
    assert_eq!(client.wire(), ["END"]);
    assert_eq!(client.events()[1], "disconnected 0: forced close");
}

#[test]
fn what_was_to_be_written_first_is_never_written_after_an_upgrade_that_failed() {
    let mut client = probing();
    client.open_websocket();
    client.text("3probe");
    client.act(Connection::disconnect);
    client.close_websocket();
    assert_eq!(client.wire(), ["> 2probe"]);
    client.pass(ms(45_000));
    assert_eq!(client.wire(), ["END"]);
    assert!(client.connection.is_idle());
}
