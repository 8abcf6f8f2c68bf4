use super::*;
use crate::event::DisconnectReason;

#[test]
fn a_mute_client_takes_pings_and_sends_no_pong() {
    let mut client = Client::websocket();
    client.connection.set_mute(true);
    client.pass(ms(25_000));
    client.text("2");
    client.emit("x", None);
    assert_eq!(client.wire(), ["> 42[\"x\"]"]);
    assert_eq!(client.events(), ["ping, 0 ms late"]);
    client.close_websocket();
    assert_eq!(client.events()[1], "disconnected 0: transport close");
    client.connection.set_mute(false);
    client.pass(ms(5000));
    client.open_websocket();
    client.text(OPEN);
    client.forget();
    client.text("2");
    assert_eq!(client.wire(), ["> 3"]);
}

#[test]
fn a_mute_client_of_revision_3_sends_no_ping_and_waits_for_no_pong() {
    let mut client = Client::connecting(Config {
        revision: EngineRevision::V3,
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.text("40");
    client.forget();
    client.connection.set_mute(true);
    client.pass(ms(90_000));
    assert!(client.wire().is_empty() && client.events().is_empty());
    client.connection.set_mute(false);
    client.pass(ms(10_000));
    assert_eq!(client.wire(), ["> 2"]);
}

#[test]
fn any_packet_can_be_sent_as_it_stands() {
    let mut client = Client::polling(polling_only());
    client.act(|connection, now| assert!(connection.send_packet(now, "x".into())));
    assert_eq!(client.wire(), ["POST x"]);
    let mut client = Client::websocket();
    client.act(|connection, now| assert!(connection.send_packet(now, "x".into())));
    assert_eq!(client.wire(), ["> x"]);
    let mut client = Client::new(websocket_only());
    client.act(|connection, now| assert!(!connection.send_packet(now, "x".into())));
    assert!(client.wire().is_empty());
}

#[test]
fn a_stray_session_is_a_zombie_and_disturbs_nobody() {
    let mut client = Client::websocket();
    client.act(|connection, now| assert!(connection.open_stray(now)));
    assert_eq!(client.wire(), ["GET", "END"]);
    assert!(client.queries[0].starts_with("k=v&EIO=4&transport=polling&t="));
    client.answer_get(OPEN);
    assert_eq!(client.events(), ["zombie"]);
    client.text("2");
    assert_eq!(client.wire(), ["> 3"]);
}

#[test]
fn a_stray_session_that_is_refused_is_none() {
    let mut client = Client::websocket();
    client.act(|connection, now| assert!(connection.open_stray(now)));
    client.answer_get_with(400, "{\"code\":0,\"message\":\"Transport unknown\"}");
    assert!(client.events().is_empty());
}

#[test]
fn a_lost_network_closes_the_engine_at_once_and_without_a_goodbye() {
    for mut client in [Client::polling(polling_only()), Client::websocket()] {
        client.act(|connection, now| connection.handle_network_lost(now, refused()));
        assert_eq!(client.wire(), ["END"]);
        let noticed = format!("disconnected 0: {}", DisconnectReason::TransportClose);
        assert_eq!(client.events()[1], noticed);
        client.pass(ms(5000));
        assert!(client.events()[0].starts_with("opening"), "it tries again");
    }
}

#[test]
fn the_configured_transports_come_back() {
    let mut client = Client::websocket();
    client
        .connection
        .set_transports(vec![TransportKind::Polling], false);
    client.connection.reset_transports();
    client.act(Connection::close_engine);
    client.pass(ms(5000));
    assert_eq!(client.wire().last().unwrap(), "WEBSOCKET");
}
