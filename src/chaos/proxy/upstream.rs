use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};
use url::{Host, Url};

use crate::scenario::plan::{ConnectTo, IpFamily, Target};
use crate::server::shortage::Shortage;

/// The server, as clients would reach it without a proxy on the way.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    host: String,
    port: u16,
    family: Option<IpFamily>,
    pub(super) shortage: Shortage,
}

impl Upstream {
    /// The host and port of `url`, or where a `connect_to` rule leads from there.
    pub(super) fn new(target: &Target, url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default()?;
        let rule = target
            .connect_to
            .iter()
            .find(|rule| fits(rule, &host, port));
        let to_host = rule.and_then(|rule| rule.to_host.as_deref()).map(bare);
        let to_port = rule.and_then(|rule| rule.to_port);
        Some(Self {
            host: to_host.map_or(host, str::to_owned),
            port: to_port.unwrap_or(port),
            family: target.ip_family,
            shortage: Shortage::default(),
        })
    }

    /// As Toxiproxy takes it.
    pub(super) fn authority(&self) -> String {
        match self.host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]:{}", self.port),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }

    /// The address of this machine to which clients connect instead: of the family that they may
    /// use.
    pub(super) fn local_ip(&self) -> IpAddr {
        let is_v6 = match self.family {
            Some(family) => family == IpFamily::V6,
            None => self.host.parse::<Ipv6Addr>().is_ok(),
        };
        if is_v6 {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        }
    }

    /// Connects to the first address that answers, from the client's own address if that leads
    /// there: so a server sees as many addresses as without a proxy, and ports do not run out.
    pub(super) async fn connect(&self, source: Option<IpAddr>) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            if self.family.is_some_and(|family| !is_of(family, address)) {
                continue;
            }
            match connect(address, source).await {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    self.shortage.note(&error);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Without it, small packets wait for delayed acks.
    socket.set_nodelay(true)?;
    if let Some(source) = source.filter(|source| is_worth_keeping(*source, address.ip())) {
        // A kernel without the option still binds, only with fewer ports in reach.
        let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
        socket.bind((source, 0).into())?;
    }
    socket.connect(address).await
}

/// Whether a client's address was chosen, and can be connected from to there.
fn is_worth_keeping(source: IpAddr, server: IpAddr) -> bool {
    source.is_ipv4() == server.is_ipv4()
        && source.is_loopback() == server.is_loopback()
        && source != IpAddr::from(Ipv4Addr::LOCALHOST)
        && source != IpAddr::from(Ipv6Addr::LOCALHOST)
}

fn fits(rule: &ConnectTo, host: &str, port: u16) -> bool {
    let host_fits = rule
        .from_host
        .as_deref()
        .is_none_or(|from| bare(from).eq_ignore_ascii_case(host));
    host_fits && rule.from_port.is_none_or(|from| from == port)
}

/// Without the brackets around an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_of(family: IpFamily, address: SocketAddr) -> bool {
    match family {
        IpFamily::V4 => address.is_ipv4(),
        IpFamily::V6 => address.is_ipv6(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rules: Vec<ConnectTo>) -> Target {
        Target {
            redirects: Vec::new(),
            url: None,
            proxy: None,
            connect_to: rules,
            ip_family: None,
            toxiproxy: None,
        }
    }

    #[test]
    fn connect_to_rules_lead_the_proxy_where_they_led_clients() {
        let rule = ConnectTo {
            from_host: Some("A.test".to_owned()),
            from_port: None,
            to_host: Some("[::1]".to_owned()),
            to_port: Some(8080),
        };
        let target = target(vec![rule]);
        let of = |url: &str| Upstream::new(&target, &url.parse().unwrap()).unwrap();
        assert_eq!(of("https://a.test/").authority(), "[::1]:8080");
        assert_eq!(of("https://b.test/").authority(), "b.test:443");
        assert_eq!(of("http://[::2]:81/").authority(), "[::2]:81");
        assert_eq!(of("http://[::2]:81/").local_ip().to_string(), "::1");
        assert_eq!(of("http://b.test/").local_ip().to_string(), "127.0.0.1");
    }

    #[test]
    fn only_an_address_that_leads_to_the_server_is_kept() {
        let keeps = |source: &str, server: &str| {
            is_worth_keeping(source.parse().unwrap(), server.parse().unwrap())
        };
        assert!(keeps("127.0.1.7", "127.0.0.1"));
        assert!(keeps("10.0.0.2", "192.0.2.1"));
        assert!(!keeps("127.0.0.1", "127.0.0.1"));
        assert!(!keeps("127.0.1.7", "192.0.2.1"));
        assert!(!keeps("127.0.1.7", "::1"));
    }
}
