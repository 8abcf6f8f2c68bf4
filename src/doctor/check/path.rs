//! Where the server is, if it is not where it was looked for.

use std::time::Duration;

use futures_util::future::join_all;

use super::Skipped;
use crate::catalogue::{NAMESPACE_AS_PATH, PLAIN_WEBSOCKET, WRONG_PATH};
use crate::doctor::direct::{self, NoDirect};
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::options::Options;
use crate::doctor::probe::Probe;
use crate::doctor::request::Request;
use crate::doctor::session::Session;
use crate::event::{Cause, EngineRevision};

/// How long each guess may take.
const GUESS: Duration = Duration::from_secs(2);

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    if known.revision.is_some() {
        notes.fact(format!("Socket.IO answers at {}", probe.options.path));
        return None;
    }
    if !is_lost(known) {
        return Some("a Socket.IO server answers there, though not well".to_owned());
    }
    if elsewhere(probe, notes).await {
        return None;
    }
    if plain_websocket(probe, notes).await {
        return None;
    }
    Some("Socket.IO answers at no other usual path either".to_owned())
}

/// Paths that are worth a guess, but for the one that was asked.
fn guesses(options: &Options) -> Vec<String> {
    let prefix = options.url.path().trim_end_matches('/');
    let own = options.path.trim_end_matches('/');
    let mut guesses = vec![
        Options::PATH.to_owned(),
        match options.path.ends_with('/') {
            true => own.to_owned(),
            false => format!("{own}/"),
        },
        format!("{prefix}{}", Options::PATH),
        format!("{own}{}", Options::PATH),
        "/engine.io/".to_owned(),
    ];
    guesses.retain(|guess| *guess != options.path && guess.starts_with('/'));
    guesses.dedup();
    guesses
}

/// Whether what answered the handshake may be something else, or nothing at all.
fn is_lost(known: &Known) -> bool {
    let Some((cause, _)) = known.not_opened else {
        return false;
    };
    matches!(
        cause,
        Cause::NotSocketio
            | Cause::HttpStatus
            | Cause::TimedOut
            | Cause::ConnectionClosed
            | Cause::ConnectionReset
            | Cause::BadRequest
            | Cause::WebsocketRefused
    )
}

/// Looks for the server at other paths, all at once.
async fn elsewhere(probe: &Probe, notes: &mut Notes) -> bool {
    let guesses = guesses(&probe.options);
    let asking = guesses.iter().map(|guess| {
        let target = probe.target_at(guess, EngineRevision::V4, "polling");
        probe.ask(Request::new("GET", target).limit(GUESS))
    });
    let mut found = false;
    for (guess, asked) in guesses.iter().zip(join_all(asking).await) {
        let Ok(session) = Session::read(probe, EngineRevision::V4, &asked, None) else {
            continue;
        };
        let session = session.at(probe, guess);
        if found {
            session.close(probe).await;
            continue;
        }
        found = true;
        found_at(probe, notes, session, guess.clone(), asked.id).await;
    }
    found
}

/// The server is there: was the path that was given meant as a namespace?
async fn found_at(probe: &Probe, notes: &mut Notes, mut session: Session, path: String, id: usize) {
    let given = probe.options.path.trim_end_matches('/').to_owned();
    let was_asked = probe.options.path != Options::PATH && path == Options::PATH;
    let is_namespace = was_asked
        && session.revision() == EngineRevision::V4
        && session.connect(probe, &given, probe.auth()).await.is_ok();
    session.close(probe).await;
    if is_namespace {
        let seen = format!("{path} answers, and has a namespace {given}.");
        notes.find(&NAMESPACE_AS_PATH, seen, &[id]);
    } else {
        let asked = &probe.options.path;
        let is_slash = path.trim_end_matches('/') == given;
        let slash = match (is_slash, path.ends_with('/')) {
            (true, false) => " Set `addTrailingSlash: false`.",
            (true, true) => " Leave `addTrailingSlash` at its default.",
            (false, _) => "",
        };
        let seen = format!("{asked} was asked; Socket.IO answers at {path}.{slash}");
        notes.find(&WRONG_PATH, seen, &[id]);
    }
}

/// A WebSocket server that opens and says nothing of Engine.IO.
async fn plain_websocket(probe: &Probe, notes: &mut Notes) -> bool {
    let target = probe.target(EngineRevision::V4, "websocket");
    let paths = [target, probe.options.url.path().to_owned()];
    for path in paths {
        let ask = Request::new("GET", path).limit(GUESS);
        let (direct, asked) = direct::direct_by(probe, EngineRevision::V4, ask).await;
        let seen = match direct {
            Ok(direct) => {
                // A server of WebSockets alone was found by the handshake; this one hid.
                direct.socket.close().await;
                return true;
            }
            Err(NoDirect::Silent) => "It accepts a WebSocket and says nothing.".to_owned(),
            Err(NoDirect::Other(what)) => format!("It accepts a WebSocket and says: {what}"),
            Err(NoDirect::Ended(_)) => "It accepts a WebSocket and closes it.".to_owned(),
            Err(NoDirect::Refused(_) | NoDirect::Failed(_)) => continue,
        };
        notes.find(&PLAIN_WEBSOCKET, seen, &[asked.id]);
        return true;
    }
    false
}
