use url::{Host, Url};

use crate::fault::impulse::NetworkChange;
use crate::fault::{ClientFault, FaultKind};
use crate::scenario::plan::{Fault, Plan, Population};

/// A warning about a change of network whose clients have no other address to come from.
pub(in crate::scenario::check) fn warning(plan: &Plan) -> Option<String> {
    let change = FaultKind::Client(ClientFault::Impulse(NetworkChange.into()));
    let changes = |fault: &&Fault| fault.kind == change;
    let fault = plan.chaos.iter().find(changes)?;
    let is_loopback = plan.server.is_some() || plan.target.url.as_ref().is_some_and(is_loopback);
    let stays = |population: &Population| match population.client.source_addresses.len() {
        0 => !is_loopback,
        count => count < 2,
    };
    let own = fault.population.map(|id| usize::from(id.0));
    let mut victims = plan.populations.iter().enumerate();
    let (_, population) =
        victims.find(|(place, whose)| own.is_none_or(|own| own == *place) && stays(whose))?;
    let name = &population.name;
    Some(format!(
        "network_change: {name} comes back from the address it had; give it two or more \
         `source_addresses`"
    ))
}

/// Whether clients can come from every address of 127.0.0.0/8.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv6(_)) | None => false,
    }
}
