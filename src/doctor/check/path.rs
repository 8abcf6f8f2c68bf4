//! Where the server is, if it is not where it was looked for.

use std::time::Duration;

use futures_util::future::join_all;

use super::Skipped;
use crate::catalogue::{self, NAMESPACE_AS_PATH, PLAIN_WEBSOCKET, WRONG_PATH};
use crate::doctor::ask::Ask;
use crate::doctor::options::Options;
use crate::doctor::patient::Patient;
use crate::doctor::session::Session;
use crate::doctor::upgrade::{self, NoDirect};
use crate::event::{Cause, EngineRevision};

/// How long each guess may take.
const GUESS: Duration = Duration::from_secs(2);

pub(super) async fn run(patient: &Patient) -> Skipped {
    if patient.known.borrow().revision.is_some() {
        patient.fact(format!("Socket.IO answers at {}", patient.options.path));
        return None;
    }
    if !is_lost(patient) {
        return Some("a Socket.IO server answers there, though not well".to_owned());
    }
    if elsewhere(patient).await {
        return None;
    }
    if plain_websocket(patient).await {
        return None;
    }
    patient.fact("no other path that is usual answers either");
    None
}

/// Paths that are worth a guess, but for the one that was asked.
fn guesses(options: &Options) -> Vec<String> {
    let prefix = options.url.path().trim_end_matches('/');
    let own = options.path.trim_end_matches('/');
    let mut guesses = vec![
        Options::PATH.to_owned(),
        own.to_owned(),
        format!("{prefix}{}", Options::PATH),
        format!("{own}{}", Options::PATH),
        "/engine.io/".to_owned(),
    ];
    guesses.retain(|guess| *guess != options.path && guess.starts_with('/'));
    guesses.dedup();
    guesses
}

/// Whether what answered the handshake may be something else, or nothing at all.
fn is_lost(patient: &Patient) -> bool {
    let lost = [
        Cause::NotSocketio,
        Cause::HttpStatus,
        Cause::TimedOut,
        Cause::ConnectionClosed,
        Cause::ConnectionReset,
        Cause::BadRequest,
        Cause::WebsocketRefused,
    ];
    let is_lost = |code: &str| lost.iter().any(|cause| catalogue::of(*cause).code == code);
    !patient.found_by("handshake", is_lost).is_empty()
}

/// Looks for the server at other paths, all at once.
async fn elsewhere(patient: &Patient) -> bool {
    let guesses = guesses(&patient.options);
    let asking = guesses.iter().map(|guess| {
        let target = patient.target_at(guess, EngineRevision::V4, "polling");
        patient.ask(Ask::new("GET", target).limit(GUESS))
    });
    let mut found = false;
    for (guess, asked) in guesses.iter().zip(join_all(asking).await) {
        let Ok(session) = Session::read(patient, EngineRevision::V4, &asked, None) else {
            continue;
        };
        let session = session.at(patient, guess);
        if found {
            session.close(patient).await;
            continue;
        }
        found = true;
        found_at(patient, session, guess.clone(), asked.id).await;
    }
    found
}

/// The server is there: was the path that was given meant as a namespace?
async fn found_at(patient: &Patient, mut session: Session, path: String, id: usize) {
    let given = patient.options.path.trim_end_matches('/').to_owned();
    let was_asked = patient.options.path != Options::PATH && path == Options::PATH;
    let is_namespace = was_asked
        && session.revision() == EngineRevision::V4
        && session
            .connect(patient, &given, patient.auth())
            .await
            .is_ok();
    session.close(patient).await;
    if is_namespace {
        let seen = format!("{path} answers, and has a namespace {given}.");
        patient.find(&NAMESPACE_AS_PATH, seen, &[id]);
    } else {
        let asked = &patient.options.path;
        let seen = format!("{asked} was asked; Socket.IO answers at {path}.");
        patient.find(&WRONG_PATH, seen, &[id]);
    }
}

/// A WebSocket server that opens and says nothing of Engine.IO.
async fn plain_websocket(patient: &Patient) -> bool {
    let target = patient.target(EngineRevision::V4, "websocket");
    let paths = [target, patient.options.url.path().to_owned()];
    for path in paths {
        let ask = Ask::new("GET", path).limit(GUESS);
        let (direct, asked) = upgrade::direct_by(patient, EngineRevision::V4, ask).await;
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
        patient.find(&PLAIN_WEBSOCKET, seen, &[asked.id]);
        return true;
    }
    false
}
