//! Variables for which the command line's own rule, that a flag hides its variable, is not enough.

use clap::builder::{FalseyValueParser, TypedValueParser as _};

use crate::scenario::plan::IpFamily;

/// The lines of `SIO_LOAD_SET`: settings that those of the command line come on top of, so that
/// each of these wins over its own key alone.
pub(super) fn settings() -> Vec<String> {
    let Some(lines) = std::env::var_os("SIO_LOAD_SET") else {
        return Vec::new();
    };
    let lines = lines.to_string_lossy();
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// What `SIO_LOAD_IPV4` and `SIO_LOAD_IPV6` ask for, which `--ipv4` and `--ipv6` both hide.
///
/// # Errors
/// If they ask for both, says so.
pub(super) fn ip_family() -> Result<Option<IpFamily>, &'static str> {
    match (is_set("SIO_LOAD_IPV4"), is_set("SIO_LOAD_IPV6")) {
        (true, true) => Err("SIO_LOAD_IPV4 and SIO_LOAD_IPV6 cannot both be set"),
        (true, false) => Ok(Some(IpFamily::V4)),
        (false, true) => Ok(Some(IpFamily::V6)),
        (false, false) => Ok(None),
    }
}

/// As the command line reads the variables of its other switches: `0`, `no`, `off` and the like are
/// no.
fn is_set(name: &str) -> bool {
    let command = clap::Command::default();
    std::env::var_os(name).is_some_and(|value| {
        let parsed = FalseyValueParser::new().parse_ref(&command, None, &value);
        parsed.unwrap_or(false)
    })
}
