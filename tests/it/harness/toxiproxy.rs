use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sio_load::server::process;

use super::http::Message;
use super::relay::{Relay, copy};
use super::wait_for;

/// A Toxiproxy: the real one where there is one (`toxiproxy-server` in PATH, or named by
/// TOXIPROXY_SERVER), and one that speaks its API.
#[derive(Debug)]
pub(crate) struct Toxiproxy {
    address: SocketAddr,
    _running: Running,
}

#[derive(Debug)]
enum Running {
    Program(#[expect(dead_code, reason = "ends when dropped")] Killed),
    StandIn(#[expect(dead_code, reason = "ends when dropped")] Relay),
}

#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Toxiproxy {
    /// All that there are on this machine.
    pub(crate) fn all() -> Vec<Self> {
        let real = program().map(|program| Self::start_program(&program));
        real.into_iter().chain([Self::stand_in()]).collect()
    }

    /// One that speaks the API as its documentation has it: proxies carry connections and can be
    /// disabled; toxics are kept and do nothing.
    pub(crate) fn stand_in() -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let proxies = Arc::new(Mutex::new(Proxies::default()));
        let api = Relay::start(nowhere, move |accepted| {
            let proxies = Arc::clone(&proxies);
            move || serve(&accepted.client, &proxies)
        });
        Self {
            address: api.address(),
            _running: Running::StandIn(api),
        }
    }

    fn start_program(program: &PathBuf) -> Self {
        let port = process::free_ports(1).expect("a free port")[0];
        let child = Command::new(program)
            .args(["-host", "127.0.0.1", "-port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a program that starts");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let child = Killed(child);
        wait_for("answer of Toxiproxy", Duration::from_secs(20), || {
            TcpStream::connect(address).ok()
        });
        Self {
            address,
            _running: Running::Program(child),
        }
    }

    /// Of its API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its proxies, by name, with their toxics.
    pub(crate) fn proxies(&self) -> BTreeMap<String, Value> {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let request = "GET /proxies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let (answer, _) = Message::parse(&bytes, true).expect("a whole answer");
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TOXIPROXY_SERVER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("toxiproxy-server"))
        .find(|program| program.is_file())
}

type Proxies = BTreeMap<String, Proxy>;

#[derive(Debug)]
struct Proxy {
    listen: SocketAddr,
    upstream: SocketAddr,
    /// While it is enabled.
    relay: Option<Relay>,
    toxics: Vec<Value>,
}

impl Proxy {
    fn enable(&mut self) {
        let relay = Relay::start_at(self.listen, self.upstream, |accepted| {
            let client = Arc::clone(&accepted.client);
            move || {
                let server = accepted.connect()?;
                let (back, to) = (Arc::clone(&server), Arc::clone(&client));
                let down = std::thread::spawn(move || copy(&back, &to, |_| {}));
                let up = copy(&client, &server, |_| {});
                down.join().expect("copying does not panic").and(up)
            }
        });
        self.listen = relay.address();
        self.relay = Some(relay);
    }

    fn shown(&self, name: &str) -> Value {
        json!({
            "name": name, "listen": self.listen.to_string(), "upstream": self.upstream.to_string(),
            "enabled": self.relay.is_some(), "toxics": self.toxics,
        })
    }
}

fn serve(mut client: &TcpStream, proxies: &Mutex<Proxies>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        while let Some((request, length)) = Message::parse(&bytes, false) {
            bytes.drain(..length);
            let (status, body) = answer(&request, &mut proxies.lock().expect("no panic there"));
            let body = body.map_or_else(String::new, |body| body.to_string());
            let length = body.len();
            let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\n\r\n");
            client.write_all(format!("{head}{body}").as_bytes())?;
            if request.head.header("connection") == Some("close") {
                return client.shutdown(std::net::Shutdown::Write);
            }
        }
        match client.read(&mut piece)? {
            0 => return Ok(()),
            length => bytes.extend_from_slice(&piece[..length]),
        }
    }
}

fn answer(request: &Message, proxies: &mut Proxies) -> (u16, Option<Value>) {
    let method = request.head.start.split(' ').next().unwrap_or_default();
    let path: Vec<&str> = request.head.word()[1..].split('/').collect();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (method, path[..].split_at(1).1) {
        ("GET", []) => {
            let all = proxies
                .iter()
                .map(|(name, proxy)| (name.clone(), proxy.shown(name)));
            (200, Some(Value::Object(all.collect())))
        }
        ("POST", []) => create(&body, proxies),
        ("DELETE", [name]) => match proxies.remove(*name) {
            Some(_) => (204, None),
            None => no("proxy not found", 404),
        },
        (_, [name, rest @ ..]) => match proxies.get_mut(*name) {
            Some(proxy) => change(method, rest, name, body, proxy),
            None => no("proxy not found", 404),
        },
        _ => no("not found", 404),
    }
}

fn create(body: &Value, proxies: &mut Proxies) -> (u16, Option<Value>) {
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if proxies.contains_key(&name) {
        return no("proxy already exists", 409);
    }
    let address = |key: &str| body[key].as_str().and_then(|address| address.parse().ok());
    let (Some(listen), Some(upstream)) = (address("listen"), address("upstream")) else {
        return no("missing required field", 400);
    };
    let mut proxy = Proxy {
        listen,
        upstream,
        relay: None,
        toxics: Vec::new(),
    };
    proxy.enable();
    let shown = proxy.shown(&name);
    proxies.insert(name, proxy);
    (201, Some(shown))
}

fn change(
    method: &str,
    rest: &[&str],
    name: &str,
    body: Value,
    proxy: &mut Proxy,
) -> (u16, Option<Value>) {
    match (method, rest) {
        ("POST" | "PATCH", []) => {
            match body["enabled"].as_bool() {
                Some(true) if proxy.relay.is_none() => proxy.enable(),
                Some(false) => proxy.relay = None,
                Some(true) | None => {}
            }
            (200, Some(proxy.shown(name)))
        }
        ("POST", ["toxics"]) => {
            if proxy
                .toxics
                .iter()
                .any(|toxic| toxic["name"] == body["name"])
            {
                return no("toxic already exists", 409);
            }
            proxy.toxics.push(body.clone());
            (200, Some(body))
        }
        ("DELETE", ["toxics", toxic]) => {
            let before = proxy.toxics.len();
            proxy.toxics.retain(|kept| kept["name"] != *toxic);
            if proxy.toxics.len() == before {
                return no("toxic not found", 404);
            }
            (204, None)
        }
        _ => no("not found", 404),
    }
}

fn no(error: &str, status: u16) -> (u16, Option<Value>) {
    (status, Some(json!({ "error": error, "status": status })))
}
