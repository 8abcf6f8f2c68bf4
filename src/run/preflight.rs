//! What must hold before a run starts: descriptors and local ports enough for the clients asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::chaos::proxy::populations_through_proxy;
use crate::event::TransportKind;
use crate::metrics::host;
use crate::scenario::MOST_CLIENTS;
use crate::scenario::plan::{Balance, Client, Plan, Population};

/// Descriptors that the run itself needs: results, server, timers, standard streams.
const OWN_DESCRIPTORS: u64 = 64;

/// Clients per loopback source address, beyond which the kernel's search for a free port makes
/// connects dearer: measured at 14,000 connections to one address, half of that for clients that
/// upgrade.
const CLIENTS_PER_SOURCE: u64 = 5_000;

/// Memory of the generator and of the kernel's socket buffers for each client, with room to spare:
/// benches/client_cost measures about half of it.
const MEMORY_PER_CLIENT: u64 = 40 << 10;

/// The most worker processes that a run starts without being asked to, and the limit of open files
/// from which on it does: what needs more, or has less, is better served by a higher limit.
const MOST_PROCESSES: u32 = 16;
const FEW_DESCRIPTORS: u64 = 1024;

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
    /// The ephemeral ports of a source address do not suffice.
    #[error(
        "{needed} clients would connect from {}, and it has {limit} local ports for them\n  \
         add addresses: `source_addresses = [\"127.0.1.1\", …]` in [[clients]]; or widen the \
         range: `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`; or ask for fewer \
         clients (--clients {affordable})",
        address_name(*address)
    )]
    LocalPorts {
        /// The address with the most clients; nothing if the system chooses it.
        address: Option<IpAddr>,
        /// Clients that connect from it, one port each.
        needed: u64,
        /// Ports that it has towards one target.
        limit: u64,
        /// Clients in all that the limit leaves room for.
        affordable: u64,
    },
}

fn address_name(address: Option<IpAddr>) -> String {
    address.map_or_else(
        || "this machine's one address towards the target".to_owned(),
        |address| address.to_string(),
    )
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
pub fn spread_loopback_sources(plan: &mut Plan) -> Option<String> {
    let peak = plan.peak_clients();
    if !is_loopback(plan) || peak <= CLIENTS_PER_SOURCE {
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

/// Whether connections go to this machine's 127.0.0.0/8, where every address is its own.
fn is_loopback(plan: &Plan) -> bool {
    // The built-in proxy on the way listens here.
    if populations_through_proxy(plan).count() == plan.populations.len() {
        return true;
    }
    if plan.target.proxy.is_some() || !plan.target.connect_to.is_empty() {
        return false;
    }
    match plan.target.url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv6(_)) => false,
        // The run's own server.
        None => plan.server.is_some(),
    }
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
            "if all {clients} clients shake hands at once they need {} file descriptors, and \
             this process may open {limit}: such a moment would show as no_descriptors",
            OWN_DESCRIPTORS + peak
        )
    }))
}

/// The number of worker processes that a plan needs, so that each has descriptors enough for the
/// moment when all its clients shake hands at once; 1 means that this process does it alone, or that a
/// higher limit of open files would help more than processes.
#[must_use]
pub fn processes_needed(plan: &Plan, limit: u64) -> u32 {
    let room = limit.saturating_sub(OWN_DESCRIPTORS).max(1);
    let ends = ends(plan);
    let populations = plan.populations.iter().zip(&ends);
    let alone: u64 = populations.map(|(p, ends)| peak(plan, p) * ends).sum();
    if alone <= room || limit < FEW_DESCRIPTORS {
        return 1;
    }
    let clients: u64 = plan.populations.iter().map(|p| peak(plan, p)).sum();
    // With a balancer or proxy of its own this process has enough to hold.
    let needed = clients.div_ceil(room).max(2);
    u32::try_from(needed)
        .ok()
        .filter(|needed| *needed <= MOST_PROCESSES)
        .unwrap_or(1)
}

/// Descriptors of a population's clients if all of them shake hands at once.
fn peak(plan: &Plan, population: &Population) -> u64 {
    let clients = population.load.peak_clients(plan.duration);
    clients * connections_at_handshake(&population.client)
}

/// What one of several processes opens at most, and the coordinator with its balancer and proxy.
///
/// # Errors
/// If the steady state, one connection per client, does not fit.
///
/// Returns a warning if the steady state fits, but not the moment when all clients of a process
/// shake hands at once.
pub fn check_shared_descriptors(
    plan: &Plan,
    limit: u64,
    processes: u32,
) -> Result<Option<String>, PreflightError> {
    let share = |clients: u64| clients.div_ceil(u64::from(processes));
    let clients = plan.peak_clients();
    let between: u64 = plan
        .populations
        .iter()
        .zip(ends(plan))
        .map(|(p, ends)| p.load.peak_clients(plan.duration) * (ends - 1))
        .sum();
    let needed = OWN_DESCRIPTORS + share(clients).max(between);
    if needed > limit {
        let affordable = u128::from(limit.saturating_sub(OWN_DESCRIPTORS)) * u128::from(clients);
        return Err(PreflightError::Descriptors {
            clients,
            needed,
            limit,
            affordable: (affordable / u128::from(needed - OWN_DESCRIPTORS)) as u64,
        });
    }
    let peak = share(plan.populations.iter().map(|p| peak(plan, p)).sum());
    Ok((OWN_DESCRIPTORS + peak > limit).then(|| {
        format!(
            "if all clients of one of {processes} worker processes shake hands at once it needs {} \
             file descriptors, and may open {limit}: such a moment would show as no_descriptors",
            OWN_DESCRIPTORS + peak
        )
    }))
}

/// By population: the ends that this process holds of each of its clients' connections. The built-in
/// balancer and the proxy on the way hold both ends of theirs.
fn ends(plan: &Plan) -> Vec<u64> {
    let is_balanced = plan
        .server
        .as_ref()
        .is_some_and(|server| server.instances > 1 && server.balance != Balance::Direct);
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

/// What this machine leaves room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimit {
    /// `descriptors`, `ports` or `memory`.
    pub what: &'static str,
    /// The most clients.
    pub clients: u64,
    /// How to raise it.
    pub advice: &'static str,
}

/// The most clients that this machine has descriptors, local ports and memory for; `scaled` is the
/// plan with so many of them.
pub fn client_limits(scaled: impl Fn(u64) -> Plan) -> Vec<ClientLimit> {
    let descriptors = raise_descriptor_limit();
    let ports = ephemeral_ports();
    let has_descriptors =
        |clients| matches!(check_descriptors(&scaled(clients), descriptors), Ok(None));
    let has_ports = |clients| {
        let mut plan = scaled(clients);
        spread_loopback_sources(&mut plan);
        check_ports(&plan, ports).is_ok()
    };
    let memory = host::available_memory_bytes().unwrap_or(u64::MAX);
    vec![
        ClientLimit {
            what: "descriptors",
            clients: largest(has_descriptors),
            advice: "raise the limit: `ulimit -Hn` as root, LimitNOFILE= in a systemd unit, or \
                     nofile in /etc/security/limits.conf",
        },
        ClientLimit {
            what: "ports",
            clients: largest(has_ports),
            advice: "add addresses: source_addresses = [\"127.0.1.1\", …] in [[clients]]; or widen \
                     net.ipv4.ip_local_port_range",
        },
        ClientLimit {
            what: "memory",
            clients: memory / MEMORY_PER_CLIENT,
            advice: "add memory, or generate the load on a machine of its own",
        },
    ]
}

/// The largest number of clients, up to what a scenario may have, that there is room for.
fn largest(has_room: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, MOST_CLIENTS + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if has_room(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Whether the ephemeral ports suffice: populations share those of the addresses that they share.
///
/// # Errors
/// If they don't.
pub fn check_ports(plan: &Plan, ports_per_address: u64) -> Result<(), PreflightError> {
    let mut needed: BTreeMap<Option<IpAddr>, u64> = BTreeMap::new();
    for population in &plan.populations {
        let clients = population.load.peak_clients(plan.duration);
        let addresses = &population.client.source_addresses;
        let share = clients.div_ceil(addresses.len().max(1) as u64);
        if addresses.is_empty() {
            *needed.entry(None).or_default() += share;
        }
        for address in addresses {
            *needed.entry(Some(*address)).or_default() += share;
        }
    }
    let busiest = needed.into_iter().max_by_key(|(_, needed)| *needed);
    match busiest {
        Some((address, needed)) if needed > ports_per_address => Err(PreflightError::LocalPorts {
            address,
            needed,
            limit: ports_per_address,
            affordable: plan.peak_clients() * ports_per_address / needed,
        }),
        Some(_) | None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Overrides};

    fn plan(text: &str) -> Plan {
        scenario::parse(text, "test.toml", &Overrides::default())
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Two populations, one of them behind a proxy.
    fn proxied(more: &str) -> Plan {
        plan(&format!(
            "name = \"few\"\nduration = \"1m\"\n[target]\nurl = \"http://127.0.0.1:1/\"\n{more}\n\
             [[clients]]\nname = \"a\"\ncount = 100\n[[clients]]\nname = \"b\"\ncount = 100\n\
             [[chaos]]\nat = \"1s\"\nfault = \"down\"\npopulation = \"b\"\n"
        ))
    }

    #[test]
    fn populations_share_the_ports_of_an_address() {
        let two = plan(
            r#"
            duration = "1s"
            target.url = "http://example.com/"
            clients = [{ name = "a", count = 60 }, { name = "b", count = 60 }]
            "#,
        );
        assert_eq!(check_ports(&two, 120), Ok(()));
        let error = check_ports(&two, 100).unwrap_err();
        let expected = PreflightError::LocalPorts {
            address: None,
            needed: 120,
            limit: 100,
            affordable: 100,
        };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("--clients 100"), "{error}");
    }

    #[test]
    fn ports_are_counted_by_source_address() {
        let spread = plan(
            r#"
            duration = "1s"
            target.url = "http://example.com/"
            [[clients]]
            count = 100
            source_addresses = ["127.0.1.1", "127.0.1.2"]
            "#,
        );
        assert_eq!(check_ports(&spread, 50), Ok(()));
        assert!(check_ports(&spread, 49).is_err());
    }

    #[test]
    fn only_connections_to_this_machine_are_spread_over_its_addresses() {
        let many = |target: &str| {
            plan(&format!(
                "duration = '1s'\n{target}\n[[clients]]\ncount = 20000\n"
            ))
        };
        for (target, is_spread) in [
            ("server.embedded = true", true),
            ("target.url = 'http://localhost:3000'", true),
            ("target.url = 'http://127.0.0.1:3000'", true),
            ("target.url = 'http://[::1]:3000'", false),
            ("target.url = 'http://example.com'", false),
            (
                "target.url = 'http://localhost:3000'\ntarget.connect_to = ['::192.0.2.1:']",
                false,
            ),
        ] {
            let mut plan = many(target);
            assert_eq!(
                spread_loopback_sources(&mut plan).is_some(),
                is_spread,
                "{target}"
            );
            let addresses = plan.populations[0].client.source_addresses.len();
            assert_eq!(addresses, if is_spread { 4 } else { 0 }, "{target}");
        }
    }

    #[test]
    fn descriptors_are_counted_at_both_ends_of_a_balancer() {
        let balanced = plan(
            "duration = '1s'\nserver = { embedded = true, instances = 2 }\n[[clients]]\ncount = 100\n",
        );
        let error = check_descriptors(&balanced, 300).unwrap_err();
        let expected = PreflightError::Descriptors {
            clients: 100,
            needed: 364,
            limit: 300,
            affordable: 78,
        };
        assert_eq!(error, expected);
        let warning = check_descriptors(&balanced, 400).unwrap();
        assert!(warning.is_some_and(|text| text.contains("964")));
        assert_eq!(check_descriptors(&balanced, 964), Ok(None));
    }

    #[test]
    fn a_run_that_one_process_cannot_hold_is_shared_out() {
        let many = |clients: u64| {
            plan(&format!(
                "duration = '1s'\ntarget.url = 'http://127.0.0.1:1'\n[[clients]]\ncount = {clients}\n"
            ))
        };
        // Each client may need three descriptors at once.
        assert_eq!(processes_needed(&many(6_000), 20_000), 1);
        assert_eq!(processes_needed(&many(15_000), 20_000), 3);
        assert_eq!(check_shared_descriptors(&many(15_000), 20_000, 3), Ok(None));
        let warning = check_shared_descriptors(&many(15_000), 20_000, 2).unwrap();
        assert!(warning.is_some_and(|text| text.contains("22564")));
        assert!(check_shared_descriptors(&many(50_000), 20_000, 2).is_err());
    }

    #[test]
    fn a_proxy_in_this_process_takes_both_ends_of_its_connections() {
        let refused = check_descriptors(&proxied(""), 264).unwrap_err();
        let PreflightError::Descriptors {
            needed, affordable, ..
        } = refused
        else {
            panic!("{refused}")
        };
        // 100 for those that connect directly, and three each for the others.
        assert_eq!((needed, affordable), (OWN_DESCRIPTORS + 400, 100));
        let elsewhere = proxied("toxiproxy = \"http://127.0.0.1:8474\"");
        assert!(check_descriptors(&elsewhere, 264).is_ok());
    }
}
