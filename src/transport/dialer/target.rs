use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::ServerName;
use url::Url;

use crate::scenario::plan::ConnectTo;

/// A host as it stands in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transport) enum Host {
    /// An address: nothing to resolve.
    Ip(IpAddr),
    /// A name.
    Name(Box<str>),
}

impl Host {
    /// From text, with or without the brackets around an IPv6 address.
    pub(super) fn parse(text: &str) -> Self {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        bare.parse()
            .map_or_else(|_| Self::Name(text.into()), Self::Ip)
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Self::Ip(_) => *self == Self::parse(text),
            Self::Name(name) => name.eq_ignore_ascii_case(text),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A server as a URL names it.
#[derive(Debug, Clone)]
pub(in crate::transport) struct Target {
    pub(super) secure: bool,
    pub(super) server_name: ServerName<'static>,
    host: Host,
    port: u16,
    /// Where a `connect_to` rule leads, if one fits.
    rerouted: Option<(Host, u16)>,
}

impl Target {
    /// Nothing if the scheme is unknown or there is no host.
    pub(in crate::transport) fn new(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let host = Host::parse(url.host_str()?);
        let server_name = match &host {
            Host::Ip(ip) => ServerName::from(*ip),
            Host::Name(name) => ServerName::try_from(name.to_string()).ok()?,
        };
        Some(Self {
            secure,
            server_name,
            host,
            port: url.port_or_known_default()?,
            rerouted: None,
        })
    }

    /// The same target, reached by the first of the rules that fits it.
    pub(in crate::transport) fn rerouted(mut self, rules: &[ConnectTo]) -> Self {
        self.rerouted = rules
            .iter()
            .find(|rule| {
                let host_fits = rule
                    .from_host
                    .as_deref()
                    .is_none_or(|from| self.host.is(from));
                host_fits && rule.from_port.is_none_or(|from| from == self.port)
            })
            .map(|rule| {
                let host = rule.to_host.as_deref().map(Host::parse);
                (
                    host.unwrap_or_else(|| self.host.clone()),
                    rule.to_port.unwrap_or(self.port),
                )
            });
        self
    }

    /// Where to connect.
    pub(super) fn route(&self) -> (&Host, u16) {
        match &self.rerouted {
            Some((host, port)) => (host, *port),
            None => (&self.host, self.port),
        }
    }

    /// `host[:port]` as the `Host` header has it: without the scheme's default port.
    pub(in crate::transport) fn authority(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `scheme://host[:port]` as the `Origin` header has it.
    pub(in crate::transport) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::new(&url.parse().unwrap()).unwrap()
    }

    fn rule(from: (Option<&str>, Option<u16>), to: (Option<&str>, Option<u16>)) -> ConnectTo {
        ConnectTo {
            from_host: from.0.map(str::to_owned),
            from_port: from.1,
            to_host: to.0.map(str::to_owned),
            to_port: to.1,
        }
    }

    #[test]
    fn default_ports_are_left_out_of_the_host_header() {
        assert_eq!(target("http://a.test").authority(), "a.test");
        assert_eq!(target("wss://a.test:443").authority(), "a.test");
        assert_eq!(target("ws://a.test:443").authority(), "a.test:443");
        assert_eq!(target("http://[::1]:80/x").authority(), "[::1]");
        assert_eq!(target("https://[::1]:1").origin(), "https://[::1]:1");
    }

    #[test]
    fn the_first_rule_that_fits_decides_where_to_connect() {
        let rules = [
            rule((Some("b.test"), None), (Some("1.1.1.1"), None)),
            rule((Some("A.test"), Some(80)), (Some("[::1]"), Some(8080))),
            rule((None, None), (None, Some(9))),
        ];
        let first = target("http://a.test").rerouted(&rules);
        assert_eq!(first.route(), (&Host::parse("::1"), 8080));
        let second = target("http://b.test").rerouted(&rules);
        assert_eq!(second.route(), (&Host::parse("1.1.1.1"), 80));
        let third = target("http://c.test").rerouted(&rules);
        assert_eq!(third.route(), (&Host::parse("c.test"), 9));
    }

    #[test]
    fn a_url_of_another_scheme_is_no_target() {
        assert!(Target::new(&"ftp://a.test".parse().unwrap()).is_none());
    }
}
