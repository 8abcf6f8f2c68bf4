use proptest::prelude::*;

use super::*;

/// What may happen to a connection, with a number that picks the id or the packet.
#[derive(Debug, Clone)]
enum Step {
    Command(u8),
    Response(u8, String),
    RequestFailed(u8),
    WebSocket(u8, u8),
    Text(u8, String),
    Binary(u8, Vec<u8>),
    Pass(u32),
    Emit(u8),
}

fn body() -> impl Strategy<Value = String> {
    let packet = prop_oneof![
        Just(OPEN.to_owned()),
        Just(CONNECTED.to_owned()),
        Just("40/a,{\"sid\":\"x\",\"pid\":\"y\"}".to_owned()),
        "[0-6]{1,3}(/a,)?[0-9]?(\\[\"e\",1\\])?",
        Just("3probe".to_owned()),
        Just("451-[\"e\",{\"_placeholder\":true,\"num\":0}]".to_owned()),
        Just("bAQID".to_owned()),
        ".{0,8}",
    ];
    prop::collection::vec(packet, 1..4).prop_map(|packets| packets.join("\u{1e}"))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(Step::Command),
        (any::<u8>(), body()).prop_map(|(n, body)| Step::Response(n, body)),
        any::<u8>().prop_map(Step::RequestFailed),
        (any::<u8>(), any::<u8>()).prop_map(|(n, what)| Step::WebSocket(n, what)),
        (any::<u8>(), body()).prop_map(|(n, body)| Step::Text(n, body)),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..5))
            .prop_map(|(n, bytes)| Step::Binary(n, bytes)),
        (0..30_000_u32).prop_map(Step::Pass),
        any::<u8>().prop_map(Step::Emit),
    ]
}

fn pick<T: Copy>(ids: &[T], from_the_end: u8) -> Option<T> {
    ids.iter().rev().nth(usize::from(from_the_end % 3)).copied()
}

fn command(client: &mut Client, number: u8) {
    client.act(|connection, now| match number % 7 {
        0 => connection.disconnect(now),
        1 => connection.disconnect_namespace(now, 1),
        2 => connection.connect_namespace(now, 1),
        3 => connection.close_engine(now),
        4 => connection.set_transports(vec![TransportKind::Polling], number > 100),
        5 => {
            connection.start_upgrade(now);
        }
        _ => connection.connect(now),
    });
}

fn apply(client: &mut Client, step: Step) {
    match step {
        Step::Command(number) => command(client, number),
        Step::Response(n, body) => {
            let ids = if n % 2 == 0 {
                &client.gets
            } else {
                &client.posts
            };
            if let Some(id) = pick(ids, n / 2) {
                client.answer(id, if n > 240 { 400 } else { 200 }, &body);
            }
        }
        Step::RequestFailed(n) => {
            if let Some(id) = pick(&client.gets, n) {
                client.act(|c, now| c.handle_request_failed(now, id, refused()));
            }
        }
        Step::WebSocket(n, what) => {
            if let Some(id) = pick(&client.websockets, n) {
                client.act(|c, now| match what % 4 {
                    0 => c.handle_websocket_refused(now, id, refused()),
                    1 => {
                        let end = WebSocketEnd::Closed { code: None };
                        c.handle_websocket_closed(now, id, end);
                    }
                    _ => c.handle_websocket_open(now, id),
                });
            }
        }
        Step::Text(n, text) => {
            if let Some(id) = pick(&client.websockets, n) {
                client.act(|c, now| c.handle_frame(now, id, Frame::Text(text.into())));
            }
        }
        Step::Binary(n, bytes) => {
            if let Some(id) = pick(&client.websockets, n) {
                client.act(|c, now| c.handle_frame(now, id, Frame::Binary(bytes.into())));
            }
        }
        Step::Pass(milliseconds) => client.pass(ms(milliseconds.into())),
        Step::Emit(n) => {
            let ack = (n > 60).then(|| ((n > 120).then(|| ms(500)), u32::from(n % 3)));
            client.emit_as("e", n % 5 == 0, ack);
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_arrives_makes_a_connection_panic(
        steps in prop::collection::vec(step(), 0..60),
        v3: bool,
        try_all_transports: bool,
        remember_upgrade: bool,
    ) {
        let mut client = Client::connecting(Config {
            revision: if v3 { EngineRevision::V3 } else { EngineRevision::V4 },
            namespaces: vec!["/".into(), "/a".into()],
            try_all_transports,
            remember_upgrade,
            ..Config::default()
        });
        for step in steps {
            apply(&mut client, step);
        }
        client.act(Connection::disconnect);
        client.pass(ms(100_000));
        prop_assert!(matches!(client.connection.engine, super::super::EnginePhase::Idle));
    }
}
