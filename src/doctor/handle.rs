//! What every request of a session needs, and the requests themselves.

use std::net::IpAddr;

use bytes::Bytes;

use super::http::Reply;
use super::probe::Probe;
use super::request::{Outcome, Request};
use super::session::classify;
use crate::event::{Cause, EngineRevision};
use crate::protocol::engine_io::packet::Outgoing;
use crate::protocol::engine_io::payload::encode;
use crate::protocol::engine_io::query::append_pair;

/// How often a session is said goodbye to where requests reach several servers.
const GOODBYES: usize = 4;

/// What requests of a session need: enough to close it later.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    revision: EngineRevision,
    sid: String,
    cookies: Option<String>,
    source: Option<IpAddr>,
    /// In place of the path of the options.
    path: Option<String>,
}

impl Handle {
    /// Of a session of this id, which was opened from `source`, with the cookies of the answer.
    pub(super) fn new(
        revision: EngineRevision,
        sid: &str,
        answer: &Reply,
        source: Option<IpAddr>,
    ) -> Self {
        Self {
            revision,
            sid: sid.to_owned(),
            cookies: cookies_of(answer),
            source,
            path: None,
        }
    }

    pub(super) fn revision(&self) -> EngineRevision {
        self.revision
    }

    /// The same session, at another path than that of the options.
    pub(super) fn at(self, path: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    /// The same session without its cookies, or from elsewhere.
    pub(super) fn without_cookies(&self) -> Self {
        Self {
            cookies: None,
            ..self.clone()
        }
    }

    pub(super) fn has_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    pub(super) fn sent_from(&self, source: IpAddr) -> Self {
        Self {
            source: Some(source),
            ..self.clone()
        }
    }

    fn target(&self, probe: &Probe, transport: &str) -> String {
        let path = self.path.as_deref().unwrap_or(&probe.options.path);
        let mut target = probe.target_at(path, self.revision, transport);
        append_pair(&mut target, "sid", &self.sid);
        target
    }

    /// The next poll of this session.
    pub(super) fn get(&self, probe: &Probe) -> Request {
        Request::new("GET", self.target(probe, "polling"))
            .cookies(self.cookies.clone())
            .from(self.source)
    }

    /// A WebSocket handshake for this session.
    pub(super) fn upgrade(&self, probe: &Probe) -> Request {
        Request::new("GET", self.target(probe, "websocket"))
            .cookies(self.cookies.clone())
            .from(self.source)
    }

    pub(super) async fn send(&self, probe: &Probe, packets: &[&str]) -> Outcome {
        let packets = packets
            .iter()
            .map(|text| Outgoing::Text(Bytes::copy_from_slice(text.as_bytes())));
        let body = encode(self.revision, false, packets);
        let ask = Request::new("POST", self.target(probe, "polling"))
            .cookies(self.cookies.clone())
            .from(self.source)
            .body(String::from_utf8_lossy(&body.bytes));
        probe.ask(ask).await
    }

    /// A message that changes nothing: a heartbeat in the direction that the revision has.
    pub(super) async fn heartbeat(&self, probe: &Probe) -> Outcome {
        let packet = match self.revision {
            EngineRevision::V4 => "3",
            EngineRevision::V3 => "2",
        };
        self.send(probe, &[packet]).await
    }

    /// Says goodbye, again and again where other servers may have got it; whether it is gone.
    pub(super) async fn close(&self, probe: &Probe) -> bool {
        for _ in 0..GOODBYES {
            let asked = self.send(probe, &["1"]).await;
            let Ok(reply) = &asked.result else {
                return false;
            };
            if reply.status == 200 {
                return true;
            }
            if classify(reply).cause != Cause::SessionIdUnknown {
                return false;
            }
            if !probe.sessions.are_scattered.get() {
                return true;
            }
        }
        false
    }
}

impl Probe {
    /// Path and query of a request, as a client writes them.
    pub(super) fn target(&self, revision: EngineRevision, transport: &str) -> String {
        self.target_at(&self.options.path, revision, transport)
    }

    /// The same at another path: the user's keys first, then those of the engine, which win; with
    /// `t`, so that no cache takes two requests for one.
    pub(super) fn target_at(
        &self,
        path: &str,
        revision: EngineRevision,
        transport: &str,
    ) -> String {
        let mut query = self.user_query().to_owned();
        append_pair(&mut query, "EIO", &revision.number().to_string());
        append_pair(&mut query, "transport", transport);
        if transport == "polling" {
            append_pair(&mut query, "t", &timestamp());
            if revision == EngineRevision::V3 {
                append_pair(&mut query, "b64", "1");
            }
        }
        format!("{path}?{query}")
    }

    /// What the CONNECT carries.
    pub(super) fn auth(&self) -> &str {
        self.options.auth.as_deref().unwrap_or_default()
    }
}

/// Eight characters that differ from request to request, as the JS client's `t`.
fn timestamp() -> String {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    (0..8)
        .map(|_| char::from(digits[fastrand::usize(..digits.len())]))
        .collect()
}

/// The cookies of an answer as a Cookie header.
fn cookies_of(reply: &Reply) -> Option<String> {
    let cookies: Vec<&str> = reply
        .all("set-cookie")
        .filter_map(|cookie| cookie.split(';').next())
        .collect();
    (!cookies.is_empty()).then(|| cookies.join("; "))
}
