//! Packets to send, each an Engine.IO message of text: one allocation of the exact size.

use std::borrow::Cow;

use bytes::Bytes;

/// Names longer than 20 digits do not exist: `u64::MAX` has 20.
const MAX_DIGITS: usize = 20;

/// An event's parts.
#[derive(Debug, Clone, Copy)]
pub struct EventParts<'a> {
    /// The name, as it is.
    pub name: &'a str,
    /// The JSON text of the arguments, without brackets.
    pub args: &'a str,
    /// How many binary arguments follow these.
    pub attachments: usize,
}

/// An EVENT or BINARY_EVENT packet.
#[must_use]
pub fn event(namespace: &str, id: Option<u64>, parts: EventParts<'_>) -> Bytes {
    let name = escape_name(parts.name);
    let has_args = !parts.args.is_empty();
    let mut packet = Text::for_packet(namespace, id, parts.attachments);
    packet.expect(2 + name.len() + usize::from(has_args) + parts.args.len());
    packet.start('2', '5');
    packet.push("\"");
    packet.push(&name);
    packet.push("\"");
    if has_args {
        packet.push(",");
        packet.push(parts.args);
    }
    packet.finish(true)
}

/// An ACK packet without attachments; `args` is JSON text without brackets.
#[must_use]
pub fn ack(namespace: &str, id: u64, args: &str) -> Bytes {
    let mut packet = Text::for_packet(namespace, Some(id), 0);
    packet.expect(args.len());
    packet.start('3', '6');
    packet.push(args);
    packet.finish(false)
}

/// A CONNECT packet; `payload` is the JSON text of an object, or empty.
#[must_use]
pub fn connect(namespace: &str, payload: &str) -> Bytes {
    bare("40", namespace, payload)
}

/// A DISCONNECT packet.
#[must_use]
pub fn disconnect(namespace: &str) -> Bytes {
    bare("41", namespace, "")
}

fn bare(types: &str, namespace: &str, payload: &str) -> Bytes {
    let nsp = written_namespace(namespace);
    let comma = if nsp.is_empty() { "" } else { "," };
    let mut text = String::with_capacity(types.len() + nsp.len() + comma.len() + payload.len());
    text.push_str(types);
    text.push_str(nsp);
    text.push_str(comma);
    text.push_str(payload);
    text.into()
}

/// A name as `JSON.stringify` writes it, without the quotes.
#[must_use]
pub fn escape_name(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if name.as_bytes().iter().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let mut quoted = serde_json::Value::from(name).to_string();
    quoted.pop();
    quoted.remove(0);
    Cow::Owned(quoted)
}

/// The root is left out.
fn written_namespace(namespace: &str) -> &str {
    if namespace == "/" { "" } else { namespace }
}

struct Text<'a> {
    namespace: &'a str,
    id: Digits,
    attachments: usize,
    size: usize,
    out: Vec<u8>,
}

impl<'a> Text<'a> {
    fn for_packet(namespace: &'a str, id: Option<u64>, attachments: usize) -> Self {
        let namespace = written_namespace(namespace);
        Self {
            namespace,
            id: id.map_or(Digits::NONE, Digits::of),
            attachments,
            size: 0,
            out: Vec::new(),
        }
    }

    /// Reserves exactly what the packet takes if its list holds `content` bytes beside the
    /// placeholders; then `Vec` to `Bytes` costs no second allocation.
    fn expect(&mut self, content: usize) {
        let comma = usize::from(!self.namespace.is_empty());
        self.size = 4 + self.namespace.len() + comma + self.id.as_bytes().len() + content;
        if self.attachments > 0 {
            self.size += Digits::of(self.attachments as u64).as_bytes().len() + 1;
            self.size += (0..self.attachments).map(placeholder_len).sum::<usize>();
        }
        self.out.reserve_exact(self.size);
    }

    fn start(&mut self, text: char, binary: char) {
        self.push("4");
        if self.attachments > 0 {
            self.out.push(binary as u8);
            let count = Digits::of(self.attachments as u64);
            self.out.extend_from_slice(count.as_bytes());
            self.push("-");
        } else {
            self.out.push(text as u8);
        }
        if !self.namespace.is_empty() {
            self.out.extend_from_slice(self.namespace.as_bytes());
            self.push(",");
        }
        self.out.extend_from_slice(self.id.as_bytes());
        self.push("[");
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Closes the list behind its placeholders; `comma` says if something stands before them.
    fn finish(mut self, comma: bool) -> Bytes {
        for index in 0..self.attachments {
            if comma || index > 0 {
                self.push(",");
            }
            self.push(PLACEHOLDER);
            let number = Digits::of(index as u64);
            self.out.extend_from_slice(number.as_bytes());
            self.push("}");
        }
        self.push("]");
        debug_assert_eq!(self.out.len(), self.size, "the size was reckoned wrong");
        self.out.into()
    }
}

const PLACEHOLDER: &str = "{\"_placeholder\":true,\"num\":";

/// A comma, the placeholder and its number.
fn placeholder_len(index: usize) -> usize {
    PLACEHOLDER.len() + 2 + Digits::of(index as u64).as_bytes().len()
}

/// A number in decimal, on the stack.
struct Digits {
    buffer: [u8; MAX_DIGITS],
    start: usize,
}

impl Digits {
    const NONE: Self = Self {
        buffer: [0; MAX_DIGITS],
        start: MAX_DIGITS,
    };

    fn of(mut number: u64) -> Self {
        let mut digits = Self::NONE;
        loop {
            digits.start -= 1;
            digits.buffer[digits.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(name: &'a str, args: &'a str, attachments: usize) -> EventParts<'a> {
        EventParts {
            name,
            args,
            attachments,
        }
    }

    #[test]
    fn an_event_is_written_as_the_reference_client_writes_it() {
        assert_eq!(event("/", None, parts("a", "", 0)), "42[\"a\"]");
        assert_eq!(event("/", Some(0), parts("a", "1", 0)), "420[\"a\",1]");
        assert_eq!(
            event("/x", Some(120), parts("a\"b", "1,{}", 0)),
            "42/x,120[\"a\\\"b\",1,{}]"
        );
    }

    #[test]
    fn binary_arguments_leave_placeholders() {
        assert_eq!(
            event("/x", Some(7), parts("a", "1", 2)),
            "452-/x,7[\"a\",1,{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]"
        );
        assert_eq!(
            event("/", None, parts("a", "", 1)),
            "451-[\"a\",{\"_placeholder\":true,\"num\":0}]"
        );
    }

    #[test]
    fn the_other_packets_are_short() {
        assert_eq!(connect("/", ""), "40");
        assert_eq!(connect("/adm", "{\"a\":1}"), "40/adm,{\"a\":1}");
        assert_eq!(connect("/adm?k=v", ""), "40/adm?k=v,");
        assert_eq!(disconnect("/"), "41");
        assert_eq!(disconnect("/adm"), "41/adm,");
        assert_eq!(ack("/adm", 12, "1,2"), "43/adm,12[1,2]");
        assert_eq!(ack("/", u64::MAX, ""), "4318446744073709551615[]");
    }
}
