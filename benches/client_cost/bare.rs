//! The bare loop: what a connection costs when nothing is kept of it.

use std::cell::Cell;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::spawn_local;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Size;
use super::cost::{cpu_of, heap_bytes, on_one_thread, settle};
use super::target::Target;

type WebSocket = WebSocketStream<TcpStream>;

/// CPU of a connect over WebSocket alone.
pub(crate) fn websocket_connect(target: &Target, size: Size) -> Duration {
    let address = target.address();
    connects(size, move |number| open_websocket(address, number))
}

/// CPU of a connect over long-polling and its upgrade.
pub(crate) fn upgrade_connect(target: &Target, size: Size) -> Duration {
    let address = target.address();
    connects(size, move |number| {
        open_polling_and_upgrade(address, number)
    })
}

/// CPU of an emit and its ack.
pub(crate) fn emit_and_ack(target: &Target, size: Size) -> Duration {
    let address = target.address();
    on_one_thread(async {
        let mut clients = Vec::new();
        for number in 0..size.emitting {
            clients.push(open_websocket(address, number).await);
        }
        let (cpu, ()) = cpu_of(async {
            let emitting: Vec<_> = clients
                .into_iter()
                .map(|client| spawn_local(emit_one_by_one(client, size.emits)))
                .collect();
            for task in emitting {
                task.await.expect("no client panics");
            }
        })
        .await;
        settle().await;
        cpu / (size.emitting * size.emits) as u32
    })
}

/// Heap of a connected client whose task waits for what comes.
pub(crate) fn idle_bytes(target: &Target, size: Size) -> f64 {
    let address = target.address();
    on_one_thread(async {
        let before = heap_bytes();
        let tasks: Vec<_> = connect_all(size, move |number| open_websocket(address, number))
            .await
            .into_iter()
            .map(|client| spawn_local(idle(client)))
            .collect();
        settle().await;
        let after = heap_bytes();
        for task in tasks {
            task.abort();
        }
        settle().await;
        after.saturating_sub(before) as f64 / size.clients as f64
    })
}

fn connects<F>(size: Size, connect: impl Fn(usize) -> F + Clone + 'static) -> Duration
where
    F: Future<Output = WebSocket> + 'static,
{
    on_one_thread(async {
        let (cpu, clients) = cpu_of(connect_all(size, connect)).await;
        drop(clients);
        settle().await;
        cpu / size.clients as u32
    })
}

/// Connects all clients, so many at once, and keeps them.
async fn connect_all<F>(
    size: Size,
    connect: impl Fn(usize) -> F + Clone + 'static,
) -> Vec<WebSocket>
where
    F: Future<Output = WebSocket> + 'static,
{
    let next = Rc::new(Cell::new(0));
    let lanes: Vec<_> = (0..size.connecting)
        .map(|_| {
            let (next, connect) = (Rc::clone(&next), connect.clone());
            spawn_local(async move {
                let mut clients = Vec::new();
                while next.get() < size.clients {
                    let number = next.replace(next.get() + 1);
                    clients.push(connect(number).await);
                }
                clients
            })
        })
        .collect();
    let mut clients = Vec::with_capacity(size.clients);
    for lane in lanes {
        clients.extend(lane.await.expect("no client panics"));
    }
    clients
}

async fn open_websocket(address: SocketAddr, number: usize) -> WebSocket {
    let mut socket = handshake(address, number, "").await;
    expect_text(&mut socket, "0{").await;
    send(&mut socket, "40").await;
    expect_text(&mut socket, "40{").await;
    socket
}

/// A connection for each request, as the official client on Node has.
async fn open_polling_and_upgrade(address: SocketAddr, number: usize) -> WebSocket {
    let open = request(address, number, "", None).await;
    let sid = open
        .split_once("\"sid\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(sid, _)| format!("&sid={sid}"))
        .expect("the open packet has a sid");
    request(address, number, &sid, Some("40")).await;
    while !request(address, number, &sid, None).await.contains("40{") {}
    let mut socket = handshake(address, number, &sid).await;
    send(&mut socket, "2probe").await;
    expect_text(&mut socket, "3probe").await;
    send(&mut socket, "5").await;
    socket
}

async fn request(
    address: SocketAddr,
    number: usize,
    sid: &str,
    body: Option<&'static str>,
) -> String {
    let stream = TokioIo::new(dial(address, number).await);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(8192)
        .handshake(stream)
        .await
        .expect("hyper takes a connected stream");
    let request = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(format!(
            "/socket.io/?EIO=4&transport=polling&t=abcdefgh{sid}"
        ))
        .header("host", "127.0.0.1")
        .header("connection", "close")
        .header("content-type", "text/plain;charset=UTF-8")
        .body(Full::new(Bytes::from_static(
            body.unwrap_or_default().as_bytes(),
        )))
        .expect("a well-formed request");
    let exchange = async {
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200, "the target takes every request");
        let body = response.into_body().collect().await.expect("a whole body");
        drop(sender);
        body.to_bytes()
    };
    let (body, _) = join(exchange, connection).await;
    String::from_utf8_lossy(&body).into_owned()
}

async fn handshake(address: SocketAddr, number: usize, sid: &str) -> WebSocket {
    let stream = dial(address, number).await;
    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket{sid}");
    // The default buffers cost 135 KiB and 70 µs per client.
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
        .await
        .expect("the target takes every WebSocket");
    socket
}

/// From one of 250 addresses: above 14,000 connections from one, the kernel's search for a port
/// would make each connect 4 to 9 times dearer.
async fn dial(address: SocketAddr, number: usize) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 1, (number % 250 + 1) as u8);
    let socket = TcpSocket::new_v4().expect("a socket");
    setsockopt(&socket, IpBindAddressNoPort, &true).expect("Linux chooses the port at connect");
    socket
        .bind(SocketAddr::from((source, 0)))
        .expect("all of 127/8 is this machine's");
    let stream = socket.connect(address).await.expect("the target listens");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

async fn send(socket: &mut WebSocket, text: &'static str) {
    socket
        .send(Message::text(text))
        .await
        .expect("the target reads");
}

/// Waits for a packet that begins so; pings are answered at every stage.
async fn expect_text(socket: &mut WebSocket, start: &str) {
    loop {
        let message = socket
            .next()
            .await
            .expect("the target stays")
            .expect("a message");
        match message.to_text().expect("a text frame") {
            "2" => send(socket, "3").await,
            text if text.starts_with(start) => return,
            _ => {}
        }
    }
}

async fn emit_one_by_one(mut socket: WebSocket, emits: usize) {
    for n in 0..emits {
        let packet = format!("42{n}[\"echo\",{{\"client\":\"17\",\"n\":\"{n}\"}}]");
        socket
            .send(Message::text(packet))
            .await
            .expect("the target reads");
        expect_text(&mut socket, "43").await;
    }
}

async fn idle(mut socket: WebSocket) {
    expect_text(&mut socket, "never").await;
}
