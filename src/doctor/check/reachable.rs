//! Name, addresses, TCP.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::Host;

use super::Skipped;
use crate::catalogue::{ADDRESS_DEAD, Finding, LOOPBACK_ONE_FAMILY, NAME_NOT_FOUND, of};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::wire::reroute;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::report::number;
use crate::scenario::plan::Tls;
use crate::transport::Timings;

/// How long the resolver, and then each address, may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// More addresses than this are not tried: names of large sites have dozens.
const ADDRESSES: usize = 8;

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let Some(addresses) = resolve(probe, notes).await else {
        known.unreachable = Some("the name does not resolve");
        return None;
    };
    let mut dead = Vec::new();
    let mut alive = Vec::new();
    for address in addresses.into_iter().take(ADDRESSES) {
        match connect(probe, notes, address).await {
            Ok(id) => alive.push((address, id)),
            Err((failure, id)) => dead.push((address, failure, id)),
        }
    }
    let Some((first, _)) = alive.first().copied() else {
        known.unreachable = Some("the server cannot be reached");
        for (address, failure, id) in dead {
            notes.find_failure(&failure, &format!("{address}"), &[id]);
        }
        return None;
    };
    known.address = Some(first);
    if let Err(error) = probe.wire.settle_on(first) {
        // The same settings made a dialer before; files for TLS may be gone by now.
        notes.fact(error.to_string());
    }
    tell_dead(notes, &dead);
    None
}

async fn resolve(probe: &Probe, notes: &mut Notes) -> Option<Vec<SocketAddr>> {
    let port = probe.options.port();
    let name = match probe.options.url.host() {
        Some(Host::Ipv4(ip)) => return Some(vec![SocketAddr::new(ip.into(), port)]),
        Some(Host::Ipv6(ip)) => return Some(vec![SocketAddr::new(ip.into(), port)]),
        Some(Host::Domain(name)) => name.to_owned(),
        None => return None,
    };
    let began = clock::now();
    let lookup = tokio::time::timeout(
        CONNECT_LIMIT,
        tokio::net::lookup_host((name.as_str(), port)),
    );
    let found: Result<Vec<SocketAddr>, Failure> = match lookup.await {
        Ok(Ok(addresses)) => Ok(unique(addresses)),
        Ok(Err(error)) => Err(
            Failure::new(Stage::Dns, Cause::NameNotFound, Origin::Network)
                .with_message(&error.to_string()),
        ),
        Err(_) => Err(Failure::new(Stage::Dns, Cause::TimedOut, Origin::Network)
            .with_message("the resolver does not answer")),
    };
    let took = clock::now().saturating_duration_since(began);
    let noted = found.as_ref().map_err(Clone::clone).map(|_| Timings {
        dns: Some(took),
        tcp: Duration::ZERO,
        tls: None,
    });
    let id = probe.note_dial(format!("resolve {name}"), began, &noted);
    match found {
        Ok(addresses) if !addresses.is_empty() => {
            let list: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
            let time = number::time(ms(took) * 1e3);
            notes.fact(format!("{name} is {} ({time})", list.join(", ")));
            Some(addresses)
        }
        Ok(_) => {
            notes.find(&NAME_NOT_FOUND, format!("{name} has no address."), &[id]);
            None
        }
        Err(failure) => {
            notes.find(of(failure.cause), format!("{name}: {failure}."), &[id]);
            None
        }
    }
}

fn unique(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut unique = Vec::new();
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    unique
}

/// Connects and closes again at once.
async fn connect(
    probe: &Probe,
    notes: &mut Notes,
    address: SocketAddr,
) -> Result<usize, (Failure, usize)> {
    let began = clock::now();
    let dialed = dial(probe, address).await;
    let id = probe.note_dial(format!("TCP connect to {address}"), began, &dialed);
    match dialed {
        Ok(timings) => {
            let time = number::time(ms(timings.tcp) * 1e3);
            notes.fact(format!("{address} accepts TCP connections ({time})"));
            Ok(id)
        }
        Err(failure) => Err((failure, id)),
    }
}

async fn dial(probe: &Probe, address: SocketAddr) -> Result<Timings, Failure> {
    let dialer = probe.wire.other_dialer(|settings| {
        settings.connect_to = vec![reroute(address)];
        // TCP alone: TLS has a check of its own.
        let _ = settings.url.set_scheme("http");
        settings.tls = Tls::default();
    });
    let dialer = dialer.map_err(|error| {
        Failure::new(Stage::Tcp, Cause::OtherOs, Origin::Scenario).with_message(&error.to_string())
    })?;
    match tokio::time::timeout(CONNECT_LIMIT, dialer.dial(0)).await {
        Ok(dialed) => dialed.map(|dialed| dialed.timings),
        Err(_) => Err(Failure::new(Stage::Tcp, Cause::TimedOut, Origin::Network)
            .with_message("a firewall swallows the packets, or the host is down")),
    }
}

fn tell_dead(notes: &mut Notes, all: &[(SocketAddr, Failure, usize)]) {
    for (address, failure, id) in all {
        match dead(address.ip(), failure) {
            Some(finding) => notes.find(finding, format!("{address}: {failure}."), &[*id]),
            None => notes.fact(format!("{address} cannot be tried from here: {failure}")),
        }
    }
}

/// What an address that does not answer means where another one does; nothing if it is this
/// machine that cannot reach it, for want of IPv6 usually.
fn dead(address: IpAddr, failure: &Failure) -> Option<&'static Finding> {
    let is_ours = failure.origin == Origin::Generator
        || (address.is_ipv6() && failure.cause == Cause::Unreachable);
    if is_ours {
        return None;
    }
    Some(if address.is_loopback() {
        &LOOPBACK_ONE_FAMILY
    } else {
        &ADDRESS_DEAD
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_address_is_no_alarm_where_it_is_of_this_machine_or_out_of_its_reach() {
        let of = |address: &str, cause, origin| {
            let failure = Failure::new(Stage::Tcp, cause, origin);
            dead(address.parse().unwrap(), &failure).map(|finding| finding.code)
        };
        let refused = Cause::ConnectionRefused;
        assert_eq!(of("::1", refused, Origin::Server), Some("SIO-118"));
        assert_eq!(of("2001:db8::1", refused, Origin::Server), Some("SIO-117"));
        let timed_out = Cause::TimedOut;
        assert_eq!(of("192.0.2.1", timed_out, Origin::Network), Some("SIO-117"));
        assert_eq!(of("2001:db8::1", Cause::Unreachable, Origin::Network), None);
        assert_eq!(of("::1", Cause::NoLocalPorts, Origin::Generator), None);
    }
}
