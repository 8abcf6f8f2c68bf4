//! A load balancer before several instances of a server, on a thread of its own.
//!
//! Connections come in; each request goes out to an instance, chosen by a [`Policy`], byte for byte
//! as it came. Nothing is rewritten, compressed or measured here: what its clients feel is what a
//! plain reverse proxy would make them feel.
//!
//! A request whose instance does not accept connections goes to the next one, as nginx does by
//! default (`proxy_next_upstream error`); if none accepts, or the instance dies before it answers,
//! the client gets 502. A session whose instance is gone is thus told `Session ID unknown` by
//! another, as in production.

mod choice;
mod connection;
mod control;
mod pipe;
mod policy;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use choice::Choice;
pub use control::{Control, Told};
pub use policy::Policy;

/// A running balancer; dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a balancer could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BalancerError {
    /// There is nothing to balance.
    #[error("a balancer needs at least one instance")]
    NoInstances,
    /// It cannot listen, or has no event loop.
    #[error("cannot start the balancer")]
    Start(#[source] io::Error),
}

/// A herd arrives within milliseconds: the queue is as long as kernels allow by default.
const ACCEPT_QUEUE: u32 = 4096;

impl Balancer {
    /// Listens on a port of 127.0.0.1 and forwards to the instances, which need not be there yet.
    ///
    /// # Errors
    /// If there is no instance, or the system has no port, thread or descriptor left.
    pub fn start(instances: Vec<SocketAddr>, policy: Policy) -> Result<Self, BalancerError> {
        if instances.is_empty() {
            return Err(BalancerError::NoInstances);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BalancerError::Start)?;
        let listener = {
            let _inside = runtime.enter();
            listen().map_err(BalancerError::Start)?
        };
        let address = listener.local_addr().map_err(BalancerError::Start)?;
        let control = Control::new(instances.len());
        let orders = control.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("balancer".to_owned())
            .spawn(move || {
                let choice = Rc::new(Choice::new(instances, policy, orders));
                LocalSet::new().block_on(&runtime, async {
                    tokio::select! {
                        // Its owner is gone, whatever the channel says.
                        _ = stopped => {}
                        () = accept(&listener, &choice) => {}
                    }
                });
            })
            .map_err(BalancerError::Start)?;
        Ok(Self {
            address,
            control,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The way to tell it something while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed already.
            let _ = thread.join();
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(ACCEPT_QUEUE)
}

/// Serves connections until dropped; they are tasks of the same thread.
async fn accept(listener: &TcpListener, choice: &Rc<Choice>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let choice = Rc::clone(choice);
                tokio::task::spawn_local(async move {
                    // A connection that fails is what its peers notice; nobody else asks.
                    let _ = connection::serve(client, &choice).await;
                });
            }
            // Out of descriptors, mostly: the connection stays in the queue until some are free.
            Err(error) => {
                choice.note_shortage(&error);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
