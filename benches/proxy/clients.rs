use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::spawn_local;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::{Size, since};

type WebSocket = WebSocketStream<TcpStream>;

/// Connected clients, on WebSocket.
pub(crate) struct Clients(Vec<WebSocket>);

impl Clients {
    /// Connects all, so many at once.
    pub(crate) async fn connect(address: SocketAddr, size: Size) -> Self {
        let next = Rc::new(Cell::new(0));
        let lanes: Vec<_> = (0..size.connecting)
            .map(|_| {
                let next = Rc::clone(&next);
                spawn_local(async move {
                    let mut clients = Vec::new();
                    while next.get() < size.clients {
                        let number = next.replace(next.get() + 1);
                        clients.push(open(address, number).await);
                    }
                    clients
                })
            })
            .collect();
        let mut clients = Vec::with_capacity(size.clients);
        for lane in lanes {
            clients.extend(lane.await.expect("no client panics"));
        }
        Self(clients)
    }

    /// One echo after the other, each by another client; sorted times.
    pub(crate) async fn round_trips(&mut self, count: usize) -> Vec<Duration> {
        let mut times = Vec::with_capacity(count);
        for n in 0..count {
            let number = n % self.0.len();
            let begun = sio_load::clock::now();
            echo(&mut self.0[number], n).await;
            times.push(since(begun));
        }
        times.sort();
        times
    }

    /// Echoes of many clients at once, each its next after the ack of the one before.
    pub(crate) async fn emit(&mut self, size: Size) {
        let emitting: Vec<_> = self
            .0
            .drain(..size.emitting)
            .map(|mut client| {
                spawn_local(async move {
                    for n in 0..size.emits {
                        echo(&mut client, n).await;
                    }
                    client
                })
            })
            .collect();
        for task in emitting {
            self.0.push(task.await.expect("no client panics"));
        }
    }
}

async fn open(address: SocketAddr, number: usize) -> WebSocket {
    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let stream = dial(address, number).await;
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
        .await
        .expect("the target takes every WebSocket");
    expect(&mut socket, "0{").await;
    send(&mut socket, "40".to_owned()).await;
    expect(&mut socket, "40{").await;
    socket
}

/// From one of many addresses: from one alone, the kernel's search for a port would be measured.
async fn dial(address: SocketAddr, number: usize) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 1, (number % 250 + 1) as u8);
    let socket = TcpSocket::new_v4().expect("a socket");
    setsockopt(&socket, IpBindAddressNoPort, &true).expect("Linux chooses the port at connect");
    socket
        .bind(SocketAddr::from((source, 0)))
        .expect("all of 127/8 is this machine's");
    let stream = socket.connect(address).await.expect("somebody listens");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

async fn echo(socket: &mut WebSocket, n: usize) {
    send(
        socket,
        format!("42{n}[\"echo\",{{\"client\":\"17\",\"n\":\"{n}\"}}]"),
    )
    .await;
    expect(socket, "43").await;
}

async fn send(socket: &mut WebSocket, text: String) {
    let sent = socket.send(Message::text(text)).await;
    sent.expect("the target reads");
}

/// Waits for a packet that begins so; pings are answered at every stage.
async fn expect(socket: &mut WebSocket, start: &str) {
    loop {
        let message = socket.next().await.expect("the target stays");
        match message.expect("a message").to_text().expect("a text frame") {
            "2" => send(socket, "3".to_owned()).await,
            text if text.starts_with(start) => return,
            _ => {}
        }
    }
}
