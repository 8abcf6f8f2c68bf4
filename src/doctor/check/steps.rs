//! The steps of a connection, as the report shows them.

use std::time::Instant;

use crate::clock;
use crate::doctor::exchange::{Times, ms};
use crate::doctor::report::Step;
use crate::doctor::request::Outcome;
use crate::protocol::engine_io::handshake::Handshake;
use crate::report::number;

pub(super) const WEBSOCKET: &str = "WebSocket connection";

pub(super) fn step(
    name: &'static str,
    began: Instant,
    asked: &Outcome,
    ok: bool,
    detail: String,
) -> Step {
    let Times {
        dns_ms,
        tcp_ms,
        tls_ms,
        total_ms,
    } = asked.times;
    Step {
        name,
        began_ms: ms(asked.began.saturating_duration_since(began)),
        took_ms: total_ms,
        dns_ms,
        tcp_ms,
        tls_ms,
        ok,
        detail,
    }
}

pub(super) fn failed_step(name: &'static str, began: Instant, detail: String) -> Step {
    Step {
        name,
        began_ms: ms(clock::now().saturating_duration_since(began)),
        took_ms: 0.0,
        dns_ms: None,
        tcp_ms: None,
        tls_ms: None,
        ok: false,
        detail,
    }
}

/// What the handshake says, in one line.
pub(super) fn describe(handshake: &Handshake) -> String {
    let upgrades = if handshake.offers_websocket {
        "websocket"
    } else {
        "none"
    };
    let payload = match handshake.max_payload {
        Some(bytes) => format!("maxPayload {}", number::count(bytes as u64)),
        None => "no maxPayload".to_owned(),
    };
    format!(
        "upgrades: {upgrades}; pingInterval {}; pingTimeout {}; {payload}",
        number::time(ms(handshake.ping_interval) * 1e3),
        number::time(ms(handshake.ping_timeout) * 1e3),
    )
}
