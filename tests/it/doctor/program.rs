use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sio_load::server::process::free_ports;
use tempfile::TempDir;

use crate::harness::{Kind, optional_program, wait_for};

/// What is not seen without one of these programs.
const UNSEEN: &str = "what it does in front of a server";

/// However busy the machine is.
const START: Duration = Duration::from_secs(30);

/// A program that listens on a port of its own; killed when dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Program {
    fn start(mut command: Command, port: u16, directory: TempDir) -> Self {
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut program = Self {
            child,
            port,
            _directory: directory,
        };
        let address = program.address();
        wait_for("listening program", START, || {
            let ended = program.child.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            TcpStream::connect(address).ok()
        });
        program
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A plain WebSocket server, `ws`; it says nothing unless it has a greeting.
pub(super) fn plain_websocket(greeting: &str) -> Program {
    let (_, package) = Kind::SocketIo4.command().expect("a program");
    let port = free_ports(1).unwrap()[0];
    let mut command = Command::new("node");
    command
        .arg(package.join("../npm/plain-websocket.cjs"))
        .current_dir(&package)
        .env("PORT", port.to_string())
        .env("GREETING", greeting)
        .stdin(Stdio::piped());
    Program::start(command, port, TempDir::new().unwrap())
}

/// A situation of `situations.cjs`, with these variables.
pub(super) fn situation(name: &str, variables: &[(&str, &str)]) -> Program {
    let (_, package) = Kind::SocketIo4.command().expect("a program");
    let port = free_ports(1).unwrap()[0];
    let mut command = Command::new("node");
    command
        .arg(package.join("../npm/situations.cjs"))
        .current_dir(&package)
        .env("PORT", port.to_string())
        .env("SITUATION", name)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped());
    Program::start(command, port, TempDir::new().unwrap())
}

/// nginx with what stands in its `http`; `{port}` is where it listens.
///
/// # Panics
/// If it is missing on CI; elsewhere the test says that it was left out, and there is none.
pub(super) fn nginx(http: &str) -> Option<Program> {
    let program = optional_program(&["nginx"], UNSEEN)?;
    let directory = TempDir::new().unwrap();
    let path = directory.path().display();
    let port = free_ports(1).unwrap()[0];
    let http = http.replace("{port}", &port.to_string());
    let config = format!(
        "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
         events {{ worker_connections 256; }}
         http {{
           access_log off;
           client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
           fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi;
           scgi_temp_path {path}/scgi;
           {http}
         }}"
    );
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
    command.arg("-e").arg(directory.path().join("error.log"));
    command.stdin(Stdio::null()).stderr(Stdio::null());
    Some(Program::start(command, port, directory))
}

/// HAProxy with these sections behind its `defaults`; `{port}` is where it listens.
///
/// # Panics
/// As [`nginx`].
pub(super) fn haproxy(sections: &str) -> Option<Program> {
    let program = optional_program(&["haproxy"], UNSEEN)?;
    let directory = TempDir::new().unwrap();
    let port = free_ports(1).unwrap()[0];
    let sections = sections.replace("{port}", &port.to_string());
    let file = directory.path().join("haproxy.cfg");
    std::fs::write(&file, sections).unwrap();
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&file);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    Some(Program::start(command, port, directory))
}
