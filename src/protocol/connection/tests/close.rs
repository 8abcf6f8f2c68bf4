use super::*;

#[test]
fn over_polling_a_disconnect_is_drained_before_the_goodbye() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.emit("b", None);
    client.act(Connection::disconnect);
    assert_eq!(client.events(), ["disconnected 0: io client disconnect"]);
    assert_eq!(client.wire(), ["POST 42[\"a\"]"]);
    assert!(!client.connection.is_idle());
    client.answer_post();
    assert_eq!(client.wire(), ["POST 42[\"b\"]|41"]);
    client.answer_get("6");
    assert_eq!(client.wire(), ["GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
    assert!(client.connection.is_idle());
    client.answer_get("6");
    assert!(client.wire().is_empty() && client.events().is_empty());
}

#[test]
fn an_engine_that_waits_to_close_takes_no_more_events() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.act(Connection::close_engine);
    assert_eq!(client.emit("b", Some((None, 0))), Emitted::Dropped);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 42[\"a\"]", "POST 1", "END"]);
    assert_eq!(client.events()[0], "disconnected 0: forced close");
    assert_eq!(client.emit("c", None), Emitted::Buffered);
}

#[test]
fn over_websocket_a_disconnect_is_a_packet_and_a_close_frame() {
    let mut client = Client::websocket();
    client.act(Connection::disconnect);
    assert_eq!(client.wire(), ["> 41", "CLOSE", "END"]);
    client.close_websocket();
    assert_eq!(client.events(), ["disconnected 0: io client disconnect"]);
    client.pass(ms(100_000));
    assert!(client.wire().is_empty());
}

#[test]
fn one_namespace_of_two_closes_alone() {
    let mut client = Client::connecting(Config {
        namespaces: vec!["/".into(), "/a".into()],
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.text(CONNECTED);
    client.text("40/a,{\"sid\":\"2\"}");
    client.forget();
    client.act(|connection, now| connection.disconnect_namespace(now, 0));
    assert_eq!(client.wire(), ["> 41"]);
    assert!(!client.connection.is_connected(0) && client.connection.is_connected(1));
    client.act(|connection, now| connection.connect_namespace(now, 0));
    assert_eq!(client.wire(), ["> 40"]);
    client.act(Connection::disconnect);
    assert_eq!(client.wire(), ["> 41/a,", "CLOSE", "END"]);
}

#[test]
fn a_leaving_engine_does_not_disturb_the_next_one() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.act(Connection::disconnect);
    let post = *client.posts.last().unwrap();
    client.forget();
    client.act(Connection::connect);
    assert_eq!(client.wire(), ["GET"]);
    client.answer(post, 200, "ok");
    assert_eq!(client.wire(), ["POST 41"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["POST 40", "GET"]);
    assert_eq!(
        client.events(),
        ["opening polling", "opened polling", "connecting 0"]
    );
}

#[test]
fn a_leaving_engine_gives_up_with_its_ping_timeout() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.act(Connection::disconnect);
    client.forget();
    client.pass(ms(45_000));
    assert_eq!(client.wire(), ["POST 1", "END"]);
    assert!(client.connection.is_idle());
}

#[test]
fn a_kick_in_mid_payload_is_heard_after_all_that_concerns_the_engine() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.answer_get("41\u{1e}42[\"late\"]\u{1e}2");
    assert_eq!(
        client.events(),
        ["ping, 0 ms late", "disconnected 0: io server disconnect"]
    );
    assert_eq!(client.wire(), ["POST 42[\"a\"]", "GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 3"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
}

#[test]
fn the_next_poll_goes_out_before_what_the_last_one_gives_rise_to() {
    let mut client = Client::connecting(polling_only());
    client.answer_get(OPEN);
    client.answer_post();
    client.emit("kept", None);
    client.forget();
    client.answer_get(CONNECTED);
    assert_eq!(client.wire(), ["GET", "POST 42[\"kept\"]"]);
    client.answer_post();
    client.answer_get("41");
    assert_eq!(client.wire(), ["GET", "POST 1", "END"]);
}

#[test]
fn what_came_before_the_end_of_an_engine_is_heard_before_it() {
    for end in ["1", "x", "4abc"] {
        let mut client = Client::polling(polling_only());
        client.answer_get(&format!("42[\"a\"]\u{1e}{end}\u{1e}42[\"b\"]"));
        let events = client.events();
        assert_eq!(events[0], "received a []", "{end}");
        assert!(events[2].starts_with("disconnected 0"), "{end}: {events:?}");
        let expected: &[&str] = if end == "1" {
            &["END"]
        } else {
            &["POST 1", "END"]
        };
        assert_eq!(client.wire(), expected, "{end}");
        assert!(!events.contains(&"received b []".to_owned()), "{end}");
    }
}

#[test]
fn a_parse_error_waits_for_what_is_to_be_written_and_polls_on_meanwhile() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.forget();
    client.answer_get("4abc");
    assert_eq!(client.events()[1], "disconnected 0: parse error");
    assert_eq!(client.wire(), ["GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
}
