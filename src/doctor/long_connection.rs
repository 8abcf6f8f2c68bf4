//! One connection that is held until it ends or its time is over.

use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::direct::{self, Direct};
use super::handle::Handle;
use super::probe::Probe;
use super::session::{Over, Session};
use super::websocket::{Next, describe};
use crate::clock;
use crate::event::{EngineRevision, TransportKind};
use crate::protocol::engine_io::handshake::Handshake;
use crate::protocol::engine_io::heartbeat::Heartbeat;
use crate::protocol::engine_io::packet::Packet;
use crate::transport::WebSocketEnd;

/// How to hold a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) revision: EngineRevision,
    pub(super) transport: TransportKind,
    /// Nothing for one that is idle but for its heartbeat.
    pub(super) talk_every: Option<Duration>,
    pub(super) until: Instant,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct LongConnection {
    pub(super) transport: TransportKind,
    pub(super) talks: bool,
    pub(super) lasted: Duration,
    /// Nothing if it was held to the end.
    pub(super) end: Option<End>,
    /// When its namespace was connected, and when it ended.
    pub(super) connected_at: Instant,
    pub(super) ended_at: Instant,
    /// When the last heartbeat came, and how long its answer may take.
    pub(super) last_beat: Option<Instant>,
    pub(super) ping_timeout: Duration,
    /// Whether packets that were asked for at its end did not come back.
    pub(super) is_mute: bool,
    /// Heartbeats of the server that came.
    pub(super) beats: u32,
    /// The worst of them.
    pub(super) lateness: Duration,
    /// The exchange that opened it, or that ended it.
    pub(super) id: usize,
}

impl LongConnection {
    /// As it is called in the report.
    pub(super) fn name(&self) -> String {
        let manner = if self.talks { "talking" } else { "idle" };
        match self.transport {
            TransportKind::Polling => format!("{manner} long-polling"),
            TransportKind::WebSocket => format!("{manner} WebSocket"),
        }
    }

    /// Whether the server ended it one pingTimeout after a ping, as if no pong had come.
    pub(super) fn is_ended_by_ping_timeout(&self) -> bool {
        let Some(beat) = self.last_beat else {
            return false;
        };
        let since = self.ended_at.saturating_duration_since(beat).as_secs_f64();
        let timeout = self.ping_timeout.as_secs_f64();
        since > timeout * 0.8 && since < timeout * 1.2 + 0.25
    }
}

/// How and when it ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) how: How,
    /// Since anything went over it in either direction.
    pub(super) silence: Duration,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum How {
    /// The server closed the session in order.
    Closed,
    /// The server took the namespace back by a DISCONNECT (`io server disconnect`).
    Disconnected,
    /// A WebSocket's close frame.
    Frame(String),
    /// The connection went away.
    Cut(String),
    /// A poll was answered with this status.
    Status(u16),
    /// No heartbeat of the server came in time.
    NoHeartbeat,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the session"),
            Self::Disconnected => f.write_str("the server disconnected the client"),
            Self::Frame(frame) => f.write_str(frame),
            Self::Cut(what) => f.write_str(what),
            Self::Status(status) => write!(f, "a poll was answered with {status}"),
            Self::NoHeartbeat => f.write_str("no heartbeat came in time"),
        }
    }
}

/// The heartbeat as the client keeps it, and how punctual it was.
struct Beat {
    heartbeat: Heartbeat,
    beats: u32,
    lateness: Duration,
    last: Option<Instant>,
    timeout: Duration,
}

impl Beat {
    fn new(revision: EngineRevision, handshake: &Handshake, now: Instant) -> Self {
        let Handshake {
            ping_interval,
            ping_timeout,
            ..
        } = *handshake;
        Self {
            heartbeat: Heartbeat::new(revision, ping_interval, ping_timeout, now),
            beats: 0,
            lateness: Duration::ZERO,
            last: None,
            timeout: ping_timeout,
        }
    }

    fn on_ping(&mut self, now: Instant) {
        let late = self.heartbeat.on_ping(now);
        self.last = Some(now);
        self.came(late);
    }

    fn on_pong(&mut self, now: Instant) {
        let late = self.heartbeat.on_pong(now);
        self.came(late);
    }

    /// Counts a heartbeat that came so late; `None` for what is none in this revision.
    fn came(&mut self, late: Option<Duration>) {
        if let Some(late) = late {
            self.beats += 1;
            self.lateness = self.lateness.max(late);
        }
    }
}

impl Spec {
    /// Holds it.
    ///
    /// # Errors
    /// If it could not be opened or connected: why.
    pub(super) async fn hold(self, probe: &Probe) -> Result<LongConnection, String> {
        match self.transport {
            TransportKind::WebSocket => self.hold_websocket(probe).await,
            TransportKind::Polling => self.hold_polling(probe).await,
        }
    }

    async fn hold_websocket(self, probe: &Probe) -> Result<LongConnection, String> {
        let (direct, asked) = direct::direct(probe, self.revision).await;
        let mut direct = direct.map_err(|why| format!("WebSocket: {why}"))?;
        if self.revision == EngineRevision::V4
            && let Err(why) = direct.connect(probe).await
        {
            direct.socket.close().await;
            return Err(format!("WebSocket: {why}"));
        }
        let began = clock::now();
        let mut beat = Beat::new(self.revision, &direct.handshake, began);
        let end = self.watch_websocket(probe, &mut direct, &mut beat).await;
        let mut held = self.held(began, end, &beat, asked.id);
        if held.end.is_none() && self.revision == EngineRevision::V4 {
            held.is_mute = !direct.answers(probe).await;
        }
        direct.socket.close().await;
        Ok(held)
    }

    async fn watch_websocket(
        self,
        probe: &Probe,
        direct: &mut Direct,
        beat: &mut Beat,
    ) -> Option<End> {
        let mut traffic = clock::now();
        loop {
            let now = clock::now();
            let silence = now.saturating_duration_since(traffic);
            if now >= self.until {
                return None;
            }
            if now >= beat.heartbeat.deadline() {
                let how = How::NoHeartbeat;
                return Some(End { how, silence });
            }
            let talk_at = self.talk_every.map(|every| traffic + every);
            if talk_at.is_some_and(|at| now >= at)
                || beat.heartbeat.ping_at().is_some_and(|at| now >= at)
            {
                let packet = self.heartbeat(beat, now);
                if let Err(end) = direct.socket.send(probe, packet).await {
                    let how = how_of(&end);
                    return Some(End { how, silence });
                }
                traffic = now;
                continue;
            }
            let next = self.next_due(beat, talk_at);
            let wait = next.saturating_duration_since(now);
            match direct.socket.next(probe, wait).await {
                Next::Text(text) => {
                    traffic = clock::now();
                    beat.heartbeat.on_packet(traffic);
                    match text.first() {
                        Some(b'2') => {
                            beat.on_ping(traffic);
                            // An end shows in the next message.
                            let _ = direct.socket.send(probe, "3").await;
                        }
                        Some(b'3') => beat.on_pong(traffic),
                        Some(b'4') if direct.is_disconnect(probe, &text) => {
                            let how = How::Disconnected;
                            return Some(End { how, silence });
                        }
                        Some(_) | None => {}
                    }
                }
                Next::Binary(_) => {
                    traffic = clock::now();
                    beat.heartbeat.on_packet(traffic);
                }
                Next::End(end) => {
                    let silence = clock::now().saturating_duration_since(traffic);
                    let how = how_of(&end);
                    return Some(End { how, silence });
                }
                Next::Silence => {}
            }
        }
    }

    /// When something is due on a WebSocket even if nothing comes.
    fn next_due(self, beat: &Beat, talk_at: Option<Instant>) -> Instant {
        [talk_at, beat.heartbeat.ping_at()]
            .into_iter()
            .flatten()
            .fold(self.until.min(beat.heartbeat.deadline()), Instant::min)
    }

    /// What talking is: a heartbeat in the direction that the revision has.
    fn heartbeat(self, beat: &mut Beat, now: Instant) -> &'static str {
        match self.revision {
            EngineRevision::V4 => "3",
            EngineRevision::V3 => {
                beat.heartbeat.on_ping_sent(now);
                "2"
            }
        }
    }

    async fn hold_polling(self, probe: &Probe) -> Result<LongConnection, String> {
        let (session, _) = Session::open(probe, self.revision, None).await;
        let mut session = session.map_err(|why| format!("long-polling: {}", why.failure))?;
        let namespace = probe.options.namespace();
        let connected = session.connect(probe, namespace, probe.auth()).await;
        if let Err(why) = connected {
            session.close(probe).await;
            return Err(format!("long-polling: {why}"));
        }
        let began = clock::now();
        let mut beat = Beat::new(self.revision, &session.handshake, began);
        let (end, id) = self.watch_polling(probe, &mut session, &mut beat).await;
        let held = self.held(began, end, &beat, id);
        session.close(probe).await;
        Ok(held)
    }

    async fn watch_polling(
        self,
        probe: &Probe,
        session: &mut Session,
        beat: &mut Beat,
    ) -> (Option<End>, usize) {
        let handle = session.handle.clone();
        loop {
            let polled_at = clock::now();
            if polled_at >= self.until {
                return (None, probe.last_exchange().unwrap_or_default());
            }
            let limit = beat
                .heartbeat
                .deadline()
                .saturating_duration_since(polled_at);
            let polling = session.poll(probe, limit.max(Duration::from_millis(1)));
            let Some((polled, asked)) = self.while_polling(probe, &handle, beat, polling).await
            else {
                return (None, probe.last_exchange().unwrap_or_default());
            };
            let now = clock::now();
            let silence = now.saturating_duration_since(polled_at);
            let packets = match polled {
                Ok(packets) => packets,
                Err(refused) => {
                    let how = match (refused.failure.status, now >= beat.heartbeat.deadline()) {
                        (Some(status), _) => How::Status(status),
                        (None, true) => How::NoHeartbeat,
                        (None, false) => How::Cut(refused.failure.to_string()),
                    };
                    return (Some(End { how, silence }), asked.id);
                }
            };
            for packet in packets {
                beat.heartbeat.on_packet(now);
                match packet {
                    Packet::Ping(_) => {
                        beat.on_ping(now);
                        // A session that ends here shows it in the next poll.
                        let _ = handle.send(probe, &["3"]).await;
                    }
                    Packet::Pong(_) => beat.on_pong(now),
                    Packet::Close => {
                        let how = How::Closed;
                        return (Some(End { how, silence }), asked.id);
                    }
                    Packet::Text(_) | Packet::Binary(_) => {
                        session.note_end(probe, Ok(vec![packet])).await;
                    }
                    Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
                }
            }
            if matches!(session.over, Some(Over::Disconnected)) {
                let how = How::Disconnected;
                return (Some(End { how, silence }), asked.id);
            }
        }
    }

    /// Goes on talking, and pinging, while a poll is held; nothing once the time is over.
    async fn while_polling<T>(
        self,
        probe: &Probe,
        handle: &Handle,
        beat: &mut Beat,
        polling: impl Future<Output = T>,
    ) -> Option<T> {
        let mut polling = pin!(polling);
        let mut spoke = clock::now();
        loop {
            let talk_at = self.talk_every.map(|every| spoke + every);
            let next = [Some(self.until), talk_at, beat.heartbeat.ping_at()]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(self.until);
            let wait = next.saturating_duration_since(clock::now());
            tokio::select! {
                polled = &mut polling => return Some(polled),
                () = tokio::time::sleep(wait) => {}
            }
            let now = clock::now();
            if now >= self.until {
                return None;
            }
            if beat.heartbeat.ping_at().is_some_and(|at| now >= at) {
                beat.heartbeat.on_ping_sent(now);
            }
            spoke = now;
            // The poll shows what became of the session.
            let _ = handle.heartbeat(probe).await;
        }
    }

    fn held(self, began: Instant, end: Option<End>, beat: &Beat, id: usize) -> LongConnection {
        LongConnection {
            transport: self.transport,
            talks: self.talk_every.is_some(),
            lasted: clock::now().saturating_duration_since(began),
            end,
            connected_at: began,
            ended_at: clock::now(),
            is_mute: false,
            last_beat: beat.last,
            ping_timeout: beat.timeout,
            beats: beat.beats,
            lateness: beat.lateness,
            id,
        }
    }
}

fn how_of(end: &WebSocketEnd) -> How {
    match end {
        WebSocketEnd::Closed { .. } => How::Frame(describe(end)),
        WebSocketEnd::Lost(_) | WebSocketEnd::Failed(_) => How::Cut(describe(end)),
    }
}
