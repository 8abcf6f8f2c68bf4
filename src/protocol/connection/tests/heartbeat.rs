use super::*;

#[test]
fn pings_are_answered_and_their_lateness_told() {
    let mut client = Client::websocket();
    client.pass(ms(25_000));
    client.text("2");
    client.pass(ms(25_300));
    client.text("2");
    client.pass(ms(1));
    client.text("2");
    assert_eq!(client.wire(), ["> 3", "> 3", "> 3"]);
    assert_eq!(
        client.events(),
        ["ping, 0 ms late", "ping, 300 ms late", "ping, 0 ms late"]
    );
}

#[test]
fn a_server_without_pings_is_left_after_interval_and_timeout() {
    let mut client = Client::websocket();
    client.pass(ms(44_000));
    client.text("42[\"x\"]");
    client.pass(ms(999));
    assert_eq!(client.events(), ["received x []"]);
    client.pass(ms(1));
    assert_eq!(client.wire(), ["CLOSE", "END"]);
    assert_eq!(
        client.events(),
        [
            "session failed: session/timed_out",
            "disconnected 0: ping timeout",
            "waiting for attempt 1"
        ]
    );
}

#[test]
fn over_polling_a_ping_timeout_is_followed_by_a_goodbye() {
    let mut client = Client::polling(polling_only());
    client.pass(ms(45_000));
    assert_eq!(client.wire(), ["POST 1", "END"]);
}

#[test]
fn a_client_that_was_frozen_reports_a_ping_timeout_whatever_else_has_come() {
    let mut client = Client::websocket();
    client.now += ms(60_000);
    client.text("2");
    assert_eq!(client.events()[1], "disconnected 0: ping timeout");
    let mut client = Client::websocket();
    client.now += ms(60_000);
    assert_eq!(client.emit("x", None), Emitted::Buffered);
}
