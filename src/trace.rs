//! The wire log in the form that people know from `DEBUG=socket*`.
//!
//! Lines come in with the name of who speaks, and go out with the time since that one's last line.
//! Nothing here knows what the lines mean, or where they go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use crate::clock;
use crate::printable::printable;

/// Whose words a line is in: the namespaces of the `debug` package in the JS client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// The Manager: connecting and reconnecting.
    Manager,
    /// A Socket: one namespace.
    Socket,
    /// The Socket.IO parser.
    Parser,
    /// The engine: one session.
    Engine,
    /// Long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl Voice {
    /// As `DEBUG` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Manager => "socket.io-client:manager",
            Self::Socket => "socket.io-client:socket",
            Self::Parser => "socket.io-parser",
            Self::Engine => "engine.io-client:socket",
            Self::Polling => "engine.io-client:polling",
            Self::WebSocket => "engine.io-client:websocket",
        }
    }
}

/// Where the lines go.
type Out = Box<dyn FnMut(&str)>;

/// A log that may be switched off; it is by default.
#[derive(Default)]
pub struct Trace {
    out: Option<RefCell<Out>>,
    last: RefCell<BTreeMap<Voice, Instant>>,
}

impl Trace {
    /// Hands every line, with its end, to `out`.
    #[must_use]
    pub fn to(out: impl FnMut(&str) + 'static) -> Self {
        Self {
            out: Some(RefCell::new(Box::new(out))),
            last: RefCell::default(),
        }
    }

    /// Writes a line; `what` is called only if somebody reads it.
    pub fn say(&self, voice: Voice, what: impl FnOnce() -> String) {
        let Some(out) = &self.out else { return };
        let now = clock::now();
        let before = self.last.borrow_mut().insert(voice, now);
        let since = before.map_or(0, |before| {
            now.saturating_duration_since(before).as_millis()
        });
        let clean = printable(&what());
        let line = format!("  {} {clean} +{since}ms\n", voice.name());
        (out.borrow_mut())(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_line_reads_as_debug_writes_it_and_drives_no_terminal() {
        let lines = Rc::new(RefCell::new(String::new()));
        let kept = Rc::clone(&lines);
        let trace = Trace::to(move |line| kept.borrow_mut().push_str(line));
        trace.say(Voice::Manager, || "opening http://localhost".to_owned());
        trace.say(Voice::Engine, || "\u{1b}[31m".to_owned());
        let text = lines.borrow();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("  socket.io-client:manager opening http://localhost +0ms")
        );
        assert_eq!(
            lines.next(),
            Some("  engine.io-client:socket \u{fffd}[31m +0ms")
        );
    }
}
