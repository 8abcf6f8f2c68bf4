use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// More than any host has; a wider range is a typing error.
const MOST: u128 = 65_536;

/// The addresses of `127.0.1.1`, `127.0.1.1-127.0.1.20` or `10.0.0.0/28`.
pub(super) fn parse(text: &str) -> Option<Vec<IpAddr>> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(vec![address]);
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first, last)
        }
        None => network(text)?,
    };
    between(first, last)
}

/// First and last host of a network; its own address and its broadcast address are no hosts.
fn network(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (address, prefix) = text.split_once('/')?;
    let (address, prefix): (IpAddr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
    match address {
        IpAddr::V4(address) => {
            let host_bits = 32u32.checked_sub(prefix)?;
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            let (first, last) = (address.to_bits() & mask, address.to_bits() | !mask);
            let inset = u32::from(host_bits >= 2);
            let host = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
            Some((host(first + inset), host(last - inset)))
        }
        IpAddr::V6(address) => {
            let host_bits = 128u32.checked_sub(prefix)?;
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            let host = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits));
            Some((
                host(address.to_bits() & mask),
                host(address.to_bits() | !mask),
            ))
        }
    }
}

fn between(first: IpAddr, last: IpAddr) -> Option<Vec<IpAddr>> {
    let (from, to, make): (u128, u128, fn(u128) -> IpAddr) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (first.to_bits().into(), last.to_bits().into(), |bits| {
                IpAddr::V4(Ipv4Addr::from_bits(bits as u32))
            })
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits(), |bits| {
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    (from <= to && to - from < MOST).then(|| (from..=to).map(make).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_range_and_a_network_are_understood() {
        let count = |text| parse(text).map(|addresses| addresses.len());
        assert_eq!(count("127.0.1.1"), Some(1));
        assert_eq!(count("127.0.1.1-127.0.1.20"), Some(20));
        assert_eq!(count("10.0.0.0/28"), Some(14));
        assert_eq!(count("10.0.0.7/32"), Some(1));
        assert_eq!(count("fd00::/120"), Some(256));
        assert_eq!(count("::1 - ::4"), Some(4));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "127.0.0",
            "127.0.1.20-127.0.1.1",
            "10.0.0.0/33",
            "0.0.0.0/0",
            "::1-127.0.0.1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
