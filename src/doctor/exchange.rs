//! What was asked and what came back, as evidence: trimmed, and without secrets.

use std::time::Duration;

use serde::Serialize;

use crate::transport::Timings;

/// The most of a body that is kept, in characters.
const KEPT: usize = 300;

/// Headers that say something about a diagnosis; others are left out of the evidence.
const TELLING: [&str; 16] = [
    "server",
    "via",
    "content-type",
    "content-length",
    "location",
    "set-cookie",
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "www-authenticate",
    "retry-after",
    "x-powered-by",
];

/// One request and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// The check that made it.
    pub check: &'static str,
    /// From the beginning of all, in milliseconds.
    pub at_ms: f64,
    /// Method and target, or what else was done.
    pub request: String,
    /// The body that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// What came back.
    pub answer: Option<Answer>,
    /// Why nothing came back.
    pub failure: Option<String>,
    /// How long it took.
    pub times: Times,
}

/// What came back.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Those that tell something; values of cookies are left out.
    pub headers: Vec<(String, String)>,
    /// Its beginning.
    pub body: String,
}

/// How long an exchange took.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Times {
    /// Resolving the name, in milliseconds.
    pub dns_ms: Option<f64>,
    /// The TCP handshake, in milliseconds.
    pub tcp_ms: Option<f64>,
    /// The TLS handshake, in milliseconds.
    pub tls_ms: Option<f64>,
    /// All of it, in milliseconds.
    pub total_ms: f64,
}

impl Times {
    /// From a connection's phases.
    pub(super) fn new(phases: Option<Timings>, total: Duration) -> Self {
        Self {
            dns_ms: phases.and_then(|phases| phases.dns).map(ms),
            tcp_ms: phases.map(|phases| ms(phases.tcp)),
            tls_ms: phases.and_then(|phases| phases.tls).map(ms),
            total_ms: ms(total),
        }
    }
}

impl Exchange {
    /// The request without what tells sessions and requests of one kind apart: `sid` and `t`.
    pub(super) fn kind(&self) -> String {
        let Some((before, query)) = self.request.split_once('?') else {
            return self.request.clone();
        };
        let pairs: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with("t="))
            .map(|pair| match pair.starts_with("sid=") {
                true => "sid=…",
                false => pair,
            })
            .collect();
        format!("{before}?{}", pairs.join("&"))
    }
}

/// Milliseconds with a fraction.
pub(super) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Answer {
    /// Keeps what tells something.
    pub(super) fn new(
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
        show_secrets: bool,
    ) -> Self {
        let headers = headers
            .iter()
            .filter(|(name, _)| TELLING.contains(&&*name.to_ascii_lowercase()))
            .map(|(name, value)| {
                let value = match name.eq_ignore_ascii_case("set-cookie") && !show_secrets {
                    true => without_value(value),
                    false => trimmed(value.as_bytes()),
                };
                (name.clone(), value)
            })
            .collect();
        Self {
            status,
            headers,
            body: trimmed(body),
        }
    }
}

/// A cookie's name and attributes.
fn without_value(cookie: &str) -> String {
    let (name, rest) = cookie.split_once('=').unwrap_or((cookie, ""));
    match rest.split_once(';') {
        Some((_, attributes)) => format!("{name}=***;{attributes}"),
        None => format!("{name}=***"),
    }
}

/// The beginning of a text, on one line.
pub(super) fn trimmed(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut kept: String = text.chars().take(KEPT).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    // The separator of payloads is shown as the documentation shows it.
    kept.replace('\u{1e}', "␞").replace(['\r', '\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_cookies_are_left_out() {
        let headers = [("Set-Cookie".to_owned(), "io=abc; Path=/".to_owned())];
        let answer = Answer::new(200, &headers, b"", false);
        assert_eq!(answer.headers[0].1, "io=***; Path=/");
    }
}
