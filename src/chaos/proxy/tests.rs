//! The proxy over real sockets: what connections feel at their ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::fault::Toxic;
use crate::fault::idle::IdleTimeout;
use crate::fault::listener::{Down, Restart};
use crate::fault::request::{Blocked, Status, WebSocketBlocked};
use crate::fault::toxic::{
    Direction, Latency, LimitData, Reach, ResetPeer, Slicer, Timeout, ToxicKind,
};
use crate::scenario::{self, Overrides};
use crate::units::{ByteSize, Share};

/// Longer than anything takes, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(20);

/// A proxy before a listener.
struct Pipe {
    proxy: ProxyThread,
    listener: TcpListener,
    address: SocketAddr,
}

impl Pipe {
    /// With a proxy that is made for this fault.
    async fn new(fault: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let text = format!(
            "name = \"way\"\nduration = \"1h\"\nseed = 1\n[target]\nurl = \"{url}\"\n\
             [[clients]]\nname = \"a\"\ncount = 1\n[[clients]]\nname = \"b\"\ncount = 1\n\
             [[chaos]]\nat = \"1s\"\npopulation = \"b\"\n{fault}"
        );
        let plan = match scenario::parse(&text, "way.toml", &Overrides::default()) {
            Ok(plan) => plan,
            Err(problems) => panic!("{}", problems.render(false)),
        };
        let started = ProxyThread::start(&plan, &url.parse().unwrap(), None).await;
        let proxy = started.unwrap().expect("the plan has a fault on the way");
        assert_eq!(proxy.ways()[0], None, "nothing touches this population");
        let address = proxy.ways()[1].expect("a way");
        Self {
            proxy,
            listener,
            address,
        }
    }

    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).await.unwrap();
        (client, self.accept().await)
    }

    async fn accept(&self) -> TcpStream {
        in_time(self.listener.accept()).await.unwrap().0
    }

    async fn lay(&self, toxic: impl Into<ToxicKind>) -> Laid {
        self.lay_on(toxic, Share::ALL, Direction::Downstream).await
    }

    async fn lay_on(
        &self,
        toxic: impl Into<ToxicKind>,
        toxicity: Share,
        direction: Direction,
    ) -> Laid {
        self.lay_path(PathFault::Toxic(Toxic {
            kind: toxic.into(),
            reach: Reach {
                toxicity,
                direction,
            },
        }))
        .await
    }

    async fn lay_path(&self, path: PathFault) -> Laid {
        let control = self.proxy.control();
        control.lay(StrikeId(1), None, &path).await.unwrap()
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(LIMIT, work).await;
    ended.expect("it happens in time")
}

/// What comes until the end, or how it ends otherwise.
async fn rest(stream: &mut TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut all = Vec::new();
    let read = in_time(stream.read_to_end(&mut all)).await;
    read.map(|_| all).map_err(|error| error.kind())
}

async fn expect(stream: &mut TcpStream, wanted: &[u8]) {
    let mut came = vec![0; wanted.len()];
    in_time(stream.read_exact(&mut came)).await.unwrap();
    assert_eq!(came, wanted);
}

/// A conversation that shows that both ways are open.
async fn greet(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"ping").await.unwrap();
    expect(server, b"ping").await;
    server.write_all(b"pong").await.unwrap();
    expect(client, b"pong").await;
}

const LATENCY: &str = "fault = \"latency\"\nlatency = \"1s\"";
const STATUS: &str = "fault = \"status\"";

fn blocked(how: Blocked) -> PathFault {
    PathFault::Request(WebSocketBlocked { how }.into())
}

fn nothing_through() -> Timeout {
    Timeout {
        delay: Duration::ZERO,
    }
}

#[tokio::test]
async fn a_fin_is_passed_on_as_a_fin_and_the_other_way_stays_open() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, Ok(b"last".to_vec()));
    server.write_all(b"still here").await.unwrap();
    expect(&mut client, b"still here").await;
    drop(server);
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset_either_way() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    relay::reset_on_drop(&client);
    drop(client);
    assert_eq!(rest(&mut server).await, Err(ErrorKind::ConnectionReset));
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    relay::reset_on_drop(&server);
    drop(server);
    assert_eq!(rest(&mut client).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn much_passes_unchanged_with_and_without_a_toxic() {
    let way = Pipe::new(LATENCY).await;
    let slicer = Slicer {
        size: ByteSize(700),
        delay: Duration::ZERO,
    };
    let all: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for is_sliced in [false, true] {
        let (mut client, mut server) = way.connect().await;
        let laid = match is_sliced {
            true => Some(way.lay_on(slicer, Share::ALL, Direction::Both).await),
            false => None,
        };
        let sent = all.clone();
        let sending = tokio::spawn(async move {
            server.write_all(&sent).await.unwrap();
        });
        assert!(rest(&mut client).await.unwrap() == all);
        sending.await.unwrap();
        drop(laid);
    }
}

#[tokio::test]
async fn a_slow_receiver_holds_back_the_sender() {
    let way = Pipe::new(LATENCY).await;
    let (_client, server) = way.connect().await;
    // The kernel's buffers take some megabytes; whoever buffers without bound takes all.
    let piece = vec![0; 1 << 20];
    let mut sent = 0;
    let writing = async {
        loop {
            server.writable().await.unwrap();
            match server.try_write(&piece) {
                Ok(written) => sent += written,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            assert!(sent < 200 << 20, "everything was taken");
        }
    };
    // Never ready: either the sender is held back until the time is over, or it panics.
    let held_back = tokio::time::timeout(Duration::from_secs(2), writing).await;
    held_back.map(|(): ()| ()).unwrap_err();
}

#[tokio::test]
async fn toxics_reach_connections_that_are_open_and_let_go_of_them() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let latency = Latency {
        latency: LIMIT * 10,
        jitter: Duration::ZERO,
    };
    let laid = way.lay(latency).await;
    server.write_all(b"late").await.unwrap();
    // The other way is not touched.
    client.write_all(b"soon").await.unwrap();
    expect(&mut server, b"soon").await;
    let touched = laid.touched().unwrap();
    assert_eq!((touched.connections(), touched.requests()), (1, None));
    laid.lift().await.unwrap();
    expect(&mut client, b"late").await;
    greet(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_fault_that_is_dropped_is_lifted() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let laid = way.lay(nothing_through()).await;
    drop(laid);
    // What was silenced is closed; what comes then is well.
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
}

#[tokio::test]
async fn reset_peer_resets_both_sides() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let reset = ResetPeer {
        delay: Duration::from_millis(20),
    };
    let _laid = way.lay_on(reset, Share::ALL, Direction::Upstream).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(rest(&mut client).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(rest(&mut server).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn toxicity_chooses_connections_and_the_same_seed_chooses_the_same() {
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let way = Pipe::new(LATENCY).await;
        let close = LimitData { bytes: ByteSize(0) };
        let half = Share::new(0.5).unwrap();
        let laid = way.lay_on(close, half, Direction::Upstream).await;
        let mut hit = Vec::new();
        for _ in 0..24 {
            let (mut client, mut server) = way.connect().await;
            client.write_all(b"x").await.unwrap();
            let mut byte = [0; 1];
            hit.push(in_time(server.read(&mut byte)).await.unwrap_or(0) == 0);
        }
        let count = hit.iter().filter(|hit| **hit).count();
        assert_eq!(laid.touched().unwrap().connections(), count as u64);
        assert!((4..20).contains(&count), "{count}");
        drawn.push(hit);
    }
    assert_eq!(drawn[0], drawn[1]);
}

#[tokio::test]
async fn while_it_is_down_the_port_refuses_and_then_it_is_the_same_port_again() {
    let way = Pipe::new("fault = \"down\"").await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let laid = way.lay_path(PathFault::Listener(Down.into())).await;
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
    assert_eq!(rest(&mut server).await, Ok(Vec::new()));
    let refused = TcpStream::connect(way.address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(laid.touched().unwrap().connections(), 1);
    laid.lift().await.unwrap();
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_restart_cuts_everything_and_listens_at_once() {
    let way = Pipe::new("fault = \"restart\"").await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let laid = way.lay_path(PathFault::Listener(Restart.into())).await;
    let (mut next, mut next_server) = way.connect().await;
    greet(&mut next, &mut next_server).await;
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
    assert_eq!(laid.touched().unwrap().connections(), 1);
}

#[tokio::test]
async fn idle_connections_are_closed_and_busy_ones_are_not() {
    let way = Pipe::new("fault = \"idle_timeout\"").await;
    let (mut idle, mut idle_server) = way.connect().await;
    let (mut busy, mut busy_server) = way.connect().await;
    greet(&mut idle, &mut idle_server).await;
    let after = Duration::from_secs(2);
    let idle_timeout = PathFault::Idle(IdleTimeout { after }.into());
    let laid = way.lay_path(idle_timeout).await;
    let closing = rest(&mut idle);
    tokio::pin!(closing);
    let closed = loop {
        tokio::select! {
            closed = &mut closing => break closed,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                greet(&mut busy, &mut busy_server).await;
            }
        }
    };
    assert_eq!(closed, Ok(Vec::new()));
    greet(&mut busy, &mut busy_server).await;
    assert_eq!(laid.touched().unwrap().connections(), 1);
}

const GET: &[u8] = b"GET /socket.io/ HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const UPGRADE: &[u8] = b"GET /socket.io/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
Upgrade: websocket\r\n\r\n";

#[tokio::test]
async fn a_status_is_answered_in_the_middle_of_a_connection_that_is_kept_alive() {
    let way = Pipe::new(STATUS).await;
    let mut client = TcpStream::connect(way.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let mut server = way.accept().await;
    expect(&mut server, GET).await;
    server.write_all(OK).await.unwrap();
    expect(&mut client, OK).await;
    let share = Share::ALL;
    let status = PathFault::Request(Status { status: 503, share }.into());
    let laid = way.lay_path(status).await;
    client.write_all(GET).await.unwrap();
    let answer = String::from_utf8(rest(&mut client).await.unwrap()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("</body></html>\n"), "{answer}");
    assert_eq!(
        rest(&mut server).await,
        Ok(Vec::new()),
        "the request went on"
    );
    let touched = laid.touched().unwrap();
    assert_eq!((touched.connections(), touched.requests()), (1, Some(1)));
}

#[tokio::test]
async fn websockets_are_refused_swallowed_or_stripped_and_polling_passes() {
    let way = Pipe::new("fault = \"websocket_blocked\"").await;
    let laid = way.lay_path(blocked(Blocked::Refused)).await;
    let mut client = TcpStream::connect(way.address).await.unwrap();
    client.write_all(UPGRADE).await.unwrap();
    let answer = rest(&mut client).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
    laid.lift().await.unwrap();

    let laid = way.lay_path(blocked(Blocked::Stripped)).await;
    let mut client = TcpStream::connect(way.address).await.unwrap();
    client.write_all(UPGRADE).await.unwrap();
    let mut server = way.accept().await;
    expect(&mut server, GET).await;
    laid.lift().await.unwrap();

    let laid = way.lay_path(blocked(Blocked::Swallowed)).await;
    let mut client = TcpStream::connect(way.address).await.unwrap();
    client.write_all(UPGRADE).await.unwrap();
    let mut polling = TcpStream::connect(way.address).await.unwrap();
    polling.write_all(GET).await.unwrap();
    let mut server = way.accept().await;
    expect(&mut server, GET).await;
    assert_eq!(laid.touched().unwrap().requests(), Some(1));
    laid.lift().await.unwrap();
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
    server.write_all(OK).await.unwrap();
    expect(&mut polling, OK).await;
}

#[tokio::test]
async fn without_a_server_a_connection_ends() {
    let way = Pipe::new(LATENCY).await;
    let Pipe {
        proxy: _network,
        listener,
        address,
    } = way;
    drop(listener);
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_proxy_that_is_dropped_leaves_nothing_behind() {
    let way = Pipe::new(LATENCY).await;
    let (mut client, mut server) = way.connect().await;
    greet(&mut client, &mut server).await;
    let control = way.proxy.control();
    drop(way.proxy);
    assert_eq!(rest(&mut client).await, Ok(Vec::new()));
    let path = PathFault::Listener(Down.into());
    let gone = control.lay(StrikeId(2), None, &path).await.unwrap_err();
    assert!(matches!(gone, ProxyError::Gone));
}
