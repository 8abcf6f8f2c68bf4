use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::failure;
use crate::transport::link_conditions::LinkConditions;

/// The local addresses of a population, by family.
pub(super) struct Sources {
    v4: Box<[SocketAddr]>,
    v6: Box<[SocketAddr]>,
}

impl Sources {
    pub(super) fn new(addresses: &[IpAddr]) -> Self {
        let of = |v4: bool| {
            addresses
                .iter()
                .filter(|ip| ip.is_ipv4() == v4)
                .map(|ip| SocketAddr::new(*ip, 0))
                .collect()
        };
        Self {
            v4: of(true),
            v6: of(false),
        }
    }

    /// Connects to the first address that answers; the failure is that of the last.
    pub(super) async fn connect_any(
        &self,
        addresses: &[SocketAddr],
        client: u64,
        network: Option<&LinkConditions>,
    ) -> Result<TcpStream, Failure> {
        let mut last = None;
        for &address in addresses {
            match self.connect(address, client, network).await {
                Ok(stream) => return Ok(stream),
                // Another address needs the same resources of this machine.
                Err(failure) if failure.origin == Origin::Generator => return Err(failure),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(Stage::Dns, Cause::NameNotFound, Origin::Network)))
    }

    pub(super) async fn connect(
        &self,
        address: SocketAddr,
        client: u64,
        network: Option<&LinkConditions>,
    ) -> Result<TcpStream, Failure> {
        if let Some(network) = network {
            network.let_through().await;
        }
        let socket = self.open(address, client, network)?;
        let stream = socket
            .connect(address)
            .await
            .map_err(|e| failure::from_io(Stage::Tcp, &e))?;
        refuse_itself(stream)
    }

    fn open(
        &self,
        address: SocketAddr,
        client: u64,
        network: Option<&LinkConditions>,
    ) -> Result<TcpSocket, Failure> {
        let opened = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let socket = opened.map_err(|e| failure::from_io(Stage::Tcp, &e))?;
        // Node and browsers set it; it also keeps small frames from waiting for acks.
        socket
            .set_nodelay(true)
            .map_err(|e| failure::from_io(Stage::Tcp, &e))?;
        if let Some(source) = self.source(address, client, network) {
            bind(&socket, source)?;
        }
        if let Some(network) = network {
            // The answer to the SYN can be lost, too.
            network
                .filter(&SockRef::from(&socket))
                .map_err(|e| failure::from_io(Stage::Tcp, &e))?;
        }
        Ok(socket)
    }

    fn source(
        &self,
        address: SocketAddr,
        client: u64,
        network: Option<&LinkConditions>,
    ) -> Option<SocketAddr> {
        let sources = if address.is_ipv4() {
            &self.v4
        } else {
            &self.v6
        };
        let moves = network.map_or(0, LinkConditions::moves);
        // By turns, from the client's own place on.
        let Some(place) = (client + u64::from(moves)).checked_rem(sources.len() as u64) else {
            let address = network?.address_towards(address.ip())?;
            return Some(SocketAddr::new(address, 0));
        };
        sources.get(usize::try_from(place).ok()?).copied()
    }
}

/// Nobody listens where a connection is connected to itself: on loopback, the kernel may choose the
/// very port that is asked for as the local one. It is given back at once, for the server to take.
fn refuse_itself(stream: TcpStream) -> Result<TcpStream, Failure> {
    let is_itself = match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local == peer,
        // A connection that is gone already, which reading will tell.
        (Err(_), _) | (_, Err(_)) => false,
    };
    if !is_itself {
        return Ok(stream);
    }
    // With RST, so that nothing of it stays in TIME_WAIT.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    Err(
        Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Server)
            .with_message("nobody listens there: the connection reached itself"),
    )
}

/// Binds to an address and leaves the port to `connect`, which can give one local port to many
/// connections with different peers; `bind` alone would take a port that is free altogether, and
/// search for it for long once most are taken.
fn bind(socket: &TcpSocket, source: SocketAddr) -> Result<(), Failure> {
    // A kernel without the option still binds, only with fewer connections in reach.
    let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
    socket.bind(source).map_err(|e| bind_failure(source, &e))
}

/// Without a port to choose, EADDRNOTAVAIL can only mean that the address is not of this machine.
fn bind_failure(source: SocketAddr, error: &io::Error) -> Failure {
    let failure = failure::from_io(Stage::Tcp, error);
    let message = format!("source address {}: {error}", source.ip());
    match failure.cause == Cause::NoLocalPorts {
        true => Failure::new(Stage::Tcp, Cause::OtherOs, Origin::Scenario),
        false => failure,
    }
    .with_message(&message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::link_conditions::Conditions;

    #[test]
    fn source_addresses_are_dealt_out_in_turn_within_the_family_of_the_target() {
        let sources = Sources::new(&[
            "127.0.1.1".parse().unwrap(),
            "::1".parse().unwrap(),
            "127.0.1.2".parse().unwrap(),
        ]);
        let v4 = "127.0.0.1:80".parse().unwrap();
        let picked = |client| sources.source(v4, client, None).unwrap().ip().to_string();
        assert_eq!(
            [picked(0), picked(1), picked(2)],
            ["127.0.1.1", "127.0.1.2", "127.0.1.1"]
        );
        let v6 = "[::2]:80".parse().unwrap();
        assert_eq!(sources.source(v6, 7, None).unwrap().ip().to_string(), "::1");
        assert_eq!(Sources::new(&[]).source(v4, 7, None), None);
    }

    #[test]
    fn after_each_change_of_network_a_client_has_another_address_where_there_is_one() {
        let after = |moves| LinkConditions::new(moves, Conditions::default());
        let loopback = "127.0.0.1:80".parse().unwrap();
        let source = |sources: &[&str], address, moves| {
            let sources: Vec<_> = sources.iter().map(|ip| ip.parse().unwrap()).collect();
            let source = Sources::new(&sources).source(address, 3, Some(&after(moves)));
            source.map(|source: SocketAddr| source.ip().to_string())
        };
        assert_eq!(source(&[], loopback, 0), None);
        assert_eq!(source(&[], loopback, 1).unwrap(), "127.0.1.1");
        assert_eq!(source(&[], loopback, 2).unwrap(), "127.0.2.1");
        let two = ["10.0.0.1", "10.0.0.2"];
        assert_eq!(source(&two, loopback, 0).unwrap(), "10.0.0.2");
        assert_eq!(source(&two, loopback, 1).unwrap(), "10.0.0.1");
        assert_eq!(source(&[], "10.1.1.1:80".parse().unwrap(), 1), None);
    }

    #[tokio::test]
    async fn a_connection_to_itself_is_refused_and_frees_its_port() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let stream = socket.connect(address).await.unwrap();
        let failure = refuse_itself(stream).unwrap_err();
        assert_eq!(failure.cause, Cause::ConnectionRefused);
        std::net::TcpListener::bind(address).unwrap();
    }
}
