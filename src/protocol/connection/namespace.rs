//! One Socket: a namespace on the connection.

use super::acks::Acks;
use super::buffers::Buffers;
use super::event::{Received, UnansweredAck};

/// A namespace, as far as this client is concerned.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    pub(super) state: State,
    pub(super) acks: Acks,
    /// What waits for the namespace to be connected; nothing most of the time.
    pub(super) buffers: Option<Box<Buffers>>,
    recovery: Option<Box<Recovery>>,
}

/// How far a namespace is on the present engine.
///
/// ```text
/// Inactive ─► Idle ─ engine opens ─► Asking ─► Connecting ─► Connected
///     ▲         ▲                      └───── engine closes ──────┘
///     └── disconnect by either side, refusal
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Not to be connected.
    #[default]
    Inactive,
    /// To be connected on the next engine.
    Idle,
    /// The driver owes the auth payload.
    Asking,
    /// CONNECT was sent, or is not needed.
    Connecting,
    /// The server has said CONNECT.
    Connected,
}

/// What a session can be recovered by: both as raw JSON.
#[derive(Debug)]
struct Recovery {
    pid: Box<str>,
    offset: String,
}

impl Namespace {
    pub(super) fn is_active(&self) -> bool {
        self.state != State::Inactive
    }

    /// Acks that neither came nor were given up.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = UnansweredAck> {
        let buffers = self.buffers.as_deref().into_iter();
        let retried = buffers.flat_map(Buffers::retried);
        self.acks.unanswered().chain(retried)
    }

    pub(super) fn buffers(&mut self) -> &mut Buffers {
        self.buffers.get_or_insert_default()
    }

    /// The data of CONNECT: pid and offset, then the auth, whose keys win as they come last.
    pub(super) fn connect_payload(&self, auth: Option<&str>) -> String {
        let Some(recovery) = &self.recovery else {
            return auth.unwrap_or_default().to_owned();
        };
        let mut payload = format!("{{\"pid\":{}", recovery.pid);
        if !recovery.offset.is_empty() {
            payload.push_str(",\"offset\":");
            payload.push_str(&recovery.offset);
        }
        let members = auth
            .and_then(|auth| auth.trim().strip_prefix('{')?.strip_suffix('}'))
            .unwrap_or_default()
            .trim();
        if !members.is_empty() {
            payload.push(',');
            payload.push_str(members);
        }
        payload.push('}');
        payload
    }

    /// Takes the pid of a CONNECT; says whether the session was recovered, if it could be at all.
    pub(super) fn recover(&mut self, pid: Option<&str>) -> Option<bool> {
        let Some(pid) = pid else {
            self.recovery = None;
            return None;
        };
        if let Some(recovery) = &mut self.recovery {
            let recovered = *recovery.pid == *pid;
            if !recovered {
                recovery.pid = pid.into();
            }
            return Some(recovered);
        }
        self.recovery = Some(Box::new(Recovery {
            pid: pid.into(),
            offset: String::new(),
        }));
        Some(false)
    }

    /// Any event whose last argument is a string moves the offset, as the reference client has it.
    pub(super) fn note_offset(&mut self, received: &Received) {
        if let Some(recovery) = &mut self.recovery
            && received.ack.is_none()
            && let Ok(last) = std::str::from_utf8(received.last())
            && last.starts_with('"')
        {
            recovery.offset.clear();
            recovery.offset.push_str(last);
        }
    }
}
