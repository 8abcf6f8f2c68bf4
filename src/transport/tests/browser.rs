use std::io::Write as _;

use super::*;
use crate::event::Cause;

fn browser(url: url::Url) -> Http {
    http_by(&dial_settings(url), Profile::Browser)
}

#[test]
fn requests_of_the_browser_profile_carry_what_browsers_send() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::KeepAlive)).await;
        let mut http = browser(server.url());
        response_to(&mut http, post("/socket.io/", "40")).await;
        let agent = concat!(
            "Mozilla/5.0 (compatible; sio-load/",
            env!("CARGO_PKG_VERSION"),
            ")"
        );
        let expected = format!(
            "POST /socket.io/ HTTP/1.1\r\n\
             Host: {0}\r\n\
             Connection: keep-alive\r\n\
             Content-Length: 2\r\n\
             User-Agent: {agent}\r\n\
             Accept: */*\r\n\
             Content-type: text/plain;charset=UTF-8\r\n\
             Origin: http://{0}\r\n\
             Accept-Encoding: gzip\r\n\r\n40",
            server.address
        );
        assert_eq!(server.seen(0), expected);
    });
}

#[test]
fn a_kept_connection_carries_the_next_request() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::KeepAlive)).await;
        let mut http = browser(server.url());
        assert!(end_of(&mut http, get("/")).await.timings.is_some());
        assert!(end_of(&mut http, get("/")).await.timings.is_none());
        assert_eq!(server.connections.get(), 1);
    });
}

#[test]
fn requests_at_the_same_time_have_a_connection_each_and_both_are_kept() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::KeepAlive)).await;
        let mut http = browser(server.url());
        for _ in 0..2 {
            let (mut a, mut b) = (
                http.request(get("/a"), &http.cookies()),
                http.request(get("/b"), &http.cookies()),
            );
            poll_fn(|cx| a.poll(cx)).await.result.unwrap();
            poll_fn(|cx| b.poll(cx)).await.result.unwrap();
            http.finish(a);
            http.finish(b);
        }
        assert_eq!(server.connections.get(), 2);
    });
}

#[test]
fn a_connection_that_the_server_will_close_is_not_kept() {
    run(async {
        let close = || response("200 OK", "Connection: close\r\n", b"x");
        let server = Server::start(move |_, _| (close(), Then::KeepAlive)).await;
        let mut http = browser(server.url());
        response_to(&mut http, get("/")).await;
        response_to(&mut http, get("/")).await;
        assert_eq!(server.connections.get(), 2);
    });
}

#[test]
fn an_idle_connection_closed_by_the_server_is_replaced_without_a_failure() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut http = browser(server.url());
        response_to(&mut http, get("/")).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        response_to(&mut http, get("/")).await;
        assert_eq!(server.connections.get(), 2);
        assert_eq!(server.seen.borrow().len(), 2);
    });
}

#[test]
fn a_request_on_a_kept_connection_that_gets_no_byte_is_sent_once_more() {
    run(async {
        let server = Server::start(|connection, request| match (connection, request) {
            (0, request) if request.starts_with("GET /second") => (Vec::new(), Then::Close),
            _ => (ok("x"), Then::KeepAlive),
        })
        .await;
        let mut http = browser(server.url());
        response_to(&mut http, get("/first")).await;
        let end = end_of(&mut http, get("/second")).await;
        assert_eq!(end.result.unwrap().body, "x");
        assert!(end.timings.is_some(), "it took a new connection");
        assert_eq!(server.seen.borrow().len(), 3);
    });
}

#[test]
fn a_request_is_not_sent_again_once_a_byte_of_its_answer_came() {
    run(async {
        let server = Server::start(|_, request| match request.starts_with("GET /second") {
            true => (b"HTTP/1.1 200".to_vec(), Then::Close),
            false => (ok("x"), Then::KeepAlive),
        })
        .await;
        let mut http = browser(server.url());
        response_to(&mut http, get("/first")).await;
        let failure = failure_of(&mut http, get("/second")).await;
        assert_eq!(failure.cause, Cause::ConnectionClosed);
        assert_eq!(server.seen.borrow().len(), 2);
    });
}

#[test]
fn a_request_on_a_new_connection_is_never_sent_again() {
    run(async {
        let server = Server::start(|_, _| (Vec::new(), Then::Close)).await;
        let failure = failure_of(&mut browser(server.url()), get("/")).await;
        assert_eq!(failure.cause, Cause::ConnectionClosed);
        assert_eq!(server.connections.get(), 1);
    });
}

#[test]
fn compressed_bodies_are_decompressed() {
    run(async {
        let text = "4hello ".repeat(1000);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let server = Server::start(move |number, _| {
            let packed = if number == 0 {
                &packed[..]
            } else {
                &packed[..40]
            };
            let body = [
                format!("{:x}\r\n", packed.len()).as_bytes(),
                packed,
                b"\r\n0\r\n\r\n",
            ]
            .concat();
            let head =
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
            ([head.as_bytes(), &body].concat(), Then::Close)
        })
        .await;
        let mut http = browser(server.url());
        assert_eq!(response_to(&mut http, get("/")).await.body, text);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(
            failure_of(&mut http, get("/")).await.cause,
            Cause::NotSocketio
        );
    });
}

#[test]
fn compression_that_the_node_profile_did_not_ask_for_stays() {
    run(async {
        let server = Server::start(|_, _| {
            let answer = response("200 OK", "Content-Encoding: gzip\r\n", b"as it came");
            (answer, Then::Close)
        })
        .await;
        let body = response_to(&mut node(server.url()), get("/")).await.body;
        assert_eq!(body, "as it came");
    });
}

#[test]
fn a_browser_keeps_its_cookies_over_engines_and_on_websocket() {
    run(async {
        let server =
            Server::start(|_, _| (response("200 OK", "Set-Cookie: io=1\r\n", b""), Then::Close))
                .await;
        let mut http = browser(server.url());
        response_to(&mut http, get("/")).await;
        http.new_engine();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        response_to(&mut http, get("/")).await;
        assert!(server.seen(1).contains("Cookie: io=1\r\n"));
        assert!(handshake(&mut http, "/ws").await.result.is_err());
        assert!(server.seen(2).contains("Cookie: io=1\r\n"));
    });
}

#[test]
fn idle_connections_can_be_watched_and_are_dropped_when_the_server_closes_them() {
    run(async {
        let (closed, noticed) = tokio::sync::oneshot::channel();
        let url = peer(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(&ok("x")).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            closed.send(()).unwrap();
        })
        .await;
        let mut http = browser(url);
        response_to(&mut http, get("/")).await;
        let mut noticed = noticed;
        poll_fn(|cx| {
            http.poll_idle(cx);
            std::pin::Pin::new(&mut noticed).poll(cx)
        })
        .await
        .unwrap();
    });
}
