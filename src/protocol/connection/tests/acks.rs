use super::*;

#[test]
fn an_ack_comes_back_with_its_times() {
    let mut client = Client::websocket();
    let start = client.now;
    client.emit("a", Some((None, 0)));
    client.emit("b", Some((Some(ms(1000)), 0)));
    client.pass(ms(30));
    let id = *client.websockets.last().unwrap();
    let frame = Frame::Text("431[]".into());
    client.connection.handle_frame(client.now, id, frame);
    assert_eq!(
        client.connection.poll_event(),
        Some(Event::Acked {
            namespace: 0,
            tag: 7,
            intended: start,
            sent: start,
            arguments: Bytes::new()
        })
    );
    client.text("430[1]");
    client.text("430[1]");
    client.text("439[1]");
    assert_eq!(client.events(), ["acked"]);
    assert_eq!(client.wire(), ["> 420[\"a\"]", "> 421[\"b\"]"]);
}

#[test]
fn acks_time_out_each_in_its_own_time() {
    let mut client = Client::websocket();
    client.emit("a", Some((Some(ms(500)), 0)));
    client.emit("b", Some((Some(ms(200)), 0)));
    client.emit("c", Some((Some(ms(300)), 0)));
    client.pass(ms(100));
    client.text("431[]");
    client.events();
    client.pass(ms(199));
    assert!(client.events().is_empty());
    client.pass(ms(1));
    assert_eq!(client.events(), ["ack timed out"]);
    client.pass(ms(200));
    assert_eq!(client.events(), ["ack timed out"]);
    client.text("430[]");
    assert!(client.events().is_empty());
}

#[test]
fn a_buffered_event_keeps_its_ack_through_a_loss_until_it_times_out() {
    let mut client = Client::websocket();
    client.emit("sent", Some((None, 0)));
    client.close_websocket();
    assert_eq!(
        client.events()[1..],
        [
            "disconnected 0: transport close",
            "ack lost",
            "waiting for attempt 1"
        ]
    );
    assert_eq!(
        client.emit("late", Some((Some(ms(100)), 0))),
        Emitted::Buffered
    );
    assert_eq!(client.emit("kept", Some((None, 0))), Emitted::Buffered);
    assert_eq!(client.connection.unsent(), 2);
    client.pass(ms(100));
    assert_eq!(client.events(), ["ack timed out", "dropped unsent"]);
    client.pass(ms(1500));
    client.open_websocket();
    client.text(OPEN);
    client.close_websocket();
    assert!(!client.events().contains(&"ack lost".to_owned()));
    client.pass(ms(5000));
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text(CONNECTED);
    assert_eq!(client.wire(), ["> 422[\"kept\"]"]);
    client.text("432[]");
    assert_eq!(client.events(), ["buffered sent", "connected 0", "acked"]);
    assert_eq!(client.connection.unsent(), 0);
}

#[test]
fn a_retried_event_is_tried_one_time_more_than_its_retries() {
    let mut client = Client::websocket();
    let ack = Some((Some(ms(100)), 2));
    assert_eq!(client.emit("a", ack), Emitted::Sent);
    assert_eq!(client.emit("b", ack), Emitted::Buffered);
    client.pass(ms(300));
    assert_eq!(
        client.wire(),
        [
            "> 420[\"a\"]",
            "> 421[\"a\"]",
            "> 422[\"a\"]",
            "> 423[\"b\"]"
        ]
    );
    assert_eq!(
        client.events(),
        ["retried", "retried", "ack timed out", "buffered sent"]
    );
    client.text("430[]");
    assert!(client.events().is_empty());
    client.text("433[]");
    assert_eq!(client.events(), ["acked"]);
}

#[test]
fn a_retried_event_is_sent_again_after_a_loss() {
    let mut client = Client::websocket();
    client.emit("a", Some((None, 1)));
    client.close_websocket();
    assert!(!client.events().contains(&"ack lost".to_owned()));
    client.pass(ms(1500));
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text(CONNECTED);
    assert_eq!(client.wire(), ["> 421[\"a\"]"]);
    assert_eq!(client.events(), ["retried", "connected 0"]);
    client.close_websocket();
    assert_eq!(client.events()[2], "ack lost");
}

#[test]
fn a_volatile_event_is_dropped_while_a_post_is_under_way() {
    let mut client = Client::polling(polling_only());
    assert_eq!(client.emit_as("a", true, None), Emitted::Sent);
    assert_eq!(client.emit_as("b", true, None), Emitted::Dropped);
    assert_eq!(client.emit("c", None), Emitted::Sent);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 42[\"a\"]", "POST 42[\"c\"]"]);
    client.fail_get();
    assert_eq!(client.emit_as("d", true, None), Emitted::Dropped);
    assert_eq!(client.connection.unsent(), 0);
}

#[test]
fn a_websocket_takes_one_volatile_event_in_a_turn_of_the_event_loop() {
    let mut client = Client::websocket();
    assert_eq!(client.emit_as("a", true, None), Emitted::Sent);
    assert_eq!(client.emit_as("b", true, None), Emitted::Dropped);
    assert_eq!(client.emit("c", None), Emitted::Sent);
    client.now += Duration::from_micros(1);
    assert_eq!(client.emit_as("d", true, None), Emitted::Sent);
}

#[test]
fn a_volatile_event_that_is_dropped_spends_its_ack_id() {
    let mut client = Client::polling(polling_only());
    client.emit("a", Some((None, 0)));
    assert_eq!(client.emit_as("b", true, Some((None, 0))), Emitted::Dropped);
    client.emit("c", Some((None, 0)));
    client.answer_post();
    assert_eq!(client.wire(), ["POST 420[\"a\"]", "POST 422[\"c\"]"]);
}

#[test]
fn a_websocket_that_is_gone_still_takes_volatile_events_as_in_the_reference_client() {
    let mut client = Client::new(websocket_only());
    assert_eq!(client.emit_as("never open", true, None), Emitted::Dropped);
    client.act(Connection::connect);
    assert_eq!(client.emit_as("opening", true, None), Emitted::Dropped);
    client.open_websocket();
    assert_eq!(client.emit_as("a", true, None), Emitted::Buffered);
    client.text(OPEN);
    client.text(CONNECTED);
    client.close_websocket();
    assert_eq!(client.emit_as("b", true, None), Emitted::Buffered);
    client.pass(ms(1500));
    assert_eq!(client.emit_as("c", true, None), Emitted::Dropped);
    client.open_websocket();
    client.forget();
    client.text(OPEN);
    client.text(CONNECTED);
    assert_eq!(client.wire(), ["> 40", "> 42[\"b\"]"]);
}

#[test]
fn polling_takes_volatile_events_again_once_its_goodbye_is_answered() {
    for (status, expected) in [(200, Emitted::Buffered), (400, Emitted::Dropped)] {
        let mut client = Client::polling(polling_only());
        client.fail_get();
        assert_eq!(client.emit_as("a", true, None), Emitted::Dropped);
        client.answer_post_with(status, "");
        assert_eq!(client.emit_as("b", true, None), expected);
    }
    let mut client = Client::polling(polling_only());
    client.answer_get("1");
    assert_eq!(client.emit_as("c", true, None), Emitted::Buffered);
}

#[test]
fn an_ack_is_sent_for_a_received_event() {
    let mut client = Client::websocket();
    client.text("4212[\"x\"]");
    client.act(|connection, now| connection.ack(now, 0, 12, "\"ok\""));
    assert_eq!(client.wire(), ["> 4312[\"ok\"]"]);
}

#[test]
fn posts_keep_within_max_payload() {
    let mut client = Client::connecting(polling_only());
    client.answer_get(&OPEN.replace('}', ",\"maxPayload\":21}"));
    client.answer_post();
    client.answer_get(CONNECTED);
    client.forget();
    for event in ["one", "two", "three", "four"] {
        client.emit(event, None);
    }
    for _ in 0..3 {
        client.answer_post();
    }
    assert_eq!(
        client.wire(),
        [
            "POST 42[\"one\"]",
            "POST 42[\"two\"]|42[\"three\"]",
            "POST 42[\"four\"]"
        ]
    );
}
