use super::*;

fn release2(namespaces: &[&str]) -> Config {
    Config {
        revision: EngineRevision::V3,
        namespaces: namespaces.iter().map(|&name| name.into()).collect(),
        ..polling_only()
    }
}

fn open() -> String {
    format!("{}:{OPEN}2:40", OPEN.len())
}

#[test]
fn the_root_connects_itself_and_the_others_with_their_query() {
    let mut client = Client::connecting(release2(&["/", "/adm?own=1"]));
    assert!(client.queries[0].starts_with("k=v&EIO=3&transport=polling&t="));
    assert!(client.queries[0].ends_with("&b64=1"));
    client.answer_get(&open());
    assert_eq!(client.wire(), ["GET", "POST 13:40/adm?own=1,", "GET"]);
    assert_eq!(
        client.events()[2..],
        ["connecting 0", "connecting 1", "connected 0"]
    );
}

#[test]
fn a_namespace_without_a_query_of_its_own_connects_with_the_clients() {
    let mut client = Client::connecting(release2(&["/", "/adm"]));
    client.answer_get(&open());
    assert_eq!(client.wire(), ["GET", "POST 11:40/adm?k=v,", "GET"]);
    client.forget();
    client.answer_get("7:40/adm,");
    assert_eq!(client.events(), ["connected 1"]);
}

#[test]
fn an_error_leaves_its_namespace_active() {
    let mut client = Client::connecting(release2(&["/", "/adm"]));
    client.answer_get(&open());
    client.forget();
    client.answer_get("13:44/adm,\"nope\"10:44/adm,[1]");
    assert_eq!(
        client.events(),
        [
            "rejected 1: namespace/namespace_rejected, active",
            "rejected 1: namespace/namespace_rejected, active"
        ]
    );
    assert_eq!(client.wire(), ["GET"]);
}

#[test]
fn an_error_of_the_root_is_one_of_all_namespaces_that_wait() {
    let mut client = Client::connecting(release2(&["/adm", "/b"]));
    client.answer_get(&open());
    client.forget();
    client.answer_get("6:40/adm");
    client.answer_get("8:44\"nope\"");
    assert_eq!(
        client.events(),
        [
            "connected 0",
            "rejected 1: namespace/namespace_rejected, active"
        ]
    );
}

#[test]
fn the_client_pings_and_any_packet_is_a_sign_of_life() {
    let mut client = Client::connecting(Config {
        revision: EngineRevision::V3,
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.text("40");
    client.forget();
    client.pass(ms(25_000));
    assert_eq!(client.wire(), ["> 2"]);
    client.pass(ms(19_000));
    client.text("3");
    client.pass(ms(25_000));
    assert_eq!(client.wire(), ["> 2"]);
    client.pass(ms(19_999));
    assert!(client.events().is_empty());
    client.pass(ms(1));
    assert_eq!(client.events()[1], "disconnected 0: ping timeout");
    assert_eq!(client.wire(), ["CLOSE", "END"]);
}

#[test]
fn binary_has_a_type_byte_on_websocket_and_base64_on_polling() {
    let emit = Emit {
        namespace: 0,
        event: "f",
        args: "",
        attachments: &[Bytes::from_static(&[7])],
        volatile: false,
        ack: None,
    };
    let mut client = Client::connecting(Config {
        revision: EngineRevision::V3,
        ..websocket_only()
    });
    client.open_websocket();
    client.text(OPEN);
    client.text("40");
    client.forget();
    client.connection.emit(client.now, &emit);
    client.drain();
    assert_eq!(client.wire()[1], ">> b\"\\x04\\x07\"");
    client.text("451-[\"f\",{\"_placeholder\":true,\"num\":0}]");
    client.binary(&[4, 9]);
    assert_eq!(client.events().len(), 1);

    let mut client = Client::connecting(release2(&["/"]));
    client.answer_get(&open());
    client.forget();
    client.connection.emit(client.now, &emit);
    client.drain();
    client.answer_post();
    assert_eq!(client.wire()[1], "POST 6:b4Bw==");
}

#[test]
fn the_sockets_of_release_2_hear_of_a_packet_before_the_next_poll() {
    let mut client = Client::connecting(release2(&["/"]));
    assert_eq!(client.emit("kept", None), Emitted::Buffered);
    client.answer_get(&open());
    assert_eq!(client.wire(), ["GET", "POST 10:42[\"kept\"]", "GET"]);
    client.answer_post();
    client.answer_get("2:41");
    assert_eq!(client.wire(), ["POST 1:1", "END"]);
}
