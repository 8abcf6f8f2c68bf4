//! A network that is not sound, on real sockets: what the peer and the client see of it.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::*;
use crate::clock;

const SILENT: Conditions = Conditions {
    silent: true,
    loss: 0.0,
    read_rate: None,
};

/// Long enough for anything to come through on loopback, were it let through.
const A_WHILE: Duration = Duration::from_millis(300);

/// A server on one connection: what it is told to write, and all that it reads, with the end.
struct Peer {
    url: url::Url,
    write: mpsc::UnboundedSender<Vec<u8>>,
    read: mpsc::UnboundedReceiver<Result<Vec<u8>, ErrorKind>>,
}

impl Peer {
    async fn start() -> Self {
        let (write, mut to_write) = mpsc::unbounded_channel::<Vec<u8>>();
        let (report, read) = mpsc::unbounded_channel();
        let url = peer(|stream| async move {
            let (mut reading, mut writing) = stream.into_split();
            spawn_local(async move {
                while let Some(bytes) = to_write.recv().await {
                    let _ = writing.write_all(&bytes).await;
                }
                std::future::pending::<()>().await;
            });
            let mut buffer = vec![0; 65_536];
            loop {
                let end = match reading.read(&mut buffer).await {
                    Ok(count) => report
                        .send(Ok(buffer[..count].to_vec()))
                        .map(|()| count == 0),
                    Err(error) => report.send(Err(error.kind())).map(|()| true),
                };
                if end != Ok(false) {
                    return;
                }
            }
        })
        .await;
        Self { url, write, read }
    }

    async fn request(&mut self) {
        let request = self.read.recv().await.unwrap().unwrap();
        assert!(request.starts_with(b"GET"), "{request:?}");
    }

    /// That nothing comes to the server, not even an end.
    async fn hears_nothing(&mut self) {
        let heard = timeout(A_WHILE, self.read.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    fn answer(&self, body: &str) {
        self.write.send(ok(body)).unwrap();
    }
}

#[test]
fn through_silence_nothing_comes_until_it_ends() {
    run(async {
        let mut peer = Peer::start().await;
        let mut http = node(peer.url.clone());
        let mut exchange = http.request(get("/"), &Cookies::default());
        tokio::select! {
            _ = poll_fn(|cx| exchange.poll(cx)) => panic!("the request is held"),
            () = peer.request() => {}
        }
        let network = Rc::clone(http.network());
        network.set(SILENT);
        exchange.join(&network).unwrap();
        peer.answer("late");
        let answered = timeout(A_WHILE, poll_fn(|cx| exchange.poll(cx))).await;
        assert!(answered.is_err(), "nothing came in");
        network.set(Conditions::default());
        exchange.join(&network).unwrap();
        // The peer's kernel has repeated it all the while.
        let end = poll_fn(|cx| exchange.poll(cx)).await;
        assert_eq!(end.result.unwrap().body, "late");
    });
}

#[test]
fn what_is_written_into_silence_goes_out_when_it_ends() {
    run(async {
        let mut peer = Peer::start().await;
        let dialed = node(peer.url.clone()).settings().dialer().dial(0).await;
        let mut stream = dialed.unwrap().stream;
        let network = Rc::new(LinkConditions::new(0, SILENT));
        stream.tcp().join(&network).unwrap();
        let written = timeout(A_WHILE, stream.write_all(b"GET")).await;
        assert!(written.is_err(), "it is held back");
        peer.hears_nothing().await;
        network.set(Conditions::default());
        stream.write_all(b"GET /").await.unwrap();
        peer.request().await;
    });
}

#[test]
fn a_connection_that_is_dropped_in_silence_ends_when_it_is_over() {
    run(async {
        let mut peer = Peer::start().await;
        let dialed = node(peer.url.clone()).settings().dialer().dial(0).await;
        let stream = dialed.unwrap().stream;
        let network = Rc::new(LinkConditions::new(0, SILENT));
        stream.tcp().join(&network).unwrap();
        drop(stream);
        peer.hears_nothing().await;
        network.set(Conditions::default());
        assert_eq!(peer.read.recv().await.unwrap(), Ok(Vec::new()), "FIN");
    });
}

#[test]
fn a_connection_that_was_left_behind_ends_with_its_network() {
    run(async {
        let mut peer = Peer::start().await;
        let dialed = node(peer.url.clone()).settings().dialer().dial(0).await;
        let stream = dialed.unwrap().stream;
        let network = Rc::new(LinkConditions::new(0, SILENT));
        stream.tcp().join(&network).unwrap();
        drop(stream);
        peer.hears_nothing().await;
        drop(network);
        assert_eq!(peer.read.recv().await.unwrap(), Ok(Vec::new()), "FIN");
    });
}

#[test]
fn who_dials_in_silence_gets_through_when_it_is_over() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut http = node(server.url());
        let network = Rc::clone(http.network());
        network.set(SILENT);
        let mut exchange = http.request(get("/"), &Cookies::default());
        let answered = timeout(A_WHILE, poll_fn(|cx| exchange.poll(cx))).await;
        assert!(answered.is_err());
        assert_eq!(server.connections.get(), 0);
        network.set(Conditions::default());
        let end = poll_fn(|cx| exchange.poll(cx)).await;
        assert_eq!(end.result.unwrap().body, "x");
        let tcp = end.timings.unwrap().tcp;
        assert!(
            tcp >= Duration::from_secs(1),
            "the first SYN was lost: {tcp:?}"
        );
    });
}

#[test]
fn after_a_change_of_network_the_server_sees_another_address() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut http = node(server.url());
        response_to(&mut http, get("/")).await;
        http.change_network(Rc::new(LinkConditions::new(1, Conditions::default())));
        response_to(&mut http, get("/")).await;
        let peers: Vec<_> = server.peers.borrow().iter().map(SocketAddr::ip).collect();
        assert_eq!(
            peers,
            ["127.0.0.1", "127.0.1.1"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap())
        );
    });
}

#[test]
fn lost_packets_are_sent_again() {
    run(async {
        let mut peer = Peer::start().await;
        let dialed = node(peer.url.clone()).settings().dialer().dial(0).await;
        let mut stream = dialed.unwrap().stream;
        let lossy = Conditions {
            loss: 0.5,
            ..Conditions::default()
        };
        stream
            .tcp()
            .join(&Rc::new(LinkConditions::new(0, lossy)))
            .unwrap();
        stream.write_all(b"GET /").await.unwrap();
        peer.request().await;
        let mut repeated = 0;
        // Half of the packets are lost: that none of a hundred was is as good as impossible.
        for number in 0..100u8 {
            let sent = clock::now();
            peer.write.send(vec![number]).unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), number);
            // The kernel's first repetition comes after 200 ms at the earliest.
            repeated += usize::from(sent.elapsed() >= Duration::from_millis(150));
            if repeated > 0 {
                break;
            }
        }
        assert!(repeated > 0);
    });
}

#[test]
fn a_slow_reader_reads_no_faster_than_it_should() {
    run(async {
        let peer = Peer::start().await;
        let dialed = node(peer.url.clone()).settings().dialer().dial(0).await;
        let mut stream = dialed.unwrap().stream;
        let slow = Conditions {
            read_rate: Some(10_000),
            ..Conditions::default()
        };
        let network = Rc::new(LinkConditions::new(0, slow));
        stream.tcp().join(&network).unwrap();
        peer.write.send(vec![7; 200_000]).unwrap();
        let began = clock::now();
        let mut bytes = vec![0; 5_000];
        stream.read_exact(&mut bytes).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(400));
        network.set(Conditions::default());
        let mut rest = vec![0; 195_000];
        timeout(Duration::from_secs(5), stream.read_exact(&mut rest))
            .await
            .unwrap()
            .unwrap();
        assert!(rest.iter().all(|byte| *byte == 7));
    });
}

#[test]
fn a_dial_that_times_out_in_silence_leaves_nothing_behind() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut http = node(server.url());
        http.network().set(SILENT);
        let mut exchange = http.request(get("/"), &Cookies::default());
        let _ = timeout(Duration::from_millis(50), poll_fn(|cx| exchange.poll(cx))).await;
        drop(exchange);
        http.network().set(Conditions::default());
        sleep(A_WHILE).await;
        assert_eq!(server.connections.get(), 0);
    });
}
