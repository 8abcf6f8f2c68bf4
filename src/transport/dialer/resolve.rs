use std::net::SocketAddr;

use crate::event::{Cause, Failure, Origin, Stage};
use crate::scenario::plan::IpFamily;
use crate::transport::failure;

/// The addresses of a name, as the system's resolver orders them; at least one.
///
/// Asked anew for each connection, as Node and browsers without a cache do; the call blocks a
/// thread of the runtime's pool, not the clients.
pub(super) async fn lookup(
    name: &str,
    port: u16,
    family: Option<IpFamily>,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = tokio::net::lookup_host((name, port))
        .await
        .map_err(|e| failure::from_lookup(&e))?;
    let kept: Vec<_> = found.filter(|address| is_of(*address, family)).collect();
    if kept.is_empty() {
        let failure = Failure::new(Stage::Dns, Cause::NameNotFound, Origin::Network);
        return Err(failure.with_message("the name has no address of this family"));
    }
    Ok(kept)
}

/// That an address given in place of a name is of the family asked for.
pub(super) fn check_family(address: SocketAddr, family: Option<IpFamily>) -> Result<(), Failure> {
    if is_of(address, family) {
        return Ok(());
    }
    let failure = Failure::new(Stage::Dns, Cause::Unreachable, Origin::Scenario);
    Err(failure.with_message("the address is not of the family asked for"))
}

fn is_of(address: SocketAddr, family: Option<IpFamily>) -> bool {
    match family {
        None => true,
        Some(IpFamily::V4) => address.is_ipv4(),
        Some(IpFamily::V6) => address.is_ipv6(),
    }
}
