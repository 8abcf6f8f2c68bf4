use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::join;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A client on a WebSocket.
pub(super) struct WebSocket(WebSocketStream<TcpStream>);

impl WebSocket {
    /// Connects to the root namespace.
    pub(super) async fn connect(address: SocketAddr, number: usize) -> Self {
        let mut socket = Self::open(address, number, "").await;
        socket.expect("0{").await;
        socket.send("40".to_owned()).await;
        socket.expect("40{").await;
        socket
    }

    async fn open(address: SocketAddr, number: usize, sid: &str) -> Self {
        let stream = dial(address, number).await;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket{sid}");
        // The default buffers cost 135 KiB and 70 µs per client.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
            .await
            .expect("the target takes every WebSocket");
        Self(socket)
    }

    pub(super) async fn emit(&mut self, client: usize, n: usize) {
        let packet = format!("42{n}[\"echo\",{{\"client\":\"{client}\",\"n\":\"{n}\"}}]");
        self.send(packet).await;
    }

    async fn send(&mut self, text: String) {
        let sent = self.0.send(Message::text(text)).await;
        sent.expect("the target reads");
    }

    /// Waits for a packet that begins so; pings are answered at every stage.
    pub(super) async fn expect(&mut self, start: &str) {
        poll_fn(|cx| self.poll_packet(cx, start)).await;
    }

    /// Ready once a packet came that begins so.
    pub(super) fn poll_packet(&mut self, cx: &mut Context<'_>, start: &str) -> Poll<()> {
        loop {
            let message = ready!(self.0.poll_next_unpin(cx)).expect("the target stays");
            let message = message.expect("a message");
            match message.to_text().expect("a text frame") {
                "2" => {
                    let pong = self.0.start_send_unpin(Message::text("3"));
                    pong.expect("the target reads");
                }
                text if text.starts_with(start) => return Poll::Ready(()),
                _ => {}
            }
        }
    }

    /// Waits for what comes, for ever.
    pub(super) async fn idle(mut self) {
        self.expect("never").await;
    }
}

/// A client on HTTP long-polling: a connection for each request, as the official client on Node
/// has.
pub(super) struct Polling {
    address: SocketAddr,
    number: usize,
    /// As it is appended to a query.
    sid: String,
}

impl Polling {
    /// Connects to the root namespace.
    pub(super) async fn connect(address: SocketAddr, number: usize) -> Self {
        let open = request(address, number, "", None).await;
        let sid = open
            .split_once("\"sid\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(sid, _)| format!("&sid={sid}"))
            .expect("the open packet has a sid");
        let client = Self {
            address,
            number,
            sid,
        };
        client.post("40").await;
        while !client.poll().await.contains("40{") {}
        client
    }

    /// Moves to a WebSocket.
    pub(super) async fn upgrade(self) -> WebSocket {
        let mut socket = WebSocket::open(self.address, self.number, &self.sid).await;
        socket.send("2probe".to_owned()).await;
        socket.expect("3probe").await;
        socket.send("5".to_owned()).await;
        socket
    }

    /// Holds a poll, for ever.
    pub(super) async fn idle(self) {
        loop {
            if self.poll().await.split('\x1e').any(|packet| packet == "2") {
                self.post("3").await;
            }
        }
    }

    async fn poll(&self) -> String {
        request(self.address, self.number, &self.sid, None).await
    }

    async fn post(&self, body: &'static str) {
        request(self.address, self.number, &self.sid, Some(body)).await;
    }
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
