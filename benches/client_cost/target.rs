use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use sio_load::server::embedded::{self, Options};

use super::machine;

/// Makes this program the target instead of the generator.
pub(crate) const FLAG: &str = "--target";

/// The embedded server in a process of its own.
pub(crate) struct Target {
    process: Child,
    address: SocketAddr,
}

impl Target {
    /// Starts it, and waits until it listens.
    pub(crate) fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
            .arg(FLAG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the target starts");
        let mut line = String::new();
        let stdout = process.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the target names its address");
        let address = line.trim().parse().expect("the target names its address");
        Self { process, address }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It ends with its input too; this is for a target that hangs.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the target, until standard input ends.
pub(crate) fn serve() -> ExitCode {
    machine::prepare_target();
    let options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        // Heartbeats would be counted to whatever is measured when they come.
        ping_interval: Duration::from_secs(120),
        exit_with_stdin: true,
        ..Options::default()
    };
    match embedded::serve(&options, |address| println!("{address}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
