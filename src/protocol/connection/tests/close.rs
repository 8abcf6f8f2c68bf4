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
fn a_kick_in_mid_payload_leaves_the_rest_of_it_alone() {
    let mut client = Client::polling(polling_only());
    client.emit("a", None);
    client.answer_get("41\u{1e}42[\"late\"]\u{1e}2");
    assert_eq!(client.events(), ["disconnected 0: io server disconnect"]);
    assert_eq!(client.wire(), ["POST 42[\"a\"]", "GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 1", "END"]);
}
