use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};

use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::failure;

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
    ) -> Result<TcpStream, Failure> {
        let mut last = None;
        for &address in addresses {
            match self.connect(address, client).await {
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
    ) -> Result<TcpStream, Failure> {
        let socket = self.open(address, client)?;
        socket
            .connect(address)
            .await
            .map_err(|e| failure::from_io(Stage::Tcp, &e))
    }

    fn open(&self, address: SocketAddr, client: u64) -> Result<TcpSocket, Failure> {
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
        if let Some(source) = self.source(address, client) {
            bind(&socket, source)?;
        }
        Ok(socket)
    }

    fn source(&self, address: SocketAddr, client: u64) -> Option<SocketAddr> {
        let sources = if address.is_ipv4() {
            &self.v4
        } else {
            &self.v6
        };
        let place = client.checked_rem(sources.len() as u64)?;
        sources.get(usize::try_from(place).ok()?).copied()
    }
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

    #[test]
    fn source_addresses_are_dealt_out_in_turn_within_the_family_of_the_target() {
        let sources = Sources::new(&[
            "127.0.1.1".parse().unwrap(),
            "::1".parse().unwrap(),
            "127.0.1.2".parse().unwrap(),
        ]);
        let v4 = "127.0.0.1:80".parse().unwrap();
        let picked = |client| sources.source(v4, client).unwrap().ip().to_string();
        assert_eq!(
            [picked(0), picked(1), picked(2)],
            ["127.0.1.1", "127.0.1.2", "127.0.1.1"]
        );
        let v6 = "[::2]:80".parse().unwrap();
        assert_eq!(sources.source(v6, 7).unwrap().ip().to_string(), "::1");
        assert_eq!(Sources::new(&[]).source(v4, 7), None);
    }
}
