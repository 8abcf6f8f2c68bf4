use super::super::namespace::Namespace;
use super::*;

/// What an idle client may take; most of a run's clients are idle at any moment.
const BOUND: usize = 1200;

#[test]
fn an_idle_client_is_small() {
    let client = Client::websocket();
    let inline = size_of::<Connection>();
    let connection = &client.connection;
    let heap = connection.manager.namespaces.len() * size_of::<Namespace>()
        + connection.manager.events.capacity() * size_of::<Event>()
        + connection.manager.out.capacity() * size_of::<Transmit>()
        + "k=v".len()
        + "abc".len();
    assert!(inline <= 640, "{inline}");
    assert!(inline + heap <= BOUND, "{inline} + {heap}");
    assert!(size_of::<Event>() <= 96, "{}", size_of::<Event>());
    assert!(size_of::<Transmit>() <= 56, "{}", size_of::<Transmit>());
}
