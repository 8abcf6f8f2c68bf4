use std::net::IpAddr;

use serde_json::Value;

use super::steps::{ack, captures};
use super::text::{array, inline, json, plain_scalar, quoted};
use super::{Writer, size};
use crate::scenario::plan::{
    Client, Emit, Listen, Load, Population, RampStage, Reconnection, StampPath, Tls,
};
use crate::scenario::secret::is_secret_name;
use crate::scenario::template::TextTemplate;
use crate::units::format_duration;
use crate::word::Word as _;

impl Writer<'_> {
    pub(super) fn population(&mut self, population: &Population) {
        self.header("[[clients]]");
        self.pair("name", &quoted(&population.name));
        self.load(&population.load);
        self.client(&population.client);
        self.journey_keys(&population.journey);
        for emit in &population.emits {
            self.emit(emit, &population.client.namespaces);
        }
        for listen in &population.listens {
            self.listen(listen);
        }
        self.journey(&population.journey, &population.client.namespaces);
    }

    fn load(&mut self, load: &Load) {
        match load {
            Load::Arrive { count, rate } => {
                self.pair("count", &count.to_string());
                self.optional("arrive", rate.map(|rate| quoted(&rate.to_string())));
            }
            Load::Ramp(stages) => {
                let stages = stages.iter().map(|stage| match stage {
                    RampStage::To { clients, over } => inline([
                        ("to", clients.to_string()),
                        ("over", quoted(&format_duration(*over))),
                    ]),
                    RampStage::Hold(hold) => inline([("hold", quoted(&format_duration(*hold)))]),
                });
                self.pair("ramp", &array(stages));
            }
            Load::Open { arrivals, stay } => {
                self.pair("arrivals", &quoted(&arrivals.to_string()));
                self.pair("stay", &quoted(&format_duration(*stay)));
            }
        }
    }

    fn client(&mut self, client: &Client) {
        let transports = client.transports.iter().map(|t| quoted(t.name()));
        self.pair("transports", &array(transports));
        self.pair("profile", &quoted(client.profile.word()));
        self.pair("parser", &quoted(client.parser.word()));
        self.pair("protocol", &client.protocol.number().to_string());
        let namespaces = client.namespaces.iter().map(|name| quoted(name));
        self.pair("namespaces", &array(namespaces));
        for (key, value) in [
            ("upgrade", client.upgrade),
            ("remember_upgrade", client.remember_upgrade),
            ("try_all_transports", client.try_all_transports),
            ("with_credentials", client.with_credentials),
            ("compression", client.compression),
            ("force_base64", client.force_base64),
            ("add_trailing_slash", client.add_trailing_slash),
        ] {
            self.pair(key, &value.to_string());
        }
        let timestamps = client.timestamp_requests;
        self.optional("timestamp_requests", timestamps.map(|on| on.to_string()));
        let timeout = client
            .timeout
            .map(|timeout| quoted(&format_duration(timeout)));
        self.pair("timeout", &timeout.unwrap_or_else(|| "false".to_owned()));
        let addresses = ranges(&client.source_addresses);
        self.pair("source_addresses", &array(addresses));
        self.pair("reconnection", &reconnection(client.reconnection));
        self.pair("path", &quoted(&client.path));
        self.way(client);
    }

    /// What may hold secrets.
    fn way(&mut self, client: &Client) {
        let headers: Vec<_> = client
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), self.header_value(name, value)))
            .collect();
        self.pair("headers", &inline(headers));
        let query: Vec<_> = client
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), quoted(&self.secret(value.source()))))
            .collect();
        self.pair("query", &inline(query));
        if let Some(auth) = &client.auth {
            let auth = json(auth.source(), &mut |scalar| self.auth_value(scalar));
            self.pair("auth", &auth);
        }
        let tls = self.tls(&client.tls);
        self.pair("tls", &tls);
    }

    pub(super) fn header_value(&mut self, name: &str, value: &TextTemplate) -> String {
        if is_secret_name(name) {
            quoted(&self.secret(value.source()))
        } else {
            quoted(value.source())
        }
    }

    pub(super) fn auth_value(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => quoted(&self.secret(text)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                let text = value.to_string();
                let shown = self.secret(&text);
                if shown == text { text } else { quoted(&shown) }
            }
        }
    }

    fn tls(&mut self, tls: &Tls) -> String {
        let path = |path: &std::path::PathBuf| path.display().to_string();
        let ca = tls.ca.as_ref().map(|ca| ("ca", quoted(&path(ca))));
        let cert = tls.cert.as_ref().map(|cert| ("cert", quoted(&path(cert))));
        let key = tls.key.as_ref().map(path);
        let key = key.map(|key| ("key", quoted(&self.secret(&key))));
        let insecure = Some(("insecure", tls.insecure.to_string()));
        inline([ca, cert, key, insecure].into_iter().flatten())
    }

    fn emit(&mut self, emit: &Emit, namespaces: &[String]) {
        self.header("[[clients.emit]]");
        self.pair("event", &quoted(&emit.event));
        self.pair("data", &json(emit.data.source(), &mut plain_scalar));
        self.optional("size", emit.size.map(size));
        self.pair("binary", &emit.binary.to_string());
        self.pair("every", &quoted(&format_duration(emit.every)));
        self.pair("burst", &emit.burst.to_string());
        self.pair("namespace", &quoted(&namespaces[emit.namespace]));
        self.pair("volatile", &emit.volatile.to_string());
        self.pair("ack", &ack(emit.ack, &emit.expect, &emit.captures));
    }

    fn listen(&mut self, listen: &Listen) {
        self.header("[[clients.listen]]");
        self.pair("event", &quoted(&listen.event));
        self.optional("expect", listen.expect.map(|expect| expect.to_string()));
        self.optional("stamp", listen.stamp.as_ref().map(stamp));
        let reply = listen.reply.as_ref();
        self.optional(
            "reply",
            reply.map(|reply| json(reply.source(), &mut plain_scalar)),
        );
        if !listen.captures.is_empty() {
            self.pair("capture", &captures(&listen.captures));
        }
    }
}

fn reconnection(reconnection: Option<Reconnection>) -> String {
    let Some(reconnection) = reconnection else {
        return "false".to_owned();
    };
    let attempts = reconnection.attempts;
    let pairs = [
        Some(("delay", quoted(&format_duration(reconnection.delay)))),
        Some((
            "delay_max",
            quoted(&format_duration(reconnection.delay_max)),
        )),
        Some(("randomization", reconnection.randomization.to_string())),
        attempts.map(|attempts| ("attempts", attempts.to_string())),
    ];
    inline(pairs.into_iter().flatten())
}

fn stamp(stamp: &StampPath) -> String {
    if stamp.keys.is_empty() {
        return stamp.argument.to_string();
    }
    quoted(&format!("{}.{}", stamp.argument, stamp.keys.join(".")))
}

/// Neighbouring addresses as ranges, so that a /16 does not fill the file.
fn ranges(addresses: &[IpAddr]) -> Vec<String> {
    let mut ranges: Vec<(IpAddr, IpAddr)> = Vec::new();
    for address in addresses {
        match ranges.last_mut() {
            Some((_, last)) if next(*last) == Some(*address) => *last = *address,
            _ => ranges.push((*address, *address)),
        }
    }
    let text = |(first, last)| {
        if first == last {
            quoted(&format!("{first}"))
        } else {
            quoted(&format!("{first}-{last}"))
        }
    };
    ranges.into_iter().map(text).collect()
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits().checked_add(1)?;
            Some(IpAddr::V4(bits.into()))
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits().checked_add(1)?;
            Some(IpAddr::V6(bits.into()))
        }
    }
}
