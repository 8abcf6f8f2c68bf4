//! A plan becomes scenario text again: `scenario.toml` of the results, every default filled in.
//!
//! Reading it gives the same plan, unless a secret was masked. Warnings are not written: what they
//! warned of is settled in the plan.

mod capacity;
mod clients;
mod steps;
mod text;

use std::fmt::Write;

use super::environment::Substitution;
use super::plan::{ConnectTo, Fault, IpFamily, Plan, Server, ServerProgram, Sweep, Target};
use super::secret::MASK;
use super::threshold::Threshold;
use crate::fault::Value;
use crate::units::{ByteSize, Selection, format_duration};
use crate::word::Word as _;
use text::{array, inline, is_secret_free, quoted, table_key};

const HEAD: &str = "\
# The scenario as it ran, every default filled in. `sio-load run` on this file repeats it.
";

const MASKED_HEAD: &str = "\
# The scenario as it ran, every default filled in. Values that may be secret (auth, query, headers
# with such a name, the environment of servers, TLS keys, passwords in URLs) are masked as ***: put
# them back before running this file, or let the run write them with --show-secrets.
";

impl Plan {
    /// The scenario as it ran: every default filled in, the seed, and what flags changed.
    ///
    /// Without `show_secrets`, values of `auth` and `query`, of headers whose name tells of a secret
    /// (Authorization, Cookie, X-Api-Key), of the server's environment, paths of TLS keys and
    /// passwords in URLs are masked, and a comment at the top says so. Values made of placeholders alone stay:
    /// they hold no secret themselves.
    #[must_use]
    pub fn to_toml(&self, show_secrets: bool) -> String {
        let mut writer = Writer {
            out: String::new(),
            show_secrets,
            masked: false,
            substitutions: &self.substitutions,
        };
        writer.pair("name", &quoted(&self.name));
        writer.pair("description", &quoted(&self.description));
        writer.pair("duration", &quoted(&format_duration(self.duration)));
        writer.pair("seed", &self.seed.to_string());
        writer.target(&self.target);
        if let Some(server) = &self.server {
            writer.server(server);
        }
        if let Some(csv) = &self.csv {
            writer.header("[data]");
            writer.pair("csv", &quoted(&csv.file.display().to_string()));
        }
        for population in &self.populations {
            writer.population(population);
        }
        for fault in &self.chaos {
            writer.fault(fault, self);
        }
        writer.sweep(&self.sweep);
        for watch in &self.watches {
            writer.watch(watch);
        }
        writer.capacity(&self.capacity);
        writer.thresholds(&self.thresholds, self);
        writer.watch_bounds(&self.watch_bounds, self.thresholds.is_empty());
        let head = if writer.masked { MASKED_HEAD } else { HEAD };
        format!("{head}{}", writer.unresolved())
    }
}

struct Writer<'a> {
    out: String,
    show_secrets: bool,
    masked: bool,
    substitutions: &'a [Substitution],
}

impl Writer<'_> {
    /// The text with `${NAME}` wherever a string came from the environment.
    fn unresolved(&self) -> String {
        let mut out = self.out.clone();
        for Substitution { source, resolved } in self.substitutions {
            let source = quoted(source);
            out = out.replace(&quoted(resolved), &source);
            if let Ok(url) = url::Url::parse(resolved) {
                out = out.replace(&quoted(url.as_str()), &source);
            }
        }
        out
    }

    fn header(&mut self, header: &str) {
        writeln!(self.out, "\n{header}").expect("writing to a String cannot fail");
    }

    /// `value` is TOML already.
    fn pair(&mut self, key: &str, value: &str) {
        writeln!(self.out, "{} = {value}", table_key(key))
            .expect("writing to a String cannot fail");
    }

    fn optional(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.pair(key, &value);
        }
    }

    fn secret(&mut self, value: &str) -> String {
        let is_substituted = self.substitutions.iter().any(|s| s.resolved == value);
        if self.show_secrets || is_secret_free(value) || is_substituted {
            return value.to_owned();
        }
        self.masked = true;
        MASK.to_owned()
    }

    /// Without the password that it may hold.
    fn url(&mut self, url: &url::Url) -> String {
        let mut url = url.clone();
        if !self.show_secrets && url.password().is_some() {
            self.masked = true;
            // Fails for URLs without a host alone, which have no password either.
            let _unchanged = url.set_password(Some(MASK));
        }
        quoted(url.as_str())
    }

    fn target(&mut self, target: &Target) {
        self.header("[target]");
        if let Some(url) = &target.url {
            let url = self.url(url);
            self.pair("url", &url);
        }
        if let Some(proxy) = &target.proxy {
            let proxy = self.url(proxy);
            self.pair("proxy", &proxy);
        }
        let redirects = target.redirects.iter().map(|origin| quoted(origin));
        self.pair("redirects", &array(redirects));
        if let Some(toxiproxy) = &target.toxiproxy {
            let toxiproxy = self.url(toxiproxy);
            self.pair("toxiproxy", &toxiproxy);
        }
        let rules = target
            .connect_to
            .iter()
            .map(|rule| quoted(&connect_to(rule)));
        self.pair("connect_to", &array(rules));
        let version = target.ip_family.map(|family| match family {
            IpFamily::V4 => "4".to_owned(),
            IpFamily::V6 => "6".to_owned(),
        });
        self.optional("ip", version);
    }

    fn server(&mut self, server: &Server) {
        self.header("[server]");
        match &server.program {
            ServerProgram::Embedded => self.pair("embedded", "true"),
            ServerProgram::Command { argv, env, cwd } => {
                self.pair("command", &array(argv.iter().map(|word| quoted(word))));
                let env: Vec<_> = env
                    .iter()
                    .map(|(key, value)| (key.as_str(), quoted(&self.secret(value))))
                    .collect();
                self.pair("env", &inline(env));
                let cwd = cwd.as_ref().map(|cwd| quoted(&cwd.display().to_string()));
                self.optional("cwd", cwd);
            }
        }
        self.pair("ready", &quoted(&format_duration(server.ready)));
        self.pair("instances", &server.instances.to_string());
        self.pair("balance", &quoted(server.balance.word()));
        let linger = server.linger.map(|linger| quoted(&format_duration(linger)));
        self.optional("linger", linger);
    }

    fn fault(&mut self, fault: &Fault, plan: &Plan) {
        self.header("[[chaos]]");
        self.pair("at", &quoted(&format_duration(fault.at)));
        self.pair("fault", &quoted(fault.kind.name()));
        let every = fault.every.map(|every| quoted(&format_duration(every)));
        self.optional("every", every);
        let lasts = fault.lasts.map(|lasts| quoted(&format_duration(lasts)));
        self.optional("for", lasts);
        if fault.has_victims() {
            self.victims(fault);
        }
        let population = fault.population.map(|id| quoted(plan.population_name(id)));
        self.optional("population", population);
        for setting in fault.kind.settings() {
            let value = match &setting.value {
                Value::Text(text) => quoted(text),
                Value::Number(number) => number.to_string(),
                Value::Switch(on) => on.to_string(),
                Value::Command(argv) => array(argv.iter().map(|word| quoted(word))),
            };
            self.pair(setting.key, &value);
        }
    }

    fn victims(&mut self, fault: &Fault) {
        let over = fault.over.map(|over| quoted(&format_duration(over)));
        self.optional("over", over);
        let clients = match fault.clients {
            Selection::Count(count) => count.to_string(),
            Selection::All | Selection::Share(_) => quoted(&fault.clients.to_string()),
        };
        self.pair("clients", &clients);
    }

    fn sweep(&mut self, sweep: &Sweep) {
        if sweep.is_empty() {
            return;
        }
        self.header("[sweep]");
        for (key, times) in [("delay", &sweep.delay), ("delay_max", &sweep.delay_max)] {
            if !times.is_empty() {
                let times = times.iter().map(|time| quoted(&format_duration(*time)));
                self.pair(key, &array(times));
            }
        }
        if !sweep.randomization.is_empty() {
            let fractions = sweep.randomization.iter().map(f64::to_string);
            self.pair("randomization", &array(fractions));
        }
    }

    fn thresholds(&mut self, thresholds: &[Threshold], plan: &Plan) {
        if thresholds.is_empty() {
            return;
        }
        self.header("[thresholds]");
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for threshold in thresholds {
            let population = threshold.population.map(|id| plan.population_name(id));
            let key = threshold.series().name_in(population);
            let text = bound(threshold);
            match lines.iter_mut().find(|(known, _)| *known == key) {
                Some((_, texts)) => texts.push(text),
                None => lines.push((key, vec![text])),
            }
        }
        for (key, texts) in lines {
            self.pair(&key, &array(texts));
        }
    }
}

/// Alone, or with what a crossing leads to.
fn bound(threshold: &Threshold) -> String {
    let text = quoted(&threshold.text);
    let Some(after) = threshold.abort_after else {
        return text;
    };
    inline([
        ("bound", text),
        ("abort", "true".to_owned()),
        ("after", quoted(&format_duration(after))),
    ])
}

/// As `--connect-to` reads it: IPv6 addresses in brackets.
fn connect_to(rule: &ConnectTo) -> String {
    let host = |host: &Option<String>| match host.as_deref() {
        Some(host) if host.contains(':') => format!("[{host}]"),
        host => host.unwrap_or_default().to_owned(),
    };
    let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    let (from_host, to_host) = (host(&rule.from_host), host(&rule.to_host));
    let (from_port, to_port) = (port(rule.from_port), port(rule.to_port));
    format!("{from_host}:{from_port}:{to_host}:{to_port}")
}

fn size(size: ByteSize) -> String {
    quoted(&size.to_string())
}
