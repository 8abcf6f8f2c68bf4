//! Real sockets on loopback: small servers that record what they read and answer by script.

mod browser;
mod dialing;
mod faults;
#[cfg(target_os = "linux")]
mod link_conditions;
mod polling;
mod sizes;
mod tls;
mod websocket;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::event::EngineRevision;
use crate::scenario::plan::{Profile, Tls};

/// Runs a test as a worker runs its clients.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, test).await.unwrap()
    })
}

/// What a server does after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    KeepAlive,
    Hold,
}

/// A server's answer and what it does then.
type Answer = (Vec<u8>, Then);

struct Server {
    address: SocketAddr,
    /// Every request, as it came.
    seen: Rc<RefCell<Vec<String>>>,
    connections: Rc<Cell<usize>>,
    peers: Rc<RefCell<Vec<SocketAddr>>>,
}

impl Server {
    /// `answer` gets the number of the connection, from 0, and the request.
    async fn start(answer: impl Fn(usize, &str) -> Answer + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Rc::default(),
            connections: Rc::default(),
            peers: Rc::default(),
        };
        let (seen, connections) = (Rc::clone(&server.seen), Rc::clone(&server.connections));
        let peers = Rc::clone(&server.peers);
        let answer = Rc::new(answer);
        spawn_local(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                peers.borrow_mut().push(peer);
                let number = connections.get();
                connections.set(number + 1);
                let answer = Rc::clone(&answer);
                spawn_local(serve(stream, Rc::clone(&seen), move |request| {
                    answer(number, request)
                }));
            }
        });
        server
    }

    fn url(&self) -> url::Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    fn seen(&self, index: usize) -> String {
        self.seen.borrow()[index].clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: Rc<RefCell<Vec<String>>>,
    answer: impl Fn(&str) -> Answer,
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.borrow_mut().push(request.clone());
        let (bytes, then) = answer(&request);
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match then {
            Then::Close => break,
            Then::KeepAlive => {}
            Then::Hold => std::future::pending().await,
        }
    }
    let _ = stream.shutdown().await;
}

/// A head and the body that it announces; nothing at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = memchr::memmem::find(&request, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let body = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if request.len() >= end + 4 + body {
                return Some(String::from_utf8(request).unwrap());
            }
        }
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// A response with a length.
fn ok(body: &str) -> Vec<u8> {
    response("200 OK", "", body.as_bytes())
}

/// `headers` are whole lines.
fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn dial_settings(url: url::Url) -> DialSettings {
    DialSettings {
        url,
        tls: Tls::default(),
        proxy: None,
        connect_to: Vec::new(),
        ip_family: None,
        source_addresses: Vec::new(),
    }
}

fn http_by(dial: &DialSettings, profile: Profile) -> Http {
    http_with(dial, profile, false, &[])
}

fn http_with(dial: &DialSettings, profile: Profile, credentials: bool, names: &[&str]) -> Http {
    http_led_to(dial, profile, credentials, (names, &[]))
}

/// With these origins besides the target's to which redirects may lead.
fn http_led_to(
    dial: &DialSettings,
    profile: Profile,
    credentials: bool,
    (names, redirects): (&[&str], &[String]),
) -> Http {
    let dialer = Dialer::new(dial, Rc::default()).unwrap();
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let config = HttpConfig {
        profile,
        revision: EngineRevision::V4,
        with_credentials: credentials,
        compression: true,
        budget: &Budget::of(usize::MAX),
        redirects,
        header_names: &names,
    };
    Http::new(Rc::new(Settings::new(Rc::new(dialer), config).unwrap()), 0)
}

fn node(url: url::Url) -> Http {
    http_by(&dial_settings(url), Profile::Node)
}

fn get(path: &str) -> Request<'static> {
    Request {
        opens: false,
        method: Method::Get,
        path_and_query: path.to_owned(),
        body: None,
        octet_stream: false,
        headers: &[],
    }
}

fn post(path: &str, body: &'static str) -> Request<'static> {
    Request {
        method: Method::Post,
        body: Some(Bytes::from_static(body.as_bytes())),
        ..get(path)
    }
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (name.parse().unwrap(), value.parse().unwrap())
}

async fn end_of(http: &mut Http, request: Request<'_>) -> ExchangeEnd {
    let mut exchange = http.request(request, &http.cookies());
    let end = poll_fn(|cx| exchange.poll(cx)).await;
    http.finish(exchange);
    end
}

async fn response_to(http: &mut Http, request: Request<'_>) -> Response {
    end_of(http, request).await.result.unwrap()
}

async fn failure_of(http: &mut Http, request: Request<'_>) -> crate::event::Failure {
    end_of(http, request).await.result.unwrap_err()
}

async fn handshake(http: &mut Http, path: &str) -> HandshakeEnd {
    let mut handshake = http.open_websocket(path, &[], &http.cookies());
    poll_fn(|cx| handshake.poll(cx)).await
}

/// A listener that hands its first connection to `act`.
async fn peer<F: Future<Output = ()> + 'static>(
    act: impl FnOnce(TcpStream) -> F + 'static,
) -> url::Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        act(stream).await;
    });
    format!("http://{address}").parse().unwrap()
}
