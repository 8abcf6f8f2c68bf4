//! Connection state recovery: whether it is on, and whether it works across a cut.

use std::time::Duration;

use bytes::Bytes;

use super::Skipped;
use crate::catalogue::{RECOVERY_FAILS, RECOVERY_OFF, RECOVERY_UNTESTED, RECOVERY_WORKS};
use crate::doctor::direct::{self, Direct};
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::NotConnected;
use crate::event::EngineRevision;
use crate::protocol::socket_io::encode::{self, EventParts};
use crate::protocol::socket_io::reply::ConnectReply;

/// How long an event may take to come by itself.
const BY_ITSELF: Duration = Duration::from_millis(200);
/// How long an answer to an event may take.
const ANSWER: Duration = Duration::from_secs(3);

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (revision, websocket, connected) =
        { (known.revision, known.websocket, known.is_connected) };
    match revision {
        None => return Some("no engine could be opened".to_owned()),
        Some(EngineRevision::V3) => return Some("release 2 has no recovery".to_owned()),
        Some(EngineRevision::V4) => {}
    }
    if !connected {
        return Some("the namespace is not connected".to_owned());
    }
    if websocket != Some(true) {
        return Some("a cut is tried on WebSocket, which does not work".to_owned());
    }
    let (Some(mut direct), first) = connect(probe, probe.auth()).await else {
        return Some("no session could be opened".to_owned());
    };
    let id = probe.last_exchange().unwrap_or_default();
    let Some(pid) = first.as_deref().and_then(pid) else {
        direct.socket.close().await;
        notes.find(
            &RECOVERY_OFF,
            "The CONNECT is answered without a `pid`.",
            &[id],
        );
        return None;
    };
    let Some(offset) = offset(probe, &mut direct).await else {
        direct.socket.close().await;
        let seen = "The CONNECT is answered with a `pid`; no event came.";
        notes.find(&RECOVERY_UNTESTED, seen, &[id]);
        return None;
    };
    direct.socket.cut();
    let (second, reply) = connect(probe, &payload(probe.auth(), &pid, &offset)).await;
    if let Some(second) = second {
        second.socket.close().await;
    }
    let again = probe.last_exchange().unwrap_or_default();
    let is_recovered = reply.as_deref().and_then(self::pid) == Some(pid);
    if is_recovered {
        let seen = "After a cut the session came back with its `pid`.";
        notes.find(&RECOVERY_WORKS, seen, &[again]);
    } else {
        let seen = "After a cut the server made a new session.";
        notes.find(&RECOVERY_FAILS, seen, &[id, again]);
    }
    None
}

/// Opens a session and connects; the JSON of the reply.
async fn connect(probe: &Probe, payload: &str) -> (Option<Direct>, Option<Bytes>) {
    let (direct, _) = direct::direct(probe, EngineRevision::V4).await;
    let Ok(mut direct) = direct else {
        return (None, None);
    };
    match direct.connect_with(probe, payload).await {
        Ok(data) => (Some(direct), Some(data)),
        Err(NotConnected::Rejected(_) | NotConnected::Engine(_) | NotConnected::Silence(_)) => {
            direct.socket.close().await;
            (None, None)
        }
    }
}

/// The private id as JSON text.
fn pid(data: &[u8]) -> Option<String> {
    ConnectReply::read(data).pid.map(str::to_owned)
}

/// The offset of an event, as JSON text: the last argument, a string that the server adds.
async fn offset(probe: &Probe, direct: &mut Direct) -> Option<String> {
    let Some(event) = &probe.options.recovery_event else {
        return direct.event_offset(probe, BY_ITSELF).await;
    };
    let parts = EventParts {
        name: event,
        args: "",
        attachments: 0,
    };
    let packet = encode::event(probe.options.namespace(), None, parts);
    let text = String::from_utf8_lossy(&packet).into_owned();
    direct.socket.send(probe, &text).await.ok()?;
    direct.event_offset(probe, ANSWER).await
}

/// As the JS client writes it: `pid` and `offset`, then what `auth` says.
fn payload(auth: &str, pid: &str, offset: &str) -> String {
    let rest = auth
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or_default();
    let comma = if rest.is_empty() { "" } else { "," };
    format!("{{\"pid\":{pid},\"offset\":{offset}{comma}{rest}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_auth_follows_pid_and_offset() {
        assert_eq!(
            payload("{\"a\":{}}", "\"p\"", "\"o\""),
            "{\"pid\":\"p\",\"offset\":\"o\",\"a\":{}}"
        );
        assert_eq!(payload("", "1", "2"), "{\"pid\":1,\"offset\":2}");
    }
}
