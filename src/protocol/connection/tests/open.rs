use super::*;

#[test]
fn a_client_connects_over_polling_and_upgrades_in_the_order_of_the_reference_client() {
    let mut client = Client::connecting(Config::default());
    assert_eq!(client.wire(), ["GET"]);
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["POST 40", "PROBE", "GET"]);
    client.open_websocket();
    assert_eq!(client.wire(), ["> 2probe"]);
    client.answer_post();
    client.answer_get(CONNECTED);
    assert_eq!(client.wire(), ["GET"]);
    client.text("3probe");
    assert!(client.wire().is_empty());
    client.answer_get("6");
    assert_eq!(client.wire(), ["> 5"]);
    assert_eq!(
        client.events(),
        [
            "opening polling",
            "opened polling",
            "connecting 0",
            "upgrading",
            "connected 0",
            "upgraded",
        ]
    );
}

#[test]
fn queries_have_the_order_of_the_reference_client() {
    let mut client = Client::connecting(Config::default());
    client.answer_get(OPEN);
    let pattern = |query: &str| match query.split_once("&t=") {
        Some((before, after)) => format!("{before}&t={}", &after[8..]),
        None => query.to_owned(),
    };
    let queries: Vec<_> = client.queries.iter().map(|query| pattern(query)).collect();
    assert_eq!(
        queries,
        [
            "k=v&EIO=4&transport=polling&t=",
            "k=v&EIO=4&transport=polling&t=&sid=abc",
            "k=v&EIO=4&transport=websocket&sid=abc",
            "k=v&EIO=4&transport=polling&t=&sid=abc",
        ]
    );
}

#[test]
fn base64_is_asked_for_on_every_transport_if_it_is_forced() {
    let mut client = Client::connecting(Config {
        force_base64: true,
        timestamp_requests: Some(false),
        ..Config::default()
    });
    client.answer_get(&OPEN.replace("abc", "a/b"));
    assert_eq!(
        client.queries[..3],
        [
            "k=v&EIO=4&transport=polling&b64=1",
            "k=v&EIO=4&transport=polling&b64=1&sid=a%2Fb",
            "k=v&EIO=4&transport=websocket&sid=a%2Fb&b64=1",
        ]
    );
}

#[test]
fn a_client_connects_over_websocket_alone() {
    let mut client = Client::connecting(websocket_only());
    assert_eq!(client.wire(), ["WEBSOCKET"]);
    assert_eq!(client.queries, ["k=v&EIO=4&transport=websocket"]);
    client.open_websocket();
    client.text(OPEN);
    client.text(CONNECTED);
    assert_eq!(client.wire(), ["> 40"]);
    assert_eq!(
        client.events(),
        [
            "opening websocket",
            "opened websocket",
            "connecting 0",
            "connected 0"
        ]
    );
}

#[test]
fn a_ping_in_one_breath_with_the_handshake_is_answered_after_the_connect() {
    let mut client = Client::connecting(polling_only());
    client.answer_get(&format!("{OPEN}\u{1e}2"));
    assert_eq!(client.wire(), ["GET", "POST 40", "GET"]);
    client.answer_post();
    assert_eq!(client.wire(), ["POST 3"]);
    assert_eq!(client.events().last().unwrap(), "ping, 0 ms late");
}

#[test]
fn a_ping_before_the_handshake_is_answered_on_websocket() {
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.text("2");
    assert_eq!(client.wire(), ["WEBSOCKET", "> 3"]);
}

#[test]
fn what_is_not_socketio_is_called_so() {
    for body in ["<html>hello</html>", "", "97:0{}2:40", "0{\"sid\":4}"] {
        let mut client = Client::connecting(Config::default());
        client.answer_get(body);
        assert_eq!(
            client.events()[1..],
            [
                "engine failed: open/not_socketio 200",
                "waiting for attempt 1"
            ],
            "{body}"
        );
        assert_eq!(client.wire(), ["GET", "END"]);
    }
}

#[test]
fn a_refused_handshake_names_status_and_cause() {
    let mut client = Client::connecting(Config::default());
    client.answer_get_with(403, r#"{"code":4,"message":"no"}"#);
    assert_eq!(client.events()[1], "engine failed: open/forbidden 403");
    let mut client = Client::connecting(Config::default());
    client.answer_get_with(204, "");
    assert_eq!(client.events()[1], "engine failed: open/http_status 204");
    let mut client = Client::connecting(Config::default());
    client.fail_get();
    assert_eq!(client.events()[1], "engine failed: tcp/connection_refused");
}

#[test]
fn an_engine_that_closes_while_opening_is_noticed_by_the_connect_timeout_alone() {
    for body in ["1", "6"] {
        let mut client = Client::connecting(Config::default());
        client.answer_get(body);
        client.pass(ms(19_999));
        assert_eq!(client.events(), ["opening polling"], "{body}");
        client.pass(ms(1));
        assert_eq!(client.events().len(), 2, "{body}");
    }
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.close_websocket();
    client.pass(ms(20_000));
    assert_eq!(client.events()[1], "engine failed: open/connection_closed");
}

#[test]
fn a_handshake_that_is_too_late_is_a_zombie() {
    let mut client = Client::connecting(Config::default());
    client.pass(ms(20_000));
    assert_eq!(
        client.events(),
        [
            "opening polling",
            "engine failed: open/timed_out",
            "waiting for attempt 1"
        ]
    );
    assert_eq!(client.wire(), ["GET", "END"]);
    client.answer_get(OPEN);
    assert_eq!(client.events(), ["zombie"]);
    assert!(client.wire().is_empty());
}

#[test]
fn a_websocket_that_is_too_late_is_abandoned() {
    let mut client = Client::connecting(websocket_only());
    client.pass(ms(20_000));
    assert_eq!(client.wire(), ["WEBSOCKET", "ABANDON", "END"]);
    let mut client = Client::connecting(websocket_only());
    client.open_websocket();
    client.pass(ms(20_000));
    assert_eq!(client.wire(), ["WEBSOCKET", "CLOSE", "END"]);
}

#[test]
fn without_try_all_transports_only_the_first_is_tried() {
    let transports = vec![TransportKind::WebSocket, TransportKind::Polling];
    let mut client = Client::connecting(Config {
        transports: transports.clone(),
        ..Config::default()
    });
    client.refuse_websocket();
    assert_eq!(client.wire(), ["WEBSOCKET", "END"]);

    let mut client = Client::connecting(Config {
        transports,
        try_all_transports: true,
        ..Config::default()
    });
    client.pass(ms(15_000));
    client.refuse_websocket();
    assert_eq!(client.wire(), ["WEBSOCKET", "GET"]);
    assert_eq!(
        client.events(),
        [
            "opening websocket",
            "websocket failed: open/websocket_refused",
            "opening polling"
        ]
    );
    client.pass(ms(5000));
    assert_eq!(client.events()[0], "engine failed: open/timed_out");
}

#[test]
fn a_fallback_to_polling_is_not_upgraded_to_what_has_failed() {
    let mut client = Client::connecting(Config {
        transports: vec![TransportKind::WebSocket, TransportKind::Polling],
        try_all_transports: true,
        ..Config::default()
    });
    client.refuse_websocket();
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["WEBSOCKET", "GET", "POST 40", "GET"]);
}

#[test]
fn a_websocket_that_worked_is_remembered_if_asked() {
    for remember_upgrade in [false, true] {
        let mut client = Client::connecting(Config {
            remember_upgrade,
            ..Config::default()
        });
        client.answer_get(OPEN);
        client.open_websocket();
        client.answer_post();
        client.text("3probe");
        client.answer_get("6");
        client.close_websocket();
        client.forget();
        client.pass(ms(1500));
        let expected = if remember_upgrade { "WEBSOCKET" } else { "GET" };
        assert_eq!(client.wire(), [expected]);
        if remember_upgrade {
            client.refuse_websocket();
            client.pass(ms(3000));
            assert_eq!(client.wire(), ["END", "GET"]);
        }
    }
}

#[test]
fn later_engines_take_other_transports_on_command() {
    let mut client = Client::websocket();
    client
        .connection
        .set_transports(vec![TransportKind::Polling], false);
    client.act(Connection::close_engine);
    client.pass(ms(1500));
    assert_eq!(client.wire(), ["CLOSE", "END", "GET"]);
    client.answer_get(OPEN);
    assert_eq!(client.wire(), ["POST 40", "GET"]);
}
