use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::event::{Cause, Failure, Stage};

async fn accepting<F: Future<Output = ()> + 'static>(
    act: impl FnOnce(WebSocketStream<TcpStream>) -> F + 'static,
) -> url::Url {
    peer(|stream| async move { act(accept_async(stream).await.unwrap()).await }).await
}

async fn open(url: url::Url) -> WebSocket {
    let end = handshake(&mut node(url), "/socket.io/?EIO=4&transport=websocket").await;
    assert!(end.timings.is_some());
    end.result.unwrap_or_else(|failure| panic!("{failure}"))
}

async fn next(websocket: &mut WebSocket) -> Result<Frame, WebSocketEnd> {
    poll_fn(|cx| websocket.poll_next(cx)).await
}

async fn send(websocket: &mut WebSocket, frame: Frame) {
    websocket.start_send(frame).unwrap();
    poll_fn(|cx| websocket.poll_flush(cx)).await.unwrap();
}

async fn refused(answer: impl Fn(&str) -> Vec<u8> + 'static) -> Failure {
    let server = Server::start(move |_, request| (answer(request), Then::Hold)).await;
    let end = handshake(&mut node(server.url()), "/").await;
    assert!(end.timings.is_some());
    end.result.err().unwrap()
}

/// The head of a 101 that answers `request`.
fn switching(request: &str, more: &str) -> Vec<u8> {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
    .into_bytes()
}

#[test]
fn a_handshake_of_the_node_profile_is_that_of_ws() {
    run(async {
        let server = Server::start(|_, _| (ok(""), Then::Close)).await;
        let dial = dial_settings(server.url());
        let mut http = http_with(&dial, Profile::Node, false, &["x-My-Head"]);
        let headers = [header("x-my-head", "v")];
        let mut handshake = http.open_websocket("/socket.io/?sid=a", &headers, &http.cookies());
        assert!(poll_fn(|cx| handshake.poll(cx)).await.result.is_err());
        let seen = server.seen(0);
        let (before, key) = seen.split_once("Sec-WebSocket-Key: ").unwrap();
        assert_eq!(
            before,
            "GET /socket.io/?sid=a HTTP/1.1\r\nx-My-Head: v\r\nSec-WebSocket-Version: 13\r\n"
        );
        let expected = format!(
            "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: \
             permessage-deflate; client_max_window_bits\r\nHost: {}\r\n\r\n",
            server.address
        );
        assert_eq!(
            (key.split_at(24).0.len(), key.split_at(24).1),
            (24, &expected[..])
        );
    });
}

#[test]
fn the_cookies_of_the_jar_stand_where_the_reference_client_puts_them() {
    run(async {
        let server = Server::start(|_, request| {
            let cookie = if request.contains("first") {
                "Set-Cookie: io=1\r\n"
            } else {
                ""
            };
            (response("200 OK", cookie, b"ok"), Then::Close)
        })
        .await;
        let dial = dial_settings(server.url());
        for (number, (spelled, expected)) in [
            ("x-other", "x-other: u=1\r\na: b\r\ncookie: io=1\r\n"),
            ("Cookie", "cookie: io=1\r\na: b\r\n"),
            ("cookie", "cookie: u=1; io=1\r\na: b\r\n"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut http = http_with(&dial, Profile::Node, true, &[spelled, "a"]);
            response_to(&mut http, get("/first")).await;
            let headers = [header(spelled, "u=1"), header("a", "b")];
            let mut handshake = http.open_websocket("/", &headers, &http.cookies());
            assert!(poll_fn(|cx| handshake.poll(cx)).await.result.is_err());
            let seen = server.seen(2 * number + 1);
            let (_, lines) = seen.split_once("\r\n").unwrap();
            assert!(lines.starts_with(expected), "{spelled}: {seen}");
        }
    });
}

#[test]
fn messages_go_both_ways() {
    run(async {
        let url = accepting(|mut stream| async move {
            while let Some(Ok(message)) = stream.next().await {
                if message.is_text() || message.is_binary() {
                    stream.send(message).await.unwrap();
                }
            }
        })
        .await;
        let mut websocket = open(url).await;
        for frame in [
            Frame::Text(Bytes::from_static("4😀".as_bytes())),
            Frame::Binary(Bytes::from_static(&[0, 255])),
            Frame::Text(Bytes::from(vec![b'a'; 300_000])),
        ] {
            send(&mut websocket, frame.clone()).await;
            assert_eq!(next(&mut websocket).await.unwrap(), frame);
        }
        websocket.start_close(None).unwrap();
        let end = next(&mut websocket).await.unwrap_err();
        assert_eq!(end, WebSocketEnd::Closed { code: None });
    });
}

#[test]
fn a_message_that_comes_with_the_answer_to_the_handshake_is_not_lost() {
    run(async {
        let server = Server::start(|_, request| {
            let frame = [&[0x81, 3][..], b"0{}"].concat();
            ([switching(request, ""), frame].concat(), Then::Hold)
        })
        .await;
        let mut websocket = open(server.url()).await;
        let first = next(&mut websocket).await.unwrap();
        assert_eq!(first, Frame::Text(Bytes::from_static(b"0{}")));
    });
}

#[test]
fn pings_are_answered_and_do_not_show() {
    run(async {
        let (answered, answer) = tokio::sync::oneshot::channel();
        let url = accepting(|mut stream| async move {
            stream
                .send(Message::Ping(Bytes::from_static(b"p")))
                .await
                .unwrap();
            stream.send(Message::text("after")).await.unwrap();
            answered
                .send(stream.next().await.unwrap().unwrap())
                .unwrap();
            std::future::pending().await
        })
        .await;
        let mut websocket = open(url).await;
        assert_eq!(
            next(&mut websocket).await.unwrap(),
            Frame::Text(Bytes::from_static(b"after"))
        );
        tokio::select! {
            _ = next(&mut websocket) => panic!("nothing more is sent"),
            pong = answer => assert_eq!(pong.unwrap(), Message::Pong(Bytes::from_static(b"p"))),
        }
    });
}

#[test]
fn the_code_of_the_servers_close_frame_is_told() {
    run(async {
        let url = accepting(|mut stream| async move {
            // 1009 and a reason.
            let close = [0x88, 5, 0x03, 0xf1, b'b', b'i', b'g'];
            stream.get_mut().write_all(&close).await.unwrap();
            let _ = stream.get_mut().read(&mut [0; 64]).await;
        })
        .await;
        let end = next(&mut open(url).await).await.unwrap_err();
        assert_eq!(end, WebSocketEnd::Closed { code: Some(1009) });
    });
}

#[test]
fn a_close_frame_with_a_code_that_must_not_be_sent_breaks_the_protocol() {
    run(async {
        for code in [999_u16, 1005, 1006, 2999, 5000] {
            let url = accepting(move |mut stream| async move {
                let stream = stream.get_mut();
                let [high, low] = code.to_be_bytes();
                stream.write_all(&[0x88, 2, high, low]).await.unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.unwrap();
                assert_eq!(answer[0], 0x88, "{code}");
            })
            .await;
            let WebSocketEnd::Failed(failure) = next(&mut open(url).await).await.unwrap_err()
            else {
                panic!("{code} is taken");
            };
            assert_eq!(failure.cause, Cause::ProtocolViolation, "{code}");
        }
    });
}

#[test]
fn interim_answers_come_before_the_101() {
    run(async {
        let server = Server::start(|_, request| {
            let interim =
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
            let mut answer = interim.as_bytes().to_vec();
            answer.extend(switching(request, &"X-Added: y\r\n".repeat(200)));
            answer.extend([0x81, 1, b'0']);
            (answer, Then::Hold)
        })
        .await;
        let mut websocket = open(server.url()).await;
        let message = next(&mut websocket).await.unwrap();
        assert_eq!(message, Frame::Text(Bytes::from_static(b"0")));
    });
}

#[test]
fn a_client_hangs_up_once_both_close_frames_are_through() {
    run(async {
        let url = accepting(|mut stream| async move {
            let stream = stream.get_mut();
            stream.write_all(&[0x88, 0]).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer[..2], [0x88, 0x80]);
        })
        .await;
        let end = next(&mut open(url).await).await.unwrap_err();
        assert_eq!(end, WebSocketEnd::Closed { code: None });
    });
}

#[test]
fn a_connection_lost_without_close_frame_says_how() {
    run(async {
        for (linger, cause) in [
            (None, Cause::ConnectionClosed),
            (Some(Duration::ZERO), Cause::ConnectionReset),
        ] {
            let url = accepting(move |stream| async move {
                socket2::SockRef::from(stream.get_ref())
                    .set_linger(linger)
                    .unwrap();
            })
            .await;
            let WebSocketEnd::Lost(failure) = next(&mut open(url).await).await.unwrap_err() else {
                panic!("not lost");
            };
            assert_eq!((failure.stage, failure.cause), (Stage::Session, cause));
        }
    });
}

#[test]
fn raw_http_after_the_101_breaks_the_protocol() {
    run(async {
        let server = Server::start(|_, request| {
            let error = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
                Content-type: text/html\r\nContent-Length: 28\r\n\r\nUnsupported protocol version";
            (
                [switching(request, ""), error.to_vec()].concat(),
                Then::Close,
            )
        })
        .await;
        let WebSocketEnd::Failed(failure) = next(&mut open(server.url()).await).await.unwrap_err()
        else {
            panic!("not failed");
        };
        assert_eq!(failure.cause, Cause::ProtocolViolation);
    });
}

#[test]
fn a_refusal_is_told_by_status_and_what_its_body_names() {
    run(async {
        for (status, body, cause) in [
            (
                "400 Bad Request",
                "Session ID unknown",
                Cause::SessionIdUnknown,
            ),
            ("400 Bad Request", "Bad request", Cause::BadRequest),
            (
                "403 Forbidden",
                r#"{"code":4,"message":"no"}"#,
                Cause::Forbidden,
            ),
            (
                "400 Bad Request",
                r#""Invalid transport""#,
                Cause::TransportUnknown,
            ),
            ("502 Bad Gateway", "<html>", Cause::WebsocketRefused),
            ("200 OK", "hello", Cause::WebsocketRefused),
        ] {
            let failure = refused(move |_| response(status, "", body.as_bytes())).await;
            assert_eq!((failure.stage, failure.cause), (Stage::Open, cause));
            assert_eq!(failure.status, Some(status[..3].parse().unwrap()));
            assert!(failure.message.is_some());
        }
    });
}

#[test]
fn a_refusal_in_chunks_of_any_coding_is_put_together() {
    run(async {
        let chunks = "8\r\nSession \r\na\r\nID unknown\r\n0\r\n\r\n";
        for coding in ["chunked", "identity, Chunked"] {
            let answer = format!("HTTP/1.1 400 X\r\nTransfer-Encoding: {coding}\r\n\r\n{chunks}");
            let failure = refused(move |_| answer.clone().into_bytes()).await;
            assert_eq!(failure.cause, Cause::SessionIdUnknown);
        }
    });
}

#[test]
fn a_refusal_whose_body_never_ends_does_not_hang() {
    run(async {
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\nSession ID unknown";
        let failure = refused(move |_| answer.to_vec()).await;
        assert_eq!(failure.cause, Cause::SessionIdUnknown);
    });
}

#[test]
fn a_101_that_does_not_answer_this_handshake_breaks_the_protocol() {
    run(async {
        for answer in [
            |_: &str| b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec(),
            |request: &str| switching(&request.replace("Key: ", "Key: x"), ""),
            |request: &str| {
                let answer = String::from_utf8(switching(request, "")).unwrap();
                answer.replace("Connection: Upgrade\r\n", "").into_bytes()
            },
            |request: &str| switching(request, "Sec-WebSocket-Extensions: permessage-bzip2\r\n"),
        ] {
            let failure = refused(answer).await;
            assert_eq!(failure.cause, Cause::ProtocolViolation);
            assert_eq!(failure.status, Some(101));
        }
    });
}

#[test]
fn an_answer_that_is_not_http_is_not_socketio_and_no_answer_a_closed_connection() {
    run(async {
        let failure = refused(|_| b"220 smtp ready\r\n".to_vec()).await;
        assert_eq!(failure.cause, Cause::NotSocketio);
        let server = Server::start(|_, _| (b"HTTP/1.1 ".to_vec(), Then::Close)).await;
        let end = handshake(&mut node(server.url()), "/").await;
        assert_eq!(end.result.err().unwrap().cause, Cause::ConnectionClosed);
    });
}

#[test]
fn a_reset_websocket_is_seen_as_a_reset_by_the_server() {
    run(async {
        let (end, ended) = tokio::sync::oneshot::channel();
        let url = accepting(|mut stream| async move {
            end.send(stream.get_mut().read(&mut [0]).await).unwrap();
        })
        .await;
        open(url).await.reset();
        let error = ended.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_finished_websocket_still_reads_what_the_server_sends() {
    run(async {
        let url = accepting(|mut stream| async move {
            assert_eq!(stream.get_mut().read(&mut [0]).await.unwrap(), 0);
            stream.get_mut().write_all(b"\x81\x02hi").await.unwrap();
        })
        .await;
        let mut websocket = open(url).await;
        websocket.fin();
        assert_eq!(
            next(&mut websocket).await.unwrap(),
            Frame::Text(Bytes::from_static(b"hi"))
        );
        assert!(matches!(
            next(&mut websocket).await,
            Err(WebSocketEnd::Lost(_))
        ));
    });
}

#[test]
fn what_the_kernel_does_not_take_waits_for_a_flush() {
    run(async {
        let url = accepting(|mut stream| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let message = stream.next().await.unwrap().unwrap();
            stream
                .send(Message::text(message.len().to_string()))
                .await
                .unwrap();
            std::future::pending().await
        })
        .await;
        let mut websocket = open(url).await;
        send(
            &mut websocket,
            Frame::Binary(Bytes::from(vec![7; 10_000_000])),
        )
        .await;
        assert_eq!(
            next(&mut websocket).await.unwrap(),
            Frame::Text(Bytes::from_static(b"10000000"))
        );
    });
}

#[test]
fn compression_is_spoken_where_the_server_accepts_it() {
    run(async {
        let text = "42[\"event\",\"aaaa\"]".repeat(200);
        for parameters in [
            "",
            "; server_no_context_takeover; client_no_context_takeover",
        ] {
            let extensions =
                format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n");
            // The frames of a client are masked: the peer takes off the mask and sends them back.
            let url = peer(move |mut stream| async move {
                let mut received = Vec::new();
                while !received.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
                }
                let request = String::from_utf8(received).unwrap();
                stream
                    .write_all(&switching(&request, &extensions))
                    .await
                    .unwrap();
                for _ in 0..2 {
                    let first = stream.read_u8().await.unwrap();
                    assert_eq!(first, 0xc1, "final, compressed, text");
                    let length = stream.read_u8().await.unwrap() & 0x7f;
                    assert!(length < 126, "{length} bytes of 4,000");
                    let mut mask = [0; 4];
                    stream.read_exact(&mut mask).await.unwrap();
                    let mut payload = vec![0; usize::from(length)];
                    stream.read_exact(&mut payload).await.unwrap();
                    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
                        *byte ^= mask;
                    }
                    stream.write_all(&[first, length]).await.unwrap();
                    stream.write_all(&payload).await.unwrap();
                }
                std::future::pending().await
            })
            .await;
            let mut websocket = open(url).await;
            for _ in 0..2 {
                let frame = Frame::Text(Bytes::from(text.clone()));
                send(&mut websocket, frame.clone()).await;
                assert_eq!(next(&mut websocket).await.unwrap(), frame);
            }
        }
    });
}

#[test]
fn a_server_that_does_not_read_is_let_go_before_it_fills_the_memory() {
    run(async {
        let url = accepting(|_stream| std::future::pending()).await;
        let mut websocket = open(url).await;
        let frame = Frame::Binary(Bytes::from(vec![0; 4 << 20]));
        let refused = (0..64).find_map(|_| websocket.start_send(frame.clone()).err());
        let Some(WebSocketEnd::Failed(failure)) = refused else {
            panic!("64 messages of 4 MiB wait");
        };
        assert_eq!(failure.cause, Cause::TooLarge);
        let end = next(&mut websocket).await.unwrap_err();
        assert!(matches!(end, WebSocketEnd::Failed(failure) if failure.cause == Cause::TooLarge));
    });
}
