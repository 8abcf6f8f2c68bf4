//! A Socket.IO packet that came in, as positions in the message that it came in.

use std::ops::Range;

use bytes::Bytes;

/// What a packet is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The namespace is connected.
    Connect,
    /// The server closes the namespace.
    Disconnect,
    /// An event, with or without attachments.
    Event(Elements),
    /// An ack, with or without attachments.
    Ack,
    /// The namespace is refused.
    ConnectError,
}

/// Where the elements of an event stand in its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elements {
    /// The name.
    pub name: Range<u32>,
    /// All that follow the name.
    pub args: Range<u32>,
    /// The last one; the name if nothing follows it.
    pub last: Range<u32>,
}

/// A packet that came in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is for.
    pub kind: Kind,
    /// The message that it came in, without Engine.IO's type.
    pub text: Bytes,
    /// The ack id.
    pub id: Option<u64>,
    /// The attachments that came with it.
    pub attachments: Vec<Bytes>,
    pub(super) namespace: Range<u32>,
    pub(super) data: Range<u32>,
}

impl Packet {
    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &[u8] {
        if self.namespace.is_empty() {
            return b"/";
        }
        slice(&self.text, &self.namespace)
    }

    /// The elements of its array, without the brackets; for an ack its arguments.
    #[must_use]
    pub fn elements(&self) -> Bytes {
        let data = self.data();
        let inside = data.trim_ascii();
        let inside = inside
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"));
        inside.map_or_else(Bytes::new, |inside| self.text.slice_ref(inside))
    }

    /// Its JSON text; may be empty.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        slice(&self.text, &self.data)
    }
}

pub(super) fn slice<'a>(text: &'a [u8], range: &Range<u32>) -> &'a [u8] {
    &text[range.start as usize..range.end as usize]
}
