//! Whether all requests of a session reach one server, and what keeps them together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Skipped;
use crate::catalogue::{CACHED_HANDSHAKE, NOT_STICKY, STICKY_BY_ADDRESS, STICKY_BY_COOKIE};
use crate::doctor::handle::Handle;
use crate::doctor::http::Reply;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::request::Outcome;
use crate::doctor::session::{Session, classify};
use crate::event::{Cause, EngineRevision};

/// Sessions, and requests of each, over connections of their own.
const SESSIONS: usize = 2;
const REQUESTS: usize = 5;

/// Addresses of this machine that a server on it sees as different clients. nginx's `ip_hash`
/// looks at the first three numbers alone.
const SOURCES: [Ipv4Addr; 5] = [
    Ipv4Addr::new(127, 1, 0, 1),
    Ipv4Addr::new(127, 2, 0, 1),
    Ipv4Addr::new(127, 3, 0, 1),
    Ipv4Addr::new(127, 4, 0, 1),
    Ipv4Addr::new(127, 5, 0, 1),
];

/// How requests of sessions fared.
#[derive(Debug, Default)]
struct Tally {
    known: usize,
    unknown: Vec<usize>,
    /// Requests from one that was known to the next of the same session: the number of servers,
    /// where they take turns.
    turns: Vec<usize>,
    /// Requests since the last of the session that was known.
    since: Option<usize>,
}

impl Tally {
    fn add(&mut self, asked: &Outcome) {
        match &asked.result {
            Ok(reply) if is_unknown(reply) => {
                self.unknown.push(asked.id);
                self.since = self.since.map(|since| since + 1);
            }
            Ok(reply) if reply.status != 200 => {}
            Ok(_) => {
                self.known += 1;
                self.turns.extend(self.since);
                self.since = Some(1);
            }
            // Says nothing of sessions; other checks tell of it.
            Err(_) => {}
        }
    }

    fn all(&self) -> usize {
        self.known + self.unknown.len()
    }

    /// The next request is another session's.
    fn new_session(&mut self) {
        self.since = None;
    }

    /// How many servers there seem to be.
    fn servers(&self) -> String {
        let first = self.turns.first();
        if let Some(turns) = first.filter(|turns| **turns > 1)
            && self.turns.iter().all(|other| other == turns)
        {
            return format!("{turns} servers that take turns");
        }
        if self.known == 0 {
            return "2 servers or more".to_owned();
        }
        let estimate = (self.all() as f64 / self.known as f64).round().max(2.0);
        format!("about {estimate} servers")
    }
}

fn is_unknown(reply: &Reply) -> bool {
    reply.status != 200 && classify(reply).cause == Cause::SessionIdUnknown
}

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (revision, polling_off) = { (known.revision, known.polling_off) };
    let Some(revision) = revision else {
        return Some("no engine could be opened".to_owned());
    };
    if polling_off {
        return Some("WebSocket alone needs no stickiness".to_owned());
    }
    let mut bare = Tally::default();
    let mut with_cookies = Tally::default();
    let mut has_cookies = false;
    let mut unopened = None;
    for _ in 0..SESSIONS {
        let session = match Session::open(probe, revision, None).await {
            (Ok(session), _) => session,
            (Err(refused), asked) => {
                let failure = refused.failure.to_string();
                unopened = Some(asked.proves_nothing().unwrap_or(failure));
                continue;
            }
        };
        let handle = session.handle.clone();
        ask(probe, &handle.without_cookies(), &mut bare).await;
        if handle.has_cookies() && !bare.unknown.is_empty() {
            has_cookies = true;
            ask(probe, &handle, &mut with_cookies).await;
        }
        let lost = if has_cookies { &with_cookies } else { &bare };
        probe.sessions.are_scattered.set(!lost.unknown.is_empty());
        session.close(probe).await;
    }
    known.is_scattered = probe.sessions.are_scattered.get();
    if bare.all() == 0 {
        let reason = unopened.unwrap_or_else(|| "no request was answered".to_owned());
        return Some(format!("a session could not be asked: {reason}"));
    }
    let is_known = bare.unknown.is_empty();
    let is_repeated = probe.sessions.is_repeated.get();
    tell(
        notes,
        is_repeated,
        &bare,
        has_cookies.then_some(&with_cookies),
    );
    if is_known && !is_repeated {
        from_elsewhere(probe, known, notes, revision).await;
    }
    None
}

/// Says how requests without and with cookies fared.
fn tell(notes: &mut Notes, is_repeated: bool, bare: &Tally, with_cookies: Option<&Tally>) {
    if is_repeated {
        let seen = "Two handshakes were answered with the same session id.";
        let evidence: Vec<usize> = bare.unknown.iter().copied().take(1).collect();
        notes.find(&CACHED_HANDSHAKE, seen, &evidence);
        return;
    }
    let requests = bare.all();
    let unknown = bare.unknown.len();
    if unknown == 0 {
        notes.fact(format!(
            "{requests} requests over as many connections: all known"
        ));
        return;
    }
    if with_cookies.is_some_and(|tally| tally.unknown.is_empty()) {
        let seen = format!(
            "Without its cookie, {unknown} of {requests} requests of a session were not known; \
             with it, all were."
        );
        notes.find(&STICKY_BY_COOKIE, seen, &bare.unknown[..1]);
        return;
    }
    let servers = bare.servers();
    let seen = format!("{unknown} of {requests} requests got \"Session ID unknown\": {servers}.");
    notes.fact(seen.clone());
    notes.find(&NOT_STICKY, seen, &bare.unknown[..1]);
}

async fn ask(probe: &Probe, handle: &Handle, tally: &mut Tally) {
    tally.new_session();
    for _ in 0..REQUESTS {
        tally.add(&handle.heartbeat(probe).await);
    }
}

/// Requests of one session from several addresses, where this machine has them.
async fn from_elsewhere(probe: &Probe, known: &Known, notes: &mut Notes, revision: EngineRevision) {
    let address = known.address;
    let is_local = matches!(address, Some(SocketAddr::V4(v4)) if v4.ip().is_loopback());
    if !is_local {
        notes.fact("stickiness by source address cannot be seen from one address");
        return;
    }
    let (Ok(session), _) = Session::open(probe, revision, None).await else {
        return;
    };
    let mut tally = Tally::default();
    for source in SOURCES {
        let handle = session.handle.sent_from(IpAddr::V4(source));
        tally.add(&handle.heartbeat(probe).await);
    }
    session.close(probe).await;
    if tally.unknown.is_empty() {
        notes.fact("from other source addresses too: one server");
        return;
    }
    let seen = format!(
        "From other addresses, {} of {} requests of a session were not known.",
        tally.unknown.len(),
        tally.all()
    );
    notes.find(&STICKY_BY_ADDRESS, seen, &tally.unknown[..1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_take_turns_are_counted_exactly_and_others_by_their_share() {
        let tally = |known, unknown: usize, turns: &[usize]| Tally {
            known,
            unknown: (0..unknown).collect(),
            turns: turns.to_vec(),
            since: None,
        };
        assert_eq!(tally(4, 6, &[2, 2]).servers(), "2 servers that take turns");
        assert_eq!(tally(3, 7, &[3]).servers(), "3 servers that take turns");
        assert_eq!(tally(5, 5, &[1, 3, 1]).servers(), "about 2 servers");
        assert_eq!(tally(0, 10, &[]).servers(), "2 servers or more");
    }
}
