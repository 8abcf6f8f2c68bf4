use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::ser::{Error as _, SerializeMap, SerializeSeq, SerializeTuple};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;

/// An event as it came in: extracted whole, since any event may have any arguments.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The event's name.
    pub(super) event: String,
    /// What follows the name.
    pub(super) arguments: Arguments,
    /// Whether the client waits for an ack.
    pub(super) ack_wanted: bool,
}

/// The arguments of an event, to be sent back as they came.
///
/// Without attachments the JSON text goes back byte for byte, lone surrogates included.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    values: Vec<Box<RawValue>>,
    attachments: VecDeque<Bytes>,
}

impl FromMessageParts<LocalAdapter> for Incoming {
    type Error = serde_json::Error;

    fn from_message_parts(
        _socket: &Arc<Socket>,
        value: &mut Value,
        ack_id: &Option<i64>,
    ) -> Result<Self, Self::Error> {
        let (text, attachments) = match value {
            Value::Str(text, attachments) => (text.as_str(), attachments.take()),
            Value::Bytes(_) => return Err(serde::de::Error::custom("not a JSON packet")),
        };
        let mut values: Vec<Box<RawValue>> = serde_json::from_str(text)?;
        if values.is_empty() {
            return Err(serde::de::Error::custom("an event without a name"));
        }
        let name = values.remove(0);
        Ok(Self {
            // Names may be numbers too.
            event: serde_json::from_str(name.get()).unwrap_or_else(|_| name.get().to_owned()),
            arguments: Arguments {
                values,
                attachments: attachments.unwrap_or_default(),
            },
            ack_wanted: ack_id.is_some(),
        })
    }
}

/// As a tuple, which socketioxide spreads over the packet's array.
impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.values.len())?;
        for value in &self.values {
            if self.attachments.is_empty() {
                tuple.serialize_element(value)?;
            } else {
                let value = serde_json::from_str(value.get()).map_err(S::Error::custom)?;
                tuple.serialize_element(&WithAttachments {
                    value: &value,
                    attachments: &self.attachments,
                })?;
            }
        }
        tuple.end()
    }
}

/// A JSON value whose placeholders stand for the attachments: they go out as bytes, in whose place
/// the library puts placeholders of its own.
struct WithAttachments<'a> {
    value: &'a serde_json::Value,
    attachments: &'a VecDeque<Bytes>,
}

impl WithAttachments<'_> {
    fn attachment(&self) -> Option<&Bytes> {
        let object = self.value.as_object()?;
        object.get("_placeholder")?.as_bool()?.then_some(())?;
        let index = usize::try_from(object.get("num")?.as_u64()?).ok()?;
        self.attachments.get(index)
    }

    fn inside<'a>(&'a self, value: &'a serde_json::Value) -> WithAttachments<'a> {
        WithAttachments {
            value,
            attachments: self.attachments,
        }
    }
}

impl Serialize for WithAttachments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(bytes) = self.attachment() {
            return serializer.serialize_bytes(bytes);
        }
        match self.value {
            serde_json::Value::Array(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    sequence.serialize_element(&self.inside(value))?;
                }
                sequence.end()
            }
            serde_json::Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, &self.inside(value))?;
                }
                map.end()
            }
            scalar @ (serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_)) => scalar.serialize(serializer),
        }
    }
}
