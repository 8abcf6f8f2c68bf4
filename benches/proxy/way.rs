use std::net::SocketAddr;
use std::time::Duration;

use sio_load::chaos::proxy::ProxyThread;
use sio_load::scenario::{self, Overrides};

/// How clients get to the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Direct,
    /// By a proxy that copies.
    Proxy,
    /// By a proxy that looks for requests, since a fault of the plan touches them.
    ReadingProxy,
}

/// A way that is open.
pub(crate) struct Path {
    address: SocketAddr,
    proxy: Option<ProxyThread>,
}

impl Way {
    /// Opens the way to a server.
    pub(crate) async fn open(self, server: SocketAddr) -> Path {
        // Never applied: it is there for the proxy to be.
        let fault = match self {
            Self::Direct => {
                return Path {
                    address: server,
                    proxy: None,
                };
            }
            Self::Proxy => "\"latency\"\nlatency = \"1s\"",
            Self::ReadingProxy => "\"status\"",
        };
        let text = format!(
            "name = \"bench\"\nduration = \"2h\"\nseed = 1\n[target]\nurl = \"http://{server}/\"\n\
             [[clients]]\nname = \"all\"\ncount = 1\n\
             [[chaos]]\nat = \"1h\"\nfault = {fault}"
        );
        let plan = match scenario::parse(&text, "bench.toml", &Overrides::default()) {
            Ok(plan) => plan,
            Err(problems) => panic!("{}", problems.render(false)),
        };
        let url = plan.target.url.clone().expect("the plan names its target");
        let started = ProxyThread::start(&plan, &url, None).await;
        let proxy = started.expect("a free port").expect("a fault on the way");
        Path {
            address: proxy.ways()[0].expect("the fault concerns all"),
            proxy: Some(proxy),
        }
    }
}

impl Path {
    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU that the proxy has taken so far; none without one.
    pub(crate) fn cpu(&self) -> Duration {
        if self.proxy.is_none() {
            return Duration::ZERO;
        }
        let threads = std::fs::read_dir("/proc/self/task").expect("Linux lists threads");
        let is_proxy = |folder: &std::path::PathBuf| {
            std::fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim() == "proxy")
        };
        let folder = threads
            .filter_map(|thread| Some(thread.ok()?.path()))
            .find(is_proxy)
            .expect("the proxy has a thread of this name");
        // The first number is the time on a core, in nanoseconds.
        let schedule = std::fs::read_to_string(folder.join("schedstat")).expect("Linux counts it");
        let nanos = schedule
            .split(' ')
            .next()
            .and_then(|time| time.parse().ok());
        Duration::from_nanos(nanos.expect("a number"))
    }
}
