//! The upgrade of a polling session to WebSocket, to its very end: a packet that comes back.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use super::direct::{NOWHERE, join, leave, refusal};
use super::handle::Handle;
use super::http::Reply;
use super::probe::Probe;
use super::request::{Outcome, PATIENCE};
use super::session::{Over, Refused, Session};
use super::websocket::{Next, Socket, describe};
use crate::clock;
use crate::event::{Cause, EngineRevision, Failure};
use crate::protocol::engine_io::packet::Packet;
use crate::report::number;
use crate::trace::Voice;
use crate::transport::WebSocketEnd;

/// How long a poll may go on after its session was closed.
const LAST_POLL: Duration = Duration::from_secs(1);

/// How long a poll has to go on to show that its session lives, and how long a server may take to
/// end a session at once.
pub(super) const LIFE_SIGN: Duration = Duration::from_millis(100);

/// How long the answer to a probe may take. Clients wait for ever, but servers close the WebSocket
/// after `upgradeTimeout`, 10 s by default, and that end says more than silence.
const PROBE_PATIENCE: Duration = Duration::from_millis(11_500);

/// The outcome of an upgrade.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// The session lives on the WebSocket: a packet came back over it.
    Done,
    /// The handshake was answered, but not with 101.
    Refused(Box<Reply>),
    /// The handshake failed below HTTP.
    Failed(Failure),
    /// The handshake was never answered.
    Swallowed,
    /// The WebSocket is open, and the probe got no answer.
    ProbeSilent,
    /// The WebSocket ended in place of an answer to the probe.
    ProbeEnded(WebSocketEnd, Duration),
    /// Something else came in place of the answer to the probe.
    ProbeOther(String),
    /// The probe was answered, and the poll that the server has to end went on.
    PollHeld,
    /// The WebSocket ended before the upgrade was complete.
    Ended(WebSocketEnd, Duration),
    /// The upgrade was complete, and nothing came back over the WebSocket.
    NothingBack,
}

impl Upgrade {
    fn is_of_unknown_session(&self) -> bool {
        match self {
            Self::Refused(reply) => refusal(reply).cause == Cause::SessionIdUnknown,
            Self::Done
            | Self::Failed(_)
            | Self::Swallowed
            | Self::ProbeSilent
            | Self::ProbeEnded(..)
            | Self::ProbeOther(_)
            | Self::PollHeld
            | Self::Ended(..)
            | Self::NothingBack => false,
        }
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("101, and packets come back"),
            Self::Refused(reply) => write!(f, "{} {}", reply.status, reply.said()),
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Swallowed => f.write_str("no answer to the handshake"),
            Self::ProbeSilent => f.write_str("101, but no answer to the probe"),
            Self::ProbeEnded(end, after) => {
                let after = number::seconds(after.as_secs_f64());
                write!(
                    f,
                    "101, and {after} later, in place of an answer to the probe: {}",
                    describe(end)
                )
            }
            Self::ProbeOther(what) => write!(f, "101, but the probe was answered with {what}"),
            Self::PollHeld => f.write_str("101, probe answered, but the held poll does not end"),
            Self::Ended(end, after) => {
                let after = number::seconds(after.as_secs_f64());
                write!(
                    f,
                    "101, and {after} later, before the upgrade was complete: {}",
                    describe(end)
                )
            }
            Self::NothingBack => {
                f.write_str("101, probe answered, but nothing came back after the upgrade")
            }
        }
    }
}

/// An upgrade that was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) outcome: Upgrade,
    /// The handshake.
    pub(super) asked: Outcome,
    /// The poll that was held.
    pub(super) polled: Option<Outcome>,
    /// How the server ended the session, or its namespace, of its own accord meanwhile.
    pub(super) over: Option<Over>,
}

/// Upgrades a session while a poll is held, as clients do, and ends the session. Where the namespace
/// is connected the server answers packets, and one has to come back over the WebSocket.
pub(super) async fn run(probe: &Probe, mut session: Session, is_connected: bool) -> Tried {
    probe.trace.say(Voice::Engine, || {
        "probing transport \"websocket\"".to_owned()
    });
    let (socket, asked) = probe.open_websocket(session.handle.upgrade(probe)).await;
    let Some(mut socket) = socket else {
        let outcome = not_opened(&asked);
        if outcome.is_of_unknown_session() {
            // Another server got it, or the session is no more.
            let (polled, _) = session.poll(probe, LIFE_SIGN).await;
            session.note_end(probe, polled).await;
        }
        let over = session.over.take();
        session.close(probe).await;
        return Tried {
            outcome,
            asked,
            polled: None,
            over,
        };
    };
    let (outcome, (came, polled)) = while_polling(probe, &mut session, &mut socket).await;
    session.note_end(probe, came).await;
    let outcome = match matches!(outcome, Upgrade::Done) && session.over.is_none() {
        true => {
            let _ = socket.send(probe, "5").await;
            probe.trace.say(Voice::Engine, || "upgraded".to_owned());
            match is_connected {
                true => round_trip(probe, &mut session, &mut socket).await,
                false => Upgrade::Done,
            }
        }
        false => outcome,
    };
    session.forget(probe);
    socket.close().await;
    Tried {
        outcome,
        asked,
        polled: Some(polled),
        over: session.over,
    }
}

type Polled = (Result<Vec<Packet>, Refused>, Outcome);

/// Probes the WebSocket, and waits for the end of the held poll as clients do before they write
/// to it; [`Upgrade::Done`] if both came.
async fn while_polling(
    probe: &Probe,
    session: &mut Session,
    socket: &mut Socket,
) -> (Upgrade, Polled) {
    let handle = session.handle.clone();
    let opened = clock::now();
    let mut polling = pin!(session.poll(probe, PROBE_PATIENCE + LAST_POLL));
    let mut polled = None;
    let pong = {
        let mut probing = pin!(await_pong(probe, socket));
        loop {
            tokio::select! {
                came = &mut polling, if polled.is_none() => polled = Some(came),
                outcome = &mut probing => break outcome,
            }
        }
    };
    if !matches!(pong, Upgrade::Done) {
        return (pong, give_up(probe, &handle, polled, polling).await);
    }
    if let Some(polled) = polled {
        return (Upgrade::Done, polled);
    }
    let outcome = tokio::select! {
        polled = &mut polling => return (Upgrade::Done, polled),
        next = socket.next(probe, PATIENCE + PATIENCE) => match next {
            Next::End(end) => Upgrade::Ended(end, clock::now().saturating_duration_since(opened)),
            Next::Text(_) | Next::Binary(_) | Next::Silence => Upgrade::PollHeld,
        },
    };
    (outcome, give_up(probe, &handle, None, polling).await)
}

/// Ends the session, and with it the poll that is held.
async fn give_up(
    probe: &Probe,
    handle: &Handle,
    polled: Option<Polled>,
    polling: impl Future<Output = Polled>,
) -> Polled {
    match polled {
        Some(polled) => {
            handle.close(probe).await;
            polled
        }
        None => tokio::join!(handle.close(probe), polling).1,
    }
}

fn not_opened(asked: &Outcome) -> Upgrade {
    match &asked.result {
        Ok(reply) => Upgrade::Refused(Box::new(reply.clone())),
        Err(trouble) if trouble.failure.cause == Cause::TimedOut => Upgrade::Swallowed,
        Err(trouble) => Upgrade::Failed(trouble.failure.clone()),
    }
}

async fn await_pong(probe: &Probe, socket: &mut Socket) -> Upgrade {
    let opened = clock::now();
    let after = || clock::now().saturating_duration_since(opened);
    if let Err(end) = socket.send(probe, "2probe").await {
        return Upgrade::ProbeEnded(end, after());
    }
    match socket.next(probe, PROBE_PATIENCE).await {
        Next::Text(text) if &text[..] == b"3probe" => Upgrade::Done,
        Next::Text(text) => Upgrade::ProbeOther(String::from_utf8_lossy(&text).into_owned()),
        Next::Binary(bytes) => Upgrade::ProbeOther(format!("{} bytes", bytes.len())),
        Next::End(end) => Upgrade::ProbeEnded(end, after()),
        Next::Silence => Upgrade::ProbeSilent,
    }
}

/// Has the server send a packet over the WebSocket: only that shows that the upgrade is complete.
async fn round_trip(probe: &Probe, session: &mut Session, socket: &mut Socket) -> Upgrade {
    let outcome = match session.revision() {
        EngineRevision::V4 => one_answer(probe, session, socket, NOWHERE).await,
        EngineRevision::V3 => return one_answer(probe, session, socket, "2").await,
    };
    if !matches!(outcome, Upgrade::NothingBack) {
        return outcome;
    }
    // A server may take any namespace, and leave it unanswered: its own is one that it answers.
    let namespace = probe.options.namespace();
    if let Err(end) = socket.send(probe, &leave(namespace)).await {
        return Upgrade::Ended(end, Duration::ZERO);
    }
    probe.sessions.connecting(clock::now());
    one_answer(probe, session, socket, &join(namespace, probe.auth())).await
}

/// Sends a packet and waits for one to come back.
async fn one_answer(
    probe: &Probe,
    session: &mut Session,
    socket: &mut Socket,
    question: &str,
) -> Upgrade {
    let written = clock::now();
    let after = || clock::now().saturating_duration_since(written);
    if let Err(end) = socket.send(probe, question).await {
        return Upgrade::Ended(end, after());
    }
    match socket.next(probe, PATIENCE).await {
        Next::Text(text) => {
            session.note_text(probe, &text).await;
            Upgrade::Done
        }
        Next::Binary(_) => Upgrade::Done,
        Next::End(_) if session.over.is_some() => Upgrade::Done,
        Next::End(end) => Upgrade::Ended(end, after()),
        Next::Silence => Upgrade::NothingBack,
    }
}
