use std::io::ErrorKind;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::event::Cause;

/// Polls a request until the server holds it.
async fn held(http: &mut Http, holding: oneshot::Receiver<()>) -> Exchange {
    let mut exchange = http.request(get("/"), &http.cookies());
    tokio::select! {
        _ = poll_fn(|cx| exchange.poll(cx)) => panic!("the request is held"),
        _ = holding => {}
    }
    exchange
}

/// A server that holds a request, and tells how reading from the connection ends then.
async fn holder() -> (
    url::Url,
    oneshot::Receiver<()>,
    oneshot::Receiver<std::io::Result<usize>>,
) {
    let (hold, holding) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let url = peer(|mut stream| async move {
        read_request(&mut stream).await.unwrap();
        hold.send(()).unwrap();
        let _ = end.send(stream.read(&mut [0]).await);
        // Holds the connection for as long as the test runs.
        std::future::pending::<()>().await;
    })
    .await;
    (url, holding, ended)
}

#[test]
fn a_request_that_is_reset_is_seen_as_a_reset_by_the_server() {
    run(async {
        let (url, holding, ended) = holder().await;
        let exchange = held(&mut node(url), holding).await;
        exchange.reset();
        let error = ended.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_request_that_is_finished_is_seen_as_an_end_by_the_server_and_can_still_be_answered() {
    run(async {
        let (hold, holding) = oneshot::channel();
        let url = peer(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            hold.send(()).unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            stream.write_all(&ok("late")).await.unwrap();
        })
        .await;
        let mut exchange = held(&mut node(url), holding).await;
        exchange.fin();
        let end = poll_fn(|cx| exchange.poll(cx)).await;
        assert_eq!(end.result.unwrap().body, "late");
    });
}

#[test]
fn a_reset_by_the_server_is_a_reset_connection() {
    run(async {
        let url = peer(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        })
        .await;
        let failure = failure_of(&mut node(url), get("/")).await;
        assert_eq!(failure.cause, Cause::ConnectionReset);
    });
}

#[test]
fn small_packets_do_not_wait_for_the_acks_of_others() {
    run(async {
        let (url, _holding, _ended) = holder().await;
        let dialer = Dialer::new(&dial_settings(url), Rc::default()).unwrap();
        let stream = dialer.dial(0).await.unwrap().stream;
        assert!(stream.tcp().socket().tcp_nodelay().unwrap());
    });
}

#[test]
fn idle_connections_of_a_browser_can_be_reset() {
    run(async {
        let (end, ended) = oneshot::channel();
        let url = peer(|mut stream| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(&ok("x")).await.unwrap();
            end.send(stream.read(&mut [0]).await).unwrap();
        })
        .await;
        let mut http = http_by(&dial_settings(url), Profile::Browser);
        response_to(&mut http, get("/")).await;
        http.reset_idle();
        let error = ended.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
