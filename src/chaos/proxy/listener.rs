use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::ListenerSetup;
use super::active::{Active, Stop};
use super::connection::ProxiedConnection;
use super::pipe::Outcome;
use super::relay::{self, Relay, reset_on_drop};
use super::requests::{Requests, Ruling};
use super::upstream::Upstream;
use crate::clock;
use crate::event::{PopulationId, StrikeId};
use crate::fault::{ListenerFault, PathFault};
use crate::server::http::{RequestHead, linger, read_more};

/// A herd arrives within milliseconds: the queue is as long as kernels allow by default.
const ACCEPT_QUEUE: u32 = 4096;

/// A population's way: an address to connect to, and the connections that came.
pub(super) struct Listener {
    pub(super) population: PopulationId,
    address: SocketAddr,
    upstream: Upstream,
    /// Whether faults may come that have to know requests.
    reads_http: bool,
    /// Bound and never listening: nobody else gets the port while nothing listens on it.
    _port: Socket,
    accepting: RefCell<Option<JoinHandle<()>>>,
    active: RefCell<Vec<Rc<Active>>>,
    open: RefCell<HashMap<u32, ServedConnection>>,
    /// Connections are numbered over all listeners.
    next: Rc<Cell<u32>>,
}

/// A connection that is served.
struct ServedConnection {
    link: Rc<ProxiedConnection>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Reserves an address for a population; port 0 takes a free one.
    pub(super) fn new(
        address: SocketAddr,
        setup: &ListenerSetup,
        upstream: Upstream,
        next: Rc<Cell<u32>>,
    ) -> io::Result<Self> {
        let port = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        port.set_reuse_address(true)?;
        port.bind(&address.into())?;
        let address = port
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            population: setup.population,
            address,
            upstream,
            reads_http: setup.reads_http,
            _port: port,
            accepting: RefCell::default(),
            active: RefCell::default(),
            open: RefCell::default(),
            next,
        })
    }

    /// Where the population's clients connect.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes connections from now on.
    pub(super) fn listen(self: &Rc<Self>) -> io::Result<()> {
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        let listener = socket.listen(ACCEPT_QUEUE)?;
        let accepting = tokio::task::spawn_local(accept(listener, Rc::clone(self)));
        self.accepting.replace(Some(accepting));
        Ok(())
    }

    /// A fault begins.
    pub(super) async fn lay(self: &Rc<Self>, active: &Rc<Active>) -> io::Result<()> {
        match active.path {
            PathFault::Listener(ListenerFault::Restart(_)) => self.restart(active).await,
            PathFault::Listener(ListenerFault::Down(_)) => {
                self.active.borrow_mut().push(Rc::clone(active));
                self.restart(active).await
            }
            PathFault::Toxic(_) | PathFault::Request(_) | PathFault::Idle(_) => {
                self.active.borrow_mut().push(Rc::clone(active));
                let now = clock::now();
                for connection in self.open.borrow().values() {
                    connection.link.lay(active, now);
                }
                Ok(())
            }
        }
    }

    /// Cuts every connection, and listens again unless a fault forbids it.
    async fn restart(self: &Rc<Self>, active: &Active) -> io::Result<()> {
        self.deafen().await;
        active.touched.add_connections(self.cut().await);
        self.listen_unless_down()
    }

    /// A fault is over.
    pub(super) fn lift(self: &Rc<Self>, fault: StrikeId) -> io::Result<()> {
        let mut active = self.active.borrow_mut();
        let Some(place) = active.iter().position(|active| active.fault == fault) else {
            return Ok(());
        };
        let lifted = active.remove(place);
        drop(active);
        for connection in self.open.borrow().values() {
            connection.link.lift(fault);
        }
        if is_down(&lifted) {
            self.listen_unless_down()?;
        }
        Ok(())
    }

    fn listen_unless_down(self: &Rc<Self>) -> io::Result<()> {
        if self.active.borrow().iter().any(is_down) {
            return Ok(());
        }
        self.listen()
    }

    /// Takes no more connections; returns when the port refuses them.
    async fn deafen(&self) {
        let accepting = self.accepting.take();
        if let Some(accepting) = accepting {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    /// Cuts every connection; returns how many they were.
    async fn cut(&self) -> u64 {
        let open = self.open.take();
        let count = open.len() as u64;
        for connection in open.values() {
            connection.task.abort();
        }
        for connection in open.into_values() {
            let _ = connection.task.await;
        }
        count
    }

    /// What becomes of a request.
    pub(super) fn rule(&self, head: &RequestHead, link: &ProxiedConnection) -> Ruling<Stop> {
        let mut ruling = Ruling::Pass;
        for active in self.active.borrow().iter() {
            let by_this = active.rule(head);
            if by_this != Ruling::Pass {
                link.feel(active);
                ruling = by_this;
            }
            if matches!(ruling, Ruling::Stop(_)) {
                break;
            }
        }
        ruling
    }

    fn is_active(&self, fault: StrikeId) -> bool {
        let active = self.active.borrow();
        active.iter().any(|active| active.fault == fault)
    }

    fn take(self: &Rc<Self>, client: TcpStream) {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let link = Rc::new(ProxiedConnection::new(number));
        let now = clock::now();
        for active in self.active.borrow().iter() {
            link.lay(active, now);
        }
        let listener = Rc::clone(self);
        let served = Rc::clone(&link);
        let task = tokio::task::spawn_local(async move {
            listener.serve(client, &served).await;
            listener.open.borrow_mut().remove(&number);
        });
        self.open
            .borrow_mut()
            .insert(number, ServedConnection { link, task });
    }

    /// Serves a client until its connection is over.
    async fn serve(&self, mut client: TcpStream, link: &Rc<ProxiedConnection>) {
        // A connection that fails here is gone already, which reading will tell.
        let _ = client.set_nodelay(true);
        let outcome = self.pass(&mut client, link).await;
        match outcome {
            Outcome::Over => {}
            Outcome::Reset => reset_on_drop(&client),
            Outcome::Stopped(Stop::Withhold(fault)) => {
                relay::withhold(&mut client, link, || self.is_active(fault)).await;
            }
            Outcome::Stopped(Stop::Answer(bytes)) => {
                match relay::answer(&mut client, link, bytes).await {
                    Outcome::Reset => reset_on_drop(&client),
                    Outcome::Over | Outcome::Stopped(_) => {
                        // Only its peer could mind.
                        let _ = linger(&client).await;
                    }
                }
            }
        }
    }

    async fn pass(&self, client: &mut TcpStream, link: &Rc<ProxiedConnection>) -> Outcome {
        let mut first = Vec::new();
        let mut requests = None;
        if self.reads_http {
            // As a load balancer, it looks for a server when it has a request.
            match self.first_request(client, link, &mut first).await {
                Ok(found) => requests = Some(found),
                Err(outcome) => return outcome,
            }
        }
        let source = client.peer_addr().map(|peer| peer.ip()).ok();
        let Ok(mut server) = self.upstream.connect(source).await else {
            // As Toxiproxy does it: the client had its connection, and it ends.
            return Outcome::Over;
        };
        let carry = Relay::new(self, link, requests, first);
        let outcome = carry.run(client, &mut server).await;
        if matches!(outcome, Outcome::Reset) {
            reset_on_drop(&server);
        }
        outcome
    }

    async fn first_request(
        &self,
        client: &TcpStream,
        link: &ProxiedConnection,
        onward: &mut Vec<u8>,
    ) -> Result<Requests, Outcome> {
        let mut requests = Requests::new();
        let mut bytes = Vec::new();
        while onward.is_empty() {
            match read_more(client, &mut bytes).await {
                Ok(0) => return Err(Outcome::Over),
                Ok(_) => {}
                Err(_) => return Err(Outcome::Reset),
            }
            let stopped = requests.take(&bytes, onward, |head| self.rule(head, link));
            if let Some(stop) = stopped {
                return Err(Outcome::Stopped(stop));
            }
            bytes.clear();
        }
        Ok(requests)
    }
}

/// Whether nothing listens while this fault lasts.
fn is_down(active: &Rc<Active>) -> bool {
    matches!(active.path, PathFault::Listener(ListenerFault::Down(_)))
}

/// Takes connections until dropped.
async fn accept(socket: TcpListener, listener: Rc<Listener>) {
    loop {
        match socket.accept().await {
            Ok((client, _)) => listener.take(client),
            // Out of descriptors, mostly: the connection stays in the queue until some are free.
            Err(error) => {
                listener.upstream.shortage.note(&error);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
