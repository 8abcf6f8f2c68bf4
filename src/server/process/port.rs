use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;

use super::ProcessError;

/// Below the ports that systems hand out by themselves: 32768 up on Linux, 49152 up elsewhere.
const CANDIDATES: RangeInclusive<u16> = 10_000..=32_000;

/// Busy neighbours are skipped so many times before the system is asked.
const TRIES: u64 = 200;

/// So many different ports of 127.0.0.1 that nobody listens on at this moment.
///
/// They lie outside the range of ports for outgoing connections where the system has room for
/// that. While a server is down, its own reconnecting clients draw their ports from that range:
/// one of them could take the server's, or even connect to itself through it, and the server would
/// not come up again.
///
/// # Errors
/// If the system has none left.
pub fn free_ports(count: u16) -> Result<Vec<u16>, ProcessError> {
    let outgoing = outgoing_ports();
    // Held until all are found, so that they differ.
    let mut listeners = Vec::new();
    for _ in 0..count {
        listeners.push(listen(outgoing.as_ref()).map_err(ProcessError::NoPort)?);
    }
    listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect::<io::Result<_>>()
        .map_err(ProcessError::NoPort)
}

fn listen(outgoing: Option<&RangeInclusive<u16>>) -> io::Result<TcpListener> {
    let span = u64::from(CANDIDATES.end() - CANDIDATES.start()) + 1;
    // The standard library's only source of chance: runs side by side must not go the same way.
    let chance = RandomState::new();
    (0..TRIES)
        .map(|n| CANDIDATES.start() + (chance.hash_one(n) % span) as u16)
        .filter(|port| !outgoing.is_some_and(|outgoing| outgoing.contains(port)))
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)
}

/// What Linux says; nothing elsewhere, where the candidates lie outside anyway.
fn outgoing_ports() -> Option<RangeInclusive<u16>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = text.split_whitespace().map(str::parse);
    Some(bounds.next()?.ok()?..=bounds.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_keep_clear_of_outgoing_connections() {
        let mut ports = free_ports(20).unwrap();
        if let Some(outgoing) = outgoing_ports()
            && !outgoing.contains(CANDIDATES.start())
        {
            assert!(!ports.iter().any(|port| outgoing.contains(port)));
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
