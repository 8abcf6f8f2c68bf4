//! The server that `sio-load serve` is: socketioxide over hyper on one thread.
//!
//! [`Options`] come in, a listening Socket.IO server of both revisions goes out, with a log that
//! says what it did. It never decides anything about a run: it is a target like any other, and a
//! process of its own, so that killing it is real.
//!
//! Every namespace is accepted. The events that it knows:
//!
//! | event | with an ack request | without |
//! |---|---|---|
//! | `echo` | acked with its arguments | emitted back as `echo` with its arguments |
//! | `broadcast` | acked without arguments, after it was sent | emitted as `broadcast` to every client of the namespace, the sender included |
//! | `kick` | the namespace is disconnected (`io server disconnect`), no ack | the same |
//! | any other | acked with its arguments | counted in the log alone |

mod arguments;
mod events;
mod limits;
mod log;
mod pace;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socketioxide::SocketIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};

use limits::Load;
use log::Log;
pub use pace::AnswerPace;

pub use limits::Limits;

/// What a peer that will not read may cost when the server is told to end.
const CLOSING_GRACE: Duration = Duration::from_secs(2);

/// Packets that may wait for one client. The library's own 128 loses acks when a client sends a
/// burst in one POST, and a test target must not lose what it claims to answer.
const PACKETS_PER_CLIENT: usize = 4096;

/// How the embedded server behaves; the defaults are those of npm socket.io.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The HTTP path; a slash at its end makes no difference.
    pub path: String,
    /// From one ping to the next.
    pub ping_interval: Duration,
    /// How long the server waits for a pong.
    pub ping_timeout: Duration,
    /// Bytes of one HTTP body; socketioxide closes the session of a client that sends more.
    pub max_payload: u64,
    /// Where to write what happens, one JSON object per line.
    pub log: Option<LogTarget>,
    /// End when standard input does. A child whose parent holds the other end of that pipe dies
    /// with its parent, however the parent dies.
    pub exit_with_stdin: bool,
    /// What limits it on purpose.
    pub limits: Limits,
    /// How long events wait for their answers.
    pub pace: AnswerPace,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
            log: None,
            exit_with_stdin: false,
            limits: Limits::default(),
            pace: AnswerPace::default(),
        }
    }
}

/// Where the log goes.
///
/// Each line is written by itself, so that a SIGKILL loses none that a client could have noticed.
/// Its `what` is `connect`, `disconnect` (with `reason`, in npm's words for the server side),
/// `event` (with `event`, its `transport` and whether an `ack` was asked for) or `ack`; `at_us` is
/// the wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Appended to a file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// Why the embedded server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The log cannot be opened.
    #[error("cannot open the log {}", path.display())]
    Log {
        /// As asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The runtime or its signal handlers could not be set up.
    #[error("cannot set up the server's event loop")]
    Runtime(#[source] io::Error),
}

/// Serves until SIGTERM, SIGINT, or the end of standard input if asked for; blocks until then.
///
/// `ready` is called once with the address, as soon as connections are accepted. When told to end,
/// the server closes its sessions first, as `io.close()` does (`transport close` at the clients).
/// The limit of descriptors is raised as far as the system allows.
///
/// # Errors
/// If the server cannot start; once it runs, nothing but its end is left.
pub fn serve(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let with_stdin = options.exit_with_stdin;
    raise_descriptor_limit();
    serve_until(options, ready, async move {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let stdin_closed = async {
            if with_stdin {
                stdin_closed().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            () = stdin_closed => {}
        }
        Ok(())
    })
}

/// Serves until `stop` is done; [`serve`] without its signals, for tests inside a process.
///
/// # Errors
/// If the server cannot start, or `stop` fails.
pub fn serve_until(
    options: &Options,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = io::Result<()>>,
) -> Result<(), ServeError> {
    let log = Arc::new(Log::open(options.log.as_ref())?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let served = runtime.block_on(async {
        let listener = listen(options.listen).map_err(|source| ServeError::Listen {
            address: options.listen,
            source,
        })?;
        let (service, io) = SocketIo::builder()
            .req_path(format!("/{}", options.path.trim_matches('/')))
            .ping_interval(options.ping_interval)
            .ping_timeout(options.ping_timeout)
            .max_payload(options.max_payload)
            .max_buffer_size(PACKETS_PER_CLIENT)
            .build_svc();
        let load = Load::new(options.limits);
        events::register(&io, &log, &load, options.pace)
            .expect("two namespace patterns that don't overlap");
        ready(listener.local_addr().map_err(ServeError::Runtime)?);
        let stopped = tokio::select! {
            stopped = stop => stopped,
            never = accept(&listener, service) => match never {},
            never = load.hold_memory() => match never {},
        };
        // Nobody new while the old ones leave.
        drop(listener);
        let _ = tokio::time::timeout(CLOSING_GRACE, io.close()).await;
        log.close(events::SHUTTING_DOWN);
        stopped.map_err(ServeError::Runtime)
    });
    // The thread that reads standard input cannot be interrupted; don't wait for it.
    runtime.shutdown_background();
    served
}

/// A client may hold two connections, and the usual soft limit is 1,024. What the hard limit does
/// not allow shows as connections that wait in the queue.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Ends when standard input does.
async fn stdin_closed() {
    let (sender, closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error ends it like the end of the pipe: either way nobody holds the other side.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = sender.send(());
    });
    let _ = closed.await;
}

/// A herd arrives within milliseconds: the queue is as long as kernels allow by default.
const ACCEPT_QUEUE: u32 = 4096;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted instance takes over a port whose old connections are still in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)
}

/// Accepts connections for ever; they live until their peers or the runtime end them.
async fn accept<S, B>(listener: &TcpListener, service: S) -> Infallible
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // As Node does: small packets must not wait for the peer's delayed ACK.
                let _ = stream.set_nodelay(true);
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service.clone())
                    .with_upgrades();
                // A connection that fails is its client's to notice; sessions have a heartbeat.
                tokio::spawn(async { drop(connection.await) });
            }
            // Out of descriptors, mostly: the connection stays in the queue until some are free.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
