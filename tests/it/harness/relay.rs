use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

/// Accepts connections and gives each to a thread; all end when it is dropped.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// A socket is closed when those who use it have let it go, not when this list does.
    sockets: Mutex<Vec<Weak<TcpStream>>>,
}

/// One accepted connection, and the way to the server behind.
pub(super) struct Accepted {
    /// From 0, in the order of accepting.
    pub(super) number: usize,
    pub(super) client: Arc<TcpStream>,
    upstream: SocketAddr,
    shared: Arc<Shared>,
}

impl Relay {
    /// Listens on a port of its own. `serve` is called for each connection in the order of
    /// accepting; what it returns runs on a thread of its own.
    pub(super) fn start<Job>(
        upstream: SocketAddr,
        serve: impl Fn(Accepted) -> Job + Send + 'static,
    ) -> Self
    where
        Job: FnOnce() -> io::Result<()> + Send + 'static,
    {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), upstream, serve)
    }

    /// The same, on a port that is named.
    pub(super) fn start_at<Job>(
        listen: SocketAddr,
        upstream: SocketAddr,
        serve: impl Fn(Accepted) -> Job + Send + 'static,
    ) -> Self
    where
        Job: FnOnce() -> io::Result<()> + Send + 'static,
    {
        let listener = TcpListener::bind(listen).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared::default());
        let accepting = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, upstream, &shared, serve)
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection there is, both ways; new ones are welcome.
    pub(super) fn cut(&self) {
        let sockets = self.shared.sockets.lock().expect("no panic there");
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.cut();
    }
}

fn accept<Job>(
    listener: &TcpListener,
    upstream: SocketAddr,
    shared: &Arc<Shared>,
    serve: impl Fn(Accepted) -> Job,
) where
    Job: FnOnce() -> io::Result<()> + Send + 'static,
{
    for (number, client) in listener.incoming().enumerate() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let client = shared.keep(client);
        let job = serve(Accepted {
            number,
            client,
            upstream,
            shared: Arc::clone(shared),
        });
        // A connection that fails is what its peers will notice.
        std::thread::spawn(move || drop(job()));
    }
}

impl Shared {
    fn keep(&self, socket: TcpStream) -> Arc<TcpStream> {
        // A connection that has failed already shows it when it is used.
        let _ = socket.set_nodelay(true);
        let socket = Arc::new(socket);
        let mut sockets = self.sockets.lock().expect("no panic there");
        sockets.push(Arc::downgrade(&socket));
        socket
    }
}

impl Accepted {
    /// A connection to the server behind.
    pub(super) fn connect(&self) -> io::Result<Arc<TcpStream>> {
        TcpStream::connect(self.upstream).map(|server| self.shared.keep(server))
    }
}

/// Copies what comes from one side to the other until that side ends, then ends the other.
///
/// `see` gets each piece before it goes on, and an empty one at the end.
pub(super) fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    mut see: impl FnMut(&[u8]),
) -> io::Result<()> {
    use std::io::{Read as _, Write as _};
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // A reset ends a direction as the end of its stream does.
        let length = from.read(&mut buffer).unwrap_or(0);
        see(&buffer[..length]);
        if length == 0 {
            // The other side may be gone already.
            let _ = to.shutdown(Shutdown::Write);
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
    }
}
