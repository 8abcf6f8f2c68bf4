//! `sio-load run --debug-client`: the wire of one client.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Kind, RealServer, SioLoad};

const SCENARIO: &str = r#"
name = "followed"
duration = "2s"
[target]
query = { key = "hushhush" }
auth = { token = "hushhush" }
[[clients]]
count = 3
[[clients.emit]]
event = "echo"
data = ["hello from {{client}}"]
every = "500ms"
ack = true
"#;

#[test]
fn one_client_of_a_run_is_followed_and_its_secrets_are_not_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let url = server.url();
    let arguments = [
        "run",
        "s.toml",
        "--url",
        &url,
        "--debug-client",
        "1",
        "--quiet",
    ];
    let finished = SioLoad::new(&arguments)
        .file("s.toml", SCENARIO)
        .run(Duration::from_secs(60));
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let log = &finished.stderr;
    for line in [
        "  engine.io-client:socket creating transport \"polling\" +",
        "  engine.io-client:polling xhr open GET: ?key=***&EIO=4&transport=polling",
        "  engine.io-client:socket probing transport \"websocket\"",
        "  engine.io-client:socket upgraded to \"websocket\" +",
        "  socket.io-client:socket socket connected on namespace 0 +",
        "writing 420[\"echo\",\"hello from 1\"] +",
        "  socket.io-client:socket calling ack +",
    ] {
        assert!(log.contains(line), "no {line} in\n{log}");
    }
    assert!(!log.contains("hushhush"), "{log}");
    assert!(!log.contains("hello from 0"), "{log}");
}
