use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::install::python;
use super::{PATIENCE, wait_for};

/// A real nats-server; ends when dropped.
#[derive(Debug)]
pub(crate) struct NatsServer {
    address: SocketAddr,
    child: Option<Child>,
    arguments: Vec<String>,
}

impl NatsServer {
    /// Starts one on a free port of this machine, with these arguments added.
    #[must_use]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Below the ephemeral ports, which others take at any moment.
        let ports = std::iter::repeat_with(|| fastrand::u16(12_000..30_000));
        for port in ports.take(20) {
            let mut server = Self {
                address: (Ipv4Addr::LOCALHOST, port).into(),
                child: None,
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            };
            if server.begin() {
                return server;
            }
        }
        panic!("no free port for nats-server")
    }

    /// Starts it and waits until it listens; false if it ended instead.
    fn begin(&mut self) -> bool {
        let program = python("nats").with_file_name("nats-server");
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &self.address.port().to_string()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server of tests/servers/nats");
        let child = self.child.insert(child);
        wait_for("nats-server", PATIENCE, || {
            if child.try_wait().expect("a child of ours").is_some() {
                return Some(false);
            }
            TcpStream::connect(self.address).ok().map(|_| true)
        })
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child of ours");
            child.wait().expect("a child of ours");
        }
    }

    /// Starts it again on the same port, after [`NatsServer::kill`].
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.begin(), "somebody took the port of nats-server");
    }

    /// Where clients connect.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
