use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::{ClientLine, Message, Side, Utterance, Wire, blank_ids};

/// What one client and its server said to each other, and what it reported.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) wire: Wire,
    address: SocketAddr,
    /// The official client's report.
    pub(super) lines: Vec<ClientLine>,
    /// Ours.
    pub(super) summary: Value,
}

impl Heard {
    pub(super) fn new(wire: Wire, address: SocketAddr, lines: Vec<ClientLine>) -> Self {
        Self {
            wire,
            address,
            lines,
            summary: Value::Null,
        }
    }

    pub(super) fn with(self, summary: Value) -> Self {
        Self { summary, ..self }
    }

    /// All that the client said, in order: requests with their heads, byte for byte but for what
    /// differs from run to run, and frames.
    pub(super) fn client(&self) -> Vec<String> {
        let said = self.wire.messages.iter();
        said.filter(|said| said.side == Side::Client)
            .filter_map(|said| self.show(&said.what))
            .collect()
    }

    /// The same, with no more than one poll between two other things: how many a session takes
    /// until its upgrade depends on who is faster.
    pub(super) fn client_but_for_polls(&self) -> Vec<String> {
        let is_poll = |text: &str| {
            text.starts_with("GET ") && text.contains("transport=polling") && text.contains("sid=…")
        };
        let mut polls = 0;
        self.client()
            .into_iter()
            .filter(|text| {
                polls += usize::from(is_poll(text));
                !is_poll(text) || polls == 1
            })
            .collect()
    }

    /// The packets that the server sent, in order, but for what only ends a poll, and for errors:
    /// whether a server has noticed a loss before the client's goodbye is a matter of luck.
    pub(super) fn server_packets(&self) -> Vec<String> {
        let mut packets = Vec::new();
        for said in &self.wire.messages {
            match &said.what {
                _ if said.side == Side::Client => {}
                Utterance::Http(message) if message.body == b"ok" => {}
                Utterance::Http(message) => {
                    let body = String::from_utf8_lossy(&message.body).into_owned();
                    packets.extend(split(&body).into_iter().map(blank_ids));
                }
                Utterance::Frame(frame) => packets.push(blank_ids(&show_bytes(&frame.payload))),
                Utterance::End | Utterance::Rest(_) => {}
            }
        }
        packets.retain(|packet| {
            let ends_poll = ["", "6"].contains(&packet.as_str());
            !ends_poll && !packet.starts_with("{\"code\"")
        });
        packets
    }

    /// The official client's reasons of its disconnects.
    pub(super) fn reasons(&self) -> Vec<&str> {
        let lines = self.lines.iter();
        lines.filter_map(|line| line.reason.as_deref()).collect()
    }

    /// How many TCP connections there were.
    pub(super) fn connections(&self) -> usize {
        let numbers = self.wire.messages.iter().map(|said| said.connection);
        numbers.collect::<BTreeSet<_>>().len()
    }

    /// Each `t` of the client's requests.
    pub(super) fn timestamps(&self) -> Vec<&str> {
        self.wire
            .requests()
            .filter_map(|request| request.head.word().split_once("&t="))
            .map(|(_, rest)| rest.split_once('&').map_or(rest, |(value, _)| value))
            .collect()
    }

    fn show(&self, what: &Utterance) -> Option<String> {
        match what {
            Utterance::Http(request) => Some(self.show_request(request)),
            Utterance::Frame(frame) if frame.opcode == 8 => {
                Some(format!("close frame {}", show_bytes(&frame.payload)))
            }
            Utterance::Frame(frame) => {
                let text = blank_ids(&show_bytes(&frame.payload));
                Some(format!("frame {} {text}", frame.opcode))
            }
            Utterance::End => None,
            Utterance::Rest(bytes) => Some(format!("? {}", show_bytes(bytes))),
        }
    }

    fn show_request(&self, request: &Message) -> String {
        let shown = |(name, value): &(String, String)| {
            let value = match name.as_str() {
                "Sec-WebSocket-Key" => "…".to_owned(),
                "cookie" => cookies_without_values(value),
                _ => value.replace(&self.address.to_string(), "HOST"),
            };
            format!("{name}: {value}\n")
        };
        let headers: String = request.head.headers.iter().map(shown).collect();
        let start = blank_ids(&request.head.start);
        let body = blank_ids(&String::from_utf8_lossy(&request.body));
        format!("{start}\n{headers}\n{}", body.replace('\u{1e}', "␞"))
    }
}

/// The packets of a payload, of revision 3 if it begins with a length.
fn split(mut body: &str) -> Vec<&str> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = body.split_once(':')
        && let Ok(length) = length.parse()
    {
        let (packet, after) = rest.split_at(bytes_of(rest, length));
        packets.push(packet);
        body = after;
    }
    packets.extend(body.split('\u{1e}'));
    packets
}

/// How many bytes so many UTF-16 code units take.
fn bytes_of(text: &str, units: usize) -> usize {
    let mut left = units;
    let is_within = |c: &char| {
        let fits = left >= c.len_utf16();
        left = left.saturating_sub(c.len_utf16());
        fits
    };
    text.chars().take_while(is_within).map(char::len_utf8).sum()
}

fn cookies_without_values(cookies: &str) -> String {
    let names = cookies
        .split("; ")
        .map(|cookie| cookie.split('=').next().unwrap_or_default());
    names.collect::<Vec<_>>().join("; ")
}

fn show_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => format!("{bytes:?}"),
    }
}
