use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::http::{Frame, Head};
use super::relay::{self, Accepted, Relay};

/// What a proxy in front of a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// WebSocket handshakes are answered with 403; polling works.
    WebSocketRefused,
    /// WebSocket handshakes are answered with 400 and this text; polling works.
    WebSocketRefusedWith(&'static str),
    /// WebSocket handshakes are never answered; polling works.
    WebSocketSwallowed,
    /// WebSocket handshakes are passed on after four seconds; polling works.
    WebSocketLate,
    /// Upgrades lose their `2probe`.
    ProbeLost,
    /// Upgrades lose their `3probe`.
    PongLost,
    /// Upgrades get a noop before their `3probe`.
    PongPreceded,
    /// Polls of a session are answered with this status; all else works.
    PollStatus(u16),
    /// POSTs are answered with this status; all else works.
    PostStatus(u16),
    /// Every request is answered with this status and the body that nginx would send.
    Status(u16),
    /// Every connection is reset once it is accepted.
    ResetOnConnect,
    /// Nothing is ever answered.
    Silent,
    /// Every request is answered with 200 and a page.
    Html,
    /// Every request is answered with 200 and nothing.
    EmptyBody,
    /// Every response breaks off in the middle of its body.
    HalfBody,
}

/// A proxy that misbehaves.
#[derive(Debug)]
pub(crate) struct Misbehaving {
    relay: Relay,
}

impl Misbehaving {
    /// Stands before a server.
    #[must_use]
    pub(crate) fn start(server: SocketAddr, how: Misbehaviour) -> Self {
        Self {
            relay: Relay::start(server, move |accepted| move || serve(accepted, how)),
        }
    }

    /// Where to connect in place of the server.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.relay.address())
    }
}

fn serve(accepted: Accepted, how: Misbehaviour) -> io::Result<()> {
    if how == Misbehaviour::ResetOnConnect {
        return reset(&accepted.client);
    }
    let request = read_head(&accepted.client)?;
    let Some((head, _)) = Head::parse(&request) else {
        return Ok(());
    };
    let is_probe = head.is_upgrade() && head.word().contains("sid=");
    let is_poll =
        !head.is_upgrade() && head.start.starts_with("GET") && head.word().contains("sid=");
    let is_post = head.start.starts_with("POST");
    match how {
        Misbehaviour::WebSocketRefused if head.is_upgrade() => {
            answer(&accepted.client, 403, "Forbidden", 9)
        }
        Misbehaviour::WebSocketSwallowed if head.is_upgrade() => swallow(&accepted.client),
        Misbehaviour::WebSocketLate => {
            if head.is_upgrade() {
                std::thread::sleep(Duration::from_secs(4));
            }
            pass_on(&accepted, &request, None)
        }
        Misbehaviour::WebSocketRefusedWith(text) if head.is_upgrade() => {
            answer(&accepted.client, 400, text, text.len())
        }
        Misbehaviour::ProbeLost if is_probe => pass_on(&accepted, &request, Some(Amiss::ProbeLost)),
        Misbehaviour::PongLost if is_probe => pass_on(&accepted, &request, Some(Amiss::PongLost)),
        Misbehaviour::PongPreceded if is_probe => {
            pass_on(&accepted, &request, Some(Amiss::PongPreceded))
        }
        Misbehaviour::PollStatus(status) if is_poll => answer_page(&accepted.client, status),
        Misbehaviour::PostStatus(status) if is_post => answer_page(&accepted.client, status),
        Misbehaviour::WebSocketRefused
        | Misbehaviour::WebSocketRefusedWith(_)
        | Misbehaviour::WebSocketSwallowed
        | Misbehaviour::ProbeLost
        | Misbehaviour::PongLost
        | Misbehaviour::PongPreceded
        | Misbehaviour::PollStatus(_)
        | Misbehaviour::PostStatus(_) => pass_on(&accepted, &request, None),
        Misbehaviour::Silent => swallow(&accepted.client),
        Misbehaviour::Status(status) => answer_page(&accepted.client, status),
        Misbehaviour::Html => {
            let page = "<!DOCTYPE html><html><body>It works!</body></html>";
            answer(&accepted.client, 200, page, page.len())
        }
        Misbehaviour::EmptyBody => answer(&accepted.client, 200, "", 0),
        Misbehaviour::HalfBody => answer(&accepted.client, 200, "0{\"sid\":\"", 96),
        Misbehaviour::ResetOnConnect => unreachable!("reset above"),
    }
}

/// What is wrong with the first frames of a probe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Amiss {
    ProbeLost,
    PongLost,
    PongPreceded,
}

/// Passes everything on, but for what is to be amiss.
fn pass_on(accepted: &Accepted, request: &[u8], amiss: Option<Amiss>) -> io::Result<()> {
    let server = accepted.connect()?;
    let client = Arc::clone(&accepted.client);
    (&*server).write_all(request)?;
    let back = (Arc::clone(&server), Arc::clone(&client));
    std::thread::spawn(move || pass_back(&back.0, &back.1, amiss));
    if amiss == Some(Amiss::ProbeLost) {
        let rest = lose_frame(&client, Vec::new())?;
        (&*server).write_all(&rest)?;
    }
    relay::copy(&client, &server, |_| {})
}

fn pass_back(server: &TcpStream, mut client: &TcpStream, amiss: Option<Amiss>) -> io::Result<()> {
    const NOOP: [u8; 3] = [0x81, 1, b'6'];
    if let Some(Amiss::PongLost | Amiss::PongPreceded) = amiss {
        let mut response = read_head(server)?;
        let (_, length) = Head::parse(&response).expect("a whole head");
        let mut frames = response.split_off(length);
        client.write_all(&response)?;
        if amiss == Some(Amiss::PongLost) {
            frames = lose_frame(server, frames)?;
        } else {
            client.write_all(&NOOP)?;
        }
        client.write_all(&frames)?;
    }
    relay::copy(server, client, |_| {})
}

/// Takes one frame off the stream, which begins with `bytes`; returns what came after it.
fn lose_frame(mut stream: &TcpStream, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some((_, length)) = Frame::parse(&bytes) {
            return Ok(bytes.split_off(length));
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Reads until a head is complete; what follows it in the same piece is kept.
fn read_head(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while Head::parse(&bytes).is_none() {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(bytes)
}

/// Answers with the page that nginx would show.
fn answer_page(client: &TcpStream, status: u16) -> io::Result<()> {
    let page = format!("<html><body><h1>{status}</h1></body></html>");
    answer(client, status, &page, page.len())
}

/// Answers with a body that is said to have `length` bytes, and closes.
fn answer(mut client: &TcpStream, status: u16, body: &str, length: usize) -> io::Result<()> {
    write!(
        client,
        "HTTP/1.1 {status} Said So\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    client.shutdown(Shutdown::Write)?;
    // A request whose body is unread would turn the close into a reset.
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    let _ = io::copy(&mut client, &mut io::sink());
    Ok(())
}

fn swallow(mut client: &TcpStream) -> io::Result<()> {
    io::copy(&mut client, &mut io::sink()).map(drop)
}

fn reset(client: &TcpStream) -> io::Result<()> {
    SockRef::from(client).set_linger(Some(Duration::ZERO))
}
