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
    /// WebSocket handshakes are never answered; polling works.
    WebSocketSwallowed,
    /// WebSocket handshakes are passed on after four seconds; polling works.
    WebSocketLate,
    /// Upgrades lose their `2probe`.
    ProbeLost,
    /// Upgrades lose their `3probe`.
    PongLost,
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
        Misbehaviour::ProbeLost if is_probe => pass_on(&accepted, &request, Some(Lost::Probe)),
        Misbehaviour::PongLost if is_probe => pass_on(&accepted, &request, Some(Lost::Pong)),
        Misbehaviour::WebSocketRefused
        | Misbehaviour::WebSocketSwallowed
        | Misbehaviour::ProbeLost
        | Misbehaviour::PongLost => pass_on(&accepted, &request, None),
        Misbehaviour::Silent => swallow(&accepted.client),
        Misbehaviour::Status(status) => {
            let page = format!("<html><body><h1>{status}</h1></body></html>");
            answer(&accepted.client, status, &page, page.len())
        }
        Misbehaviour::Html => {
            let page = "<!DOCTYPE html><html><body>It works!</body></html>";
            answer(&accepted.client, 200, page, page.len())
        }
        Misbehaviour::EmptyBody => answer(&accepted.client, 200, "", 0),
        Misbehaviour::HalfBody => answer(&accepted.client, 200, "0{\"sid\":\"", 96),
        Misbehaviour::ResetOnConnect => unreachable!("reset above"),
    }
}

enum Lost {
    Probe,
    Pong,
}

/// Passes everything on but, maybe, the first frame of one side.
fn pass_on(accepted: &Accepted, request: &[u8], lost: Option<Lost>) -> io::Result<()> {
    let server = accepted.connect()?;
    let client = Arc::clone(&accepted.client);
    (&*server).write_all(request)?;
    let back = (Arc::clone(&server), Arc::clone(&client));
    let is_pong_lost = matches!(lost, Some(Lost::Pong));
    std::thread::spawn(move || pass_back(&back.0, &back.1, is_pong_lost));
    if matches!(lost, Some(Lost::Probe)) {
        let rest = lose_frame(&client, Vec::new())?;
        (&*server).write_all(&rest)?;
    }
    relay::copy(&client, &server, |_| {})
}

fn pass_back(server: &TcpStream, mut client: &TcpStream, is_pong_lost: bool) -> io::Result<()> {
    if is_pong_lost {
        let mut response = read_head(server)?;
        let (_, length) = Head::parse(&response).expect("a whole head");
        let frames = response.split_off(length);
        client.write_all(&response)?;
        let rest = lose_frame(server, frames)?;
        client.write_all(&rest)?;
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
