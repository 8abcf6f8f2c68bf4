//! What one client says and hears, in the words of `DEBUG=socket*`.

use std::borrow::Cow;

use super::connections::Arrival;
use crate::event::ClientId;
use crate::protocol::{Event, Frame, Method, Transmit};
use crate::trace::{Trace, Voice};

/// The most of a packet that a line shows, in characters.
const SHOWN: usize = 300;

/// Parts of a query that are the protocol's own, and no secret.
const OWN: [&str; 5] = ["EIO", "transport", "t", "sid", "b64"];

/// Which client of a run is followed, and where its lines go.
#[derive(Debug, Clone, Copy)]
pub struct Follow {
    /// Its number over the whole run.
    pub client: ClientId,
    /// Whether values of `auth` and `query` are shown.
    pub show_secrets: bool,
    /// Takes every line; called on the thread of the client.
    pub out: fn(&str),
}

/// The log of one client.
pub(super) struct WireLog {
    trace: Trace,
    show_secrets: bool,
}

impl WireLog {
    pub(super) fn new(follow: Follow) -> Self {
        Self {
            trace: Trace::to(follow.out),
            show_secrets: follow.show_secrets,
        }
    }

    /// Something came in.
    pub(super) fn arrival(&self, arrival: &Arrival) {
        match arrival {
            Arrival::Response { status, body, .. } => self.trace.say(Voice::Polling, || {
                format!(
                    "polling got {status}, data {}",
                    self.shown(body, Direction::In)
                )
            }),
            Arrival::RequestFailed { failure, .. } => self
                .trace
                .say(Voice::Polling, || format!("xhr error: {failure}")),
            // Not a part of the wire that is logged.
            Arrival::StepResponse { .. } => {}
            Arrival::WebSocketOpen { .. } => self.trace.say(Voice::WebSocket, || "open".to_owned()),
            Arrival::WebSocketRefused { failure, .. } => self
                .trace
                .say(Voice::WebSocket, || format!("websocket error: {failure}")),
            Arrival::Frame { frame, .. } => self.trace.say(Voice::Engine, || self.received(frame)),
            Arrival::WebSocketEnded { end, .. } => self
                .trace
                .say(Voice::WebSocket, || format!("close: {end:?}")),
        }
    }

    /// Something goes out.
    pub(super) fn transmit(&self, transmit: &Transmit) {
        match transmit {
            Transmit::Request(request) => self.trace.say(Voice::Polling, || {
                let query = self.query(&request.query);
                match (&request.body, request.method) {
                    (Some(body), Method::Post) => {
                        format!("xhr open POST: ?{query}, data {}", self.payload(body))
                    }
                    (None, Method::Post) => format!("xhr open POST: ?{query}"),
                    (_, Method::Get) => format!("xhr open GET: ?{query}"),
                }
            }),
            Transmit::OpenWebSocket { query, probe, .. } => self.trace.say(Voice::Engine, || {
                let what = if *probe { "probing" } else { "creating" };
                format!("{what} transport \"websocket\": ?{}", self.query(query))
            }),
            Transmit::Frame { frame, .. } => self.trace.say(Voice::WebSocket, || {
                format!("writing {}", self.payload(frame.payload()))
            }),
            Transmit::CloseWebSocket { .. } => {
                self.trace.say(Voice::WebSocket, || "closing".to_owned())
            }
            Transmit::AbandonWebSocket { .. } => self
                .trace
                .say(Voice::WebSocket, || "dropped while it opened".to_owned()),
            Transmit::EngineEnded { .. } => {
                self.trace.say(Voice::Engine, || "socket close".to_owned())
            }
        }
    }

    /// Something happened.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each event: the table of what is said of it"
    )]
    pub(super) fn event(&self, event: &Event) {
        let say = |voice, what: String| self.trace.say(voice, || what);
        match event {
            Event::EngineOpening { transport, .. } => {
                say(Voice::Engine, format!("creating transport \"{transport}\""))
            }
            Event::EngineOpened { transport } => {
                say(Voice::Engine, format!("socket open on \"{transport}\""));
            }
            Event::EngineFailed { failure } | Event::TransportFailed { failure, .. } => {
                say(Voice::Manager, format!("error: {failure}"));
            }
            Event::Zombie => say(Voice::Engine, "late answer to a handshake".to_owned()),
            Event::UpgradeStarted => say(Voice::Engine, "upgrade started".to_owned()),
            Event::Upgraded => say(Voice::Engine, "upgraded to \"websocket\"".to_owned()),
            Event::UpgradeFailed { failure } => {
                say(Voice::Engine, format!("probe transport failed: {failure}"));
            }
            Event::NamespaceConnecting { namespace } => say(
                Voice::Socket,
                format!("transport is open - connecting namespace {namespace}"),
            ),
            Event::Connected {
                namespace,
                recovered,
            } => {
                let how = match recovered {
                    Some(true) => ", recovered",
                    Some(false) | None => "",
                };
                say(
                    Voice::Socket,
                    format!("socket connected on namespace {namespace}{how}"),
                );
            }
            Event::Rejected { failure, .. } => {
                say(Voice::Socket, format!("connect error: {failure}"));
            }
            Event::SessionFailed { failure } => {
                say(Voice::Engine, format!("socket error: {failure}"));
            }
            Event::Disconnected { reason, .. } => say(Voice::Socket, format!("close ({reason})")),
            Event::ReconnectScheduled { attempt, delay, .. } => say(
                Voice::Manager,
                format!(
                    "will wait {}ms before reconnect attempt {attempt}",
                    delay.as_millis()
                ),
            ),
            Event::GaveUp => say(Voice::Manager, "reconnect failed".to_owned()),
            Event::Received(received) => say(
                Voice::Socket,
                format!("emitting event {}", text(received.raw_name())),
            ),
            Event::Acked { .. } => say(Voice::Socket, "calling ack".to_owned()),
            Event::AckTimedOut { .. } => say(Voice::Socket, "ack has timed out".to_owned()),
            Event::AckLost { .. } => say(Voice::Socket, "ack is lost".to_owned()),
            Event::Heartbeat { .. } => say(Voice::Engine, "ping".to_owned()),
            // What the wire shows anyway.
            Event::QueryNeeded { .. }
            | Event::AuthNeeded { .. }
            | Event::Retried { .. }
            | Event::BufferedSent { .. }
            | Event::DroppedUnsent { .. } => {}
        }
    }

    /// Without values that may be secret.
    fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        if self.show_secrets {
            return Cow::Borrowed(query);
        }
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if !OWN.contains(&name) => format!("{name}=***"),
                Some(_) | None => pair.to_owned(),
            })
            .collect();
        Cow::Owned(masked.join("&"))
    }

    /// Without what a CONNECT carries.
    fn payload(&self, body: &[u8]) -> String {
        self.shown(body, Direction::Out)
    }

    /// A frame in the words of the engine.
    fn received(&self, frame: &Frame) -> String {
        const TYPES: [&str; 7] = [
            "open", "close", "ping", "pong", "message", "upgrade", "noop",
        ];
        let Frame::Text(bytes) = frame else {
            return format!("socket receive: {} bytes", frame.payload().len());
        };
        let shown = self.shown(bytes, Direction::In);
        let digit = bytes
            .first()
            .map(|byte| usize::from(byte.wrapping_sub(b'0')));
        match digit.and_then(|digit| TYPES.get(digit)) {
            Some(kind) => format!("socket receive: type \"{kind}\", data \"{}\"", &shown[1..]),
            None => format!("socket receive: \"{shown}\""),
        }
    }

    /// The beginning of what went out or came in, without what may be secret in it.
    fn shown(&self, body: &[u8], direction: Direction) -> String {
        let shown = text(body);
        if self.show_secrets {
            return shown;
        }
        masked(&shown, direction)
    }
}

/// Which way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// A CONNECT carries auth, or in revision 3 a query.
    Out,
    /// Its reply may repeat the query; the rest of it is what the server says.
    In,
}

impl Direction {
    /// What a secret begins behind, in a CONNECT.
    fn marks(self) -> &'static [char] {
        match self {
            Self::Out => &['{', '?'],
            Self::In => &['?'],
        }
    }

    /// What it ends before.
    fn ends(self) -> &'static [char] {
        match self {
            Self::Out => &[SEPARATOR],
            Self::In => &[SEPARATOR, ','],
        }
    }
}

/// What stands between the packets of a payload of revision 4, as [`text`] shows it.
const SEPARATOR: char = '␞';

/// A text of packets with what their CONNECTs carry taken out. Where a packet's end is told by a
/// length before it, nothing after what was taken out is shown.
fn masked(packets: &str, direction: Direction) -> String {
    let mut out = String::new();
    let mut rest = packets;
    while let Some((shown, hidden)) = secret(rest, direction) {
        out.push_str(shown);
        out.push_str("***");
        let end = hidden.find(direction.ends()).unwrap_or(hidden.len());
        rest = &hidden[end..];
    }
    out.push_str(rest);
    out
}

/// The text up to where the first of its CONNECTs tells a secret, and from there on.
fn secret(packets: &str, direction: Direction) -> Option<(&str, &str)> {
    packets.match_indices("40").find_map(|(begin, _)| {
        if !begins_packet(&packets[..begin]) {
            return None;
        }
        let packet = &packets[begin + 2..];
        let is_connect = packet.starts_with(['/', '{', '?']);
        let packet = packet
            .split(direction.ends())
            .next()
            .filter(|_| is_connect)?;
        Some(packets.split_at(begin + 2 + packet.find(direction.marks())? + 1))
    })
}

/// Whether a packet can begin after this: first of all, behind a separator, or behind its length in
/// a text or in octets.
fn begins_packet(before: &str) -> bool {
    let is_end = |last: char| matches!(last, SEPARATOR | ':' | char::REPLACEMENT_CHARACTER);
    before.chars().next_back().is_none_or(is_end)
}

/// The beginning of what was said, on one line.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace('\u{1e}', SEPARATOR.encode_utf8(&mut [0; 4]));
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(show_secrets: bool) -> WireLog {
        WireLog::new(Follow {
            client: ClientId(0),
            show_secrets,
            out: |_| {},
        })
    }

    #[test]
    fn secrets_of_query_and_auth_are_not_shown() {
        let log = log(false);
        assert_eq!(
            log.query("token=x&EIO=4&transport=polling&sid=a"),
            "token=***&EIO=4&transport=polling&sid=a"
        );
        assert_eq!(log.payload(b"40{\"token\":1}"), "40{***");
        assert_eq!(log.payload(b"40/a,{\"t\":1}\x1e42[{}]"), "40/a,{***␞42[{}]");
        assert_eq!(log.payload(b"17:40/adm?token=x,"), "17:40/adm?***");
        assert_eq!(log.payload(b"42[\"e\",{}]"), "42[\"e\",{}]");
    }

    #[test]
    fn a_connect_is_found_behind_other_packets_of_revision_3() {
        let log = log(false);
        assert_eq!(
            log.payload(b"6:42[\"a\"]11:40/adm?t=x,6:42[\"b\"]"),
            "6:42[\"a\"]11:40/adm?***"
        );
        let octets = b"\x00\x06\xff42[\"a\"]\x00\x01\x01\xff40/adm?t=x,";
        let shown = log.payload(octets);
        assert!(shown.ends_with("40/adm?***"), "{shown}");
    }

    #[test]
    fn a_reply_that_repeats_the_query_is_shown_without_it() {
        let log = log(false);
        let frame = |text: &'static [u8]| Frame::Text(text.into());
        assert_eq!(
            log.received(&frame(b"40/adm?t=x,")),
            "socket receive: type \"message\", data \"0/adm?***,\""
        );
        assert_eq!(
            log.received(&frame(b"40/adm,{\"sid\":\"a?b\"}")),
            "socket receive: type \"message\", data \"0/adm,{\"sid\":\"a?b\"}\""
        );
        let polled = log.shown(b"11:40/adm?t=x,6:42[\"b\"]", Direction::In);
        assert_eq!(polled, "11:40/adm?***,6:42[\"b\"]");
    }

    #[test]
    fn they_are_shown_where_that_was_asked_for() {
        let log = log(true);
        assert_eq!(log.query("token=x"), "token=x");
        assert_eq!(log.payload(b"40{\"token\":1}"), "40{\"token\":1}");
    }
}
