//! What must hold before a run starts: descriptors and local ports enough for the clients asked.

use std::net::{IpAddr, Ipv4Addr};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::chaos::network::populations_through_proxy;
use crate::event::TransportKind;
use crate::scenario::plan::{Client, Plan};

/// Descriptors that the run itself needs: results, server, timers, standard streams.
const OWN_DESCRIPTORS: u64 = 64;

/// Clients per loopback source address, beyond which the kernel's search for a free port makes
/// connects dearer: measured at 14,000 connections to one address, half of that for clients that
/// upgrade.
const CLIENTS_PER_SOURCE: u64 = 5_000;

/// The machine cannot hold the clients asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// The hard limit of open files is too low.
    #[error(
        "{clients} clients need {needed} file descriptors, and this process may open {limit}\n  \
         raise the limit: `ulimit -Hn {needed}` as root, `LimitNOFILE={needed}` in a systemd \
         unit, or `nofile` in /etc/security/limits.conf; or ask for fewer clients \
         (--clients {affordable})"
    )]
    Descriptors {
        /// Asked for.
        clients: u64,
        /// For these.
        needed: u64,
        /// The hard limit.
        limit: u64,
        /// Clients that the limit leaves room for.
        affordable: u64,
    },
    /// The ephemeral ports of the source addresses do not suffice.
    #[error(
        "{clients} clients need {clients} local ports, and {sources} source address(es) have \
         {limit}\n  add addresses: `source_addresses = [\"127.0.1.1\", …]` in [[clients]], or \
         widen the range: `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`; or ask for \
         fewer clients (--clients {limit})"
    )]
    LocalPorts {
        /// Asked for.
        clients: u64,
        /// Addresses that clients connect from.
        sources: u64,
        /// Ports that these have towards one target.
        limit: u64,
    },
}

/// Raises the soft limit of open files to the hard one.
///
/// Returns the limit that is now in force.
#[must_use]
pub fn raise_descriptor_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return u64::MAX;
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return hard;
    }
    soft
}

/// Spreads the clients of large populations over loopback addresses, if the target is on this
/// machine and the scenario names no addresses; says so if it did.
pub fn spread_loopback_sources(plan: &mut Plan, target: IpAddr) -> Option<String> {
    let peak = plan.peak_clients();
    if !matches!(target, IpAddr::V4(address) if address.is_loopback()) || peak <= CLIENTS_PER_SOURCE
    {
        return None;
    }
    let addresses: Vec<IpAddr> = (1..=peak.div_ceil(CLIENTS_PER_SOURCE).min(250))
        .map(|n| IpAddr::V4(Ipv4Addr::new(127, 0, 1, n as u8)))
        .collect();
    for population in &mut plan.populations {
        if population.client.source_addresses.is_empty() {
            population.client.source_addresses.clone_from(&addresses);
        }
    }
    Some(format!(
        "clients connect from {} addresses, 127.0.1.1 and on: above {CLIENTS_PER_SOURCE} to one \
         address the kernel's search for ports would slow every connect",
        addresses.len()
    ))
}

/// Whether `limit` descriptors suffice for the plan, with its worst moment in mind.
///
/// # Errors
/// If even the steady state, one connection per client, does not fit.
///
/// Returns a warning if the steady state fits, but not the moment when all clients shake hands at
/// once, with up to three connections each.
pub fn check_descriptors(plan: &Plan, limit: u64) -> Result<Option<String>, PreflightError> {
    let clients = plan.peak_clients();
    let ends = ends(plan);
    let descriptors = |connections: fn(&Client) -> u64| -> u64 {
        let populations = plan.populations.iter().zip(&ends);
        populations
            .map(|(p, ends)| p.load.peak_clients(plan.duration) * connections(&p.client) * ends)
            .sum()
    };
    let steady = descriptors(|_| 1);
    let needed = OWN_DESCRIPTORS + steady;
    if needed > limit {
        let affordable = u128::from(limit.saturating_sub(OWN_DESCRIPTORS)) * u128::from(clients);
        return Err(PreflightError::Descriptors {
            clients,
            needed,
            limit,
            affordable: (affordable / u128::from(steady)) as u64,
        });
    }
    let peak = descriptors(connections_at_handshake);
    Ok((OWN_DESCRIPTORS + peak > limit).then(|| {
        format!(
            "if all {clients} clients shake hands at once they need {peak} file descriptors, and \
             this process may open {limit}: such a moment would show as no_descriptors"
        )
    }))
}

/// By population: the ends that this process holds of each of its clients' connections. The built-in
/// balancer and the proxy on the way hold both ends of theirs.
fn ends(plan: &Plan) -> Vec<u64> {
    let is_balanced = plan
        .server
        .as_ref()
        .is_some_and(|server| server.instances > 1);
    let mut ends = vec![if is_balanced { 3 } else { 1 }; plan.populations.len()];
    for population in populations_through_proxy(plan) {
        ends[usize::from(population.0)] += 2;
    }
    ends
}

/// Connections that one client has open at the worst moment of its handshake.
fn connections_at_handshake(client: &Client) -> u64 {
    let has = |kind| client.transports.contains(&kind);
    match (has(TransportKind::Polling), has(TransportKind::WebSocket)) {
        (true, true) if client.upgrade => 3,
        (true, _) => 2,
        (false, _) => 1,
    }
}

/// Whether the ephemeral ports suffice.
///
/// # Errors
/// If they don't.
pub fn check_ports(plan: &Plan, ports_per_address: u64) -> Result<(), PreflightError> {
    for population in &plan.populations {
        let clients = population.load.peak_clients(plan.duration);
        let sources = population.client.source_addresses.len().max(1) as u64;
        let limit = ports_per_address * sources;
        if clients > limit {
            return Err(PreflightError::LocalPorts {
                clients,
                sources,
                limit,
            });
        }
    }
    Ok(())
}

/// Ephemeral ports of one address towards one target.
#[must_use]
pub fn ephemeral_ports() -> u64 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let parse = |text: String| {
        let mut bounds = text.split_ascii_whitespace().map(str::parse::<u64>);
        let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
        Some(last.saturating_sub(first) + 1)
    };
    // IANA's dynamic range, where the system does not tell.
    range.ok().and_then(parse).unwrap_or(16_384)
}
