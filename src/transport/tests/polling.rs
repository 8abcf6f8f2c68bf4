use super::*;
use crate::event::{Cause, Origin, Stage};

#[test]
fn a_get_of_the_node_profile_is_byte_for_byte_that_of_the_js_client() {
    run(async {
        let server = Server::start(|_, _| (ok("0{}"), Then::Close)).await;
        let mut http = node(server.url());
        let response = response_to(&mut http, get("/socket.io/?EIO=4&transport=polling")).await;
        assert_eq!((response.status, &response.body[..]), (200, &b"0{}"[..]));
        let expected = format!(
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\
             User-Agent: node-XMLHttpRequest\r\n\
             Accept: */*\r\n\
             Host: {}\r\n\
             Connection: close\r\n\r\n",
            server.address
        );
        assert_eq!(server.seen(0), expected);
    });
}

#[test]
fn a_post_of_the_node_profile_is_byte_for_byte_that_of_the_js_client() {
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
        let mut http = http_with(
            &dial,
            Profile::Node,
            true,
            &["x-My-Head", "authorization", "Cookie"],
        );
        let headers = [
            header("x-my-head", "v"),
            header("authorization", "b"),
            header("cookie", "z=1"),
        ];
        response_to(
            &mut http,
            Request {
                headers: &headers[..2],
                ..get("/first")
            },
        )
        .await;
        response_to(
            &mut http,
            Request {
                headers: &headers[..2],
                ..post("/x", "40")
            },
        )
        .await;
        let expected = format!(
            "POST /x HTTP/1.1\r\n\
             User-Agent: node-XMLHttpRequest\r\n\
             Accept: */*\r\n\
             x-My-Head: v\r\n\
             authorization: b\r\n\
             Content-type: text/plain;charset=UTF-8\r\n\
             cookie: io=1\r\n\
             Host: {}\r\n\
             Content-Length: 2\r\n\
             Connection: close\r\n\r\n40",
            server.address
        );
        assert_eq!(server.seen(1), expected);
        response_to(
            &mut http,
            Request {
                headers: &headers,
                ..get("/x")
            },
        )
        .await;
        assert!(server.seen(2).contains("io=1") && !server.seen(2).contains("z=1"));
    });
}

#[test]
fn binary_bodies_say_so() {
    run(async {
        let server = Server::start(|_, _| (ok("ok"), Then::Close)).await;
        let mut http = node(server.url());
        let request = Request {
            octet_stream: true,
            ..post("/x", "\u{1}")
        };
        response_to(&mut http, request).await;
        assert!(
            server
                .seen(0)
                .contains("Content-type: application/octet-stream\r\n")
        );
    });
}

#[test]
fn each_request_of_the_node_profile_has_a_connection_of_its_own() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::KeepAlive)).await;
        let mut http = node(server.url());
        for _ in 0..3 {
            let end = end_of(&mut http, get("/")).await;
            let timings = end.timings.unwrap();
            assert_eq!((timings.dns, timings.tls), (None, None));
        }
        assert_eq!(server.connections.get(), 3);
        let meter = http_meter(&http);
        assert_eq!(meter.0, 3 * server.seen(0).len() as u64);
        assert_eq!(meter.1, 3 * ok("x").len() as u64);
    });
}

fn http_meter(http: &Http) -> (u64, u64) {
    let meter = http.settings().dialer().meter();
    (meter.sent(), meter.received())
}

#[test]
fn chunked_and_open_ended_bodies_are_read_to_their_end() {
    run(async {
        let server = Server::start(|number, _| {
            let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                           3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
            let open = "HTTP/1.1 200 OK\r\n\r\nto the end";
            ([chunked, open][number].into(), Then::Close)
        })
        .await;
        let mut http = node(server.url());
        assert_eq!(response_to(&mut http, get("/")).await.body, "abcde");
        assert_eq!(response_to(&mut http, get("/")).await.body, "to the end");
    });
}

#[test]
fn a_large_body_arrives_whole() {
    run(async {
        let large = "a".repeat(3_000_000);
        let sent = large.clone();
        let server = Server::start(move |_, _| (ok(&sent), Then::Close)).await;
        let mut http = node(server.url());
        assert_eq!(response_to(&mut http, get("/")).await.body, large);
    });
}

#[test]
fn any_status_is_a_response() {
    run(async {
        let server = Server::start(|_, request| {
            let status = request[5..].split(' ').next().unwrap();
            (
                response(&format!("{status} X"), "Location: /200\r\n", b"why"),
                Then::Close,
            )
        })
        .await;
        let mut http = node(server.url());
        for status in [204, 301, 308, 400, 413, 502] {
            let got = response_to(&mut http, get(&format!("/{status}"))).await;
            assert_eq!(got.status, status);
        }
        assert_eq!(server.connections.get(), 6);
    });
}

#[test]
fn redirects_are_followed_as_the_js_client_follows_them() {
    run(async {
        let other = Server::start(|_, _| (ok("there"), Then::Close)).await;
        let location = format!("http://{}/b?q=1", other.address);
        let server = Server::start(move |_, request| {
            let (status, location) = match request.split(' ').nth(1).unwrap() {
                "/302" => ("302 Found", location.clone()),
                "/303" => ("303 See Other", location.clone()),
                "/307" => ("307 Temporary Redirect", "relative".to_owned()),
                _ => return (ok("here"), Then::Close),
            };
            (
                response(status, &format!("Location: {location}\r\n"), b""),
                Then::Close,
            )
        })
        .await;
        let listed = [format!("http://{}", other.address)];
        let dial = dial_settings(server.url());
        let mut http = http_led_to(&dial, Profile::Node, false, (&[], &listed));
        assert_eq!(response_to(&mut http, get("/302")).await.body, "there");
        assert!(
            other
                .seen(0)
                .contains(&format!("Host: {}\r\n", other.address))
        );
        assert_eq!(
            response_to(&mut http, post("/303", "40")).await.body,
            "there"
        );
        assert!(other.seen(1).starts_with("GET /b?q=1 "));
        assert_eq!(
            response_to(&mut http, post("/307", "40")).await.body,
            "here"
        );
        assert!(server.seen(3).starts_with("POST /relative "));
        assert!(server.seen(3).ends_with("\r\n\r\n40"));
    });
}

#[test]
fn a_redirect_to_an_origin_that_is_not_listed_is_not_followed_and_says_where_it_leads() {
    run(async {
        let other = Server::start(|_, _| (ok("there"), Then::Close)).await;
        let location = format!("Location: http://{}/b\r\n", other.address);
        let server =
            Server::start(move |_, _| (response("302 Found", &location, b""), Then::Close)).await;
        for profile in [Profile::Node, Profile::Browser] {
            let mut http = http_by(&dial_settings(server.url()), profile);
            let answer = response_to(&mut http, get("/")).await;
            let note = format!("redirects to http://{}/b", other.address);
            assert_eq!((answer.status, answer.note.as_deref()), (302, Some(&*note)));
        }
        assert_eq!(other.connections.get(), 0);
    });
}

#[test]
fn a_browser_follows_every_redirect_and_makes_a_get_of_most_posts() {
    run(async {
        let server = Server::start(|_, request| {
            let status = match request.split(' ').nth(1).unwrap() {
                "/end" => return (ok("end"), Then::Close),
                path => path[1..].to_owned(),
            };
            let head = "Location: /end\r\n";
            (response(&format!("{status} X"), head, b""), Then::Close)
        })
        .await;
        let mut http = http_by(&dial_settings(server.url()), Profile::Browser);
        for (place, (status, method)) in [
            (301, "GET"),
            (302, "GET"),
            (303, "GET"),
            (307, "POST"),
            (308, "POST"),
        ]
        .into_iter()
        .enumerate()
        {
            let answer = response_to(&mut http, post(&format!("/{status}"), "40")).await;
            assert_eq!(answer.body, "end", "{status}");
            let seen = server.seen(2 * place + 1);
            assert!(
                seen.starts_with(&format!("{method} /end ")),
                "{status}: {seen}"
            );
        }
    });
}

#[test]
fn a_refusal_says_how_to_authenticate() {
    run(async {
        let head = "WWW-Authenticate: Basic realm=\"x\"\r\n";
        let server = Server::start(move |_, _| (response("401 X", head, b""), Then::Close)).await;
        let answer = response_to(&mut node(server.url()), get("/")).await;
        assert_eq!(answer.note.as_deref(), Some("asks for Basic realm=\"x\""));
    });
}

#[test]
fn a_redirect_without_end_is_given_up() {
    run(async {
        let server =
            Server::start(|_, _| (response("302 Found", "Location: /\r\n", b""), Then::Close))
                .await;
        let mut http = node(server.url());
        assert_eq!(response_to(&mut http, get("/")).await.status, 302);
        assert_eq!(server.connections.get(), 21);
    });
}

#[test]
fn cookies_need_credentials_and_are_gone_with_the_engine() {
    run(async {
        let server =
            Server::start(|_, _| (response("200 OK", "Set-Cookie: io=1\r\n", b""), Then::Close))
                .await;
        let dial = dial_settings(server.url());
        let mut without = http_by(&dial, Profile::Node);
        response_to(&mut without, get("/")).await;
        response_to(&mut without, get("/")).await;
        assert!(!server.seen(1).contains("io=1"));
        let mut with = http_with(&dial, Profile::Node, true, &[]);
        response_to(&mut with, get("/")).await;
        let mut late = with.request(get("/"), &with.cookies());
        with.new_engine();
        poll_fn(|cx| late.poll(cx)).await.result.unwrap();
        with.finish(late);
        assert!(server.seen(3).contains("cookie: io=1\r\n"));
        response_to(&mut with, get("/")).await;
        assert!(
            !server.seen(4).contains("cookie"),
            "an old engine's answer filled the new jar"
        );
        let old = with.cookies();
        with.new_engine();
        let mut goodbye = with.request(post("/", "1"), &old);
        poll_fn(|cx| goodbye.poll(cx)).await.result.unwrap();
        assert!(server.seen(5).contains("cookie: io=1\r\n"));
    });
}

#[test]
fn an_answer_that_is_not_http_is_not_socketio() {
    run(async {
        let server = Server::start(|_, _| (b"220 smtp ready\r\n".to_vec(), Then::Close)).await;
        let failure = failure_of(&mut node(server.url()), get("/")).await;
        assert_eq!(
            (failure.stage, failure.cause, failure.origin),
            (Stage::Open, Cause::NotSocketio, Origin::Server)
        );
    });
}

#[test]
fn an_answer_that_ends_early_is_a_closed_connection() {
    run(async {
        let server = Server::start(|number, _| {
            let whole = ok("0123456789");
            let cut = [0, 10, whole.len() - 4][number];
            (whole[..cut].to_vec(), Then::Close)
        })
        .await;
        let mut http = node(server.url());
        for _ in 0..3 {
            let failure = failure_of(&mut http, get("/")).await;
            assert_eq!(failure.cause, Cause::ConnectionClosed);
        }
    });
}

#[test]
fn a_path_that_breaks_http_is_the_scenarios_fault() {
    run(async {
        let mut http = node("http://127.0.0.1:1".parse().unwrap());
        let failure = failure_of(&mut http, get("/a b")).await;
        assert_eq!(failure.origin, Origin::Scenario);
    });
}

#[test]
fn a_request_that_is_dropped_closes_its_connection() {
    run(async {
        let (closed, noticed) = tokio::sync::oneshot::channel();
        let url = peer(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            closed.send(()).unwrap();
        })
        .await;
        let mut http = node(url);
        let mut exchange = http.request(get("/"), &http.cookies());
        let waiting = poll_fn(|cx| exchange.poll(cx));
        let limit = std::time::Duration::from_millis(100);
        assert!(tokio::time::timeout(limit, waiting).await.is_err());
        drop(exchange);
        noticed.await.unwrap();
    });
}
