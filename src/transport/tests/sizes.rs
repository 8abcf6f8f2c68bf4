use super::*;

/// Idle clients are counted by the tens of thousands.
#[test]
fn what_an_idle_client_holds_is_small() {
    assert!(size_of::<Http>() <= 56, "{}", size_of::<Http>());
    assert!(size_of::<Exchange>() <= 32, "{}", size_of::<Exchange>());
    assert!(size_of::<WebSocket>() <= 400, "{}", size_of::<WebSocket>());
    assert!(size_of::<WebSocketHandshake>() <= 24);
    let mut http = node("http://127.0.0.1:1".parse().unwrap());
    let exchange = http.request(get("/"), &http.cookies());
    assert!(exchange.held_bytes() <= 2304, "{}", exchange.held_bytes());
}
