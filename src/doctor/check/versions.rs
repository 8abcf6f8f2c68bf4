//! Which Engine.IO revisions are served, and so which clients.

use super::Skipped;
use crate::catalogue::{BOTH_REVISIONS, NO_REVISION, REVISION_4_ONLY};
use crate::doctor::direct;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::Session;
use crate::event::{Cause, EngineRevision};

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (revision, polling_off) = { (known.revision, known.polling_off) };
    match revision {
        Some(EngineRevision::V4) if polling_off => return by_websocket(probe, notes).await,
        Some(EngineRevision::V4) => return by_polling(probe, notes).await,
        Some(EngineRevision::V3) => {
            notes.fact("Engine.IO revision 3: clients of releases 1 and 2");
            notes.fact("a release 4 client gets an answer that it calls \"server error\"");
        }
        None => return neither(known, notes),
    }
    None
}

/// Whether a server that serves revision 4 serves revision 3 too.
async fn by_polling(probe: &Probe, notes: &mut Notes) -> Skipped {
    let (opened, asked) = Session::open(probe, EngineRevision::V3, None).await;
    match opened {
        Ok(session) if session.revision() == EngineRevision::V3 => {
            session.close(probe).await;
            both(notes, asked.id);
        }
        Ok(session) => {
            session.close(probe).await;
            let seen = "A handshake of revision 3 is answered in the form of revision 4.";
            four_only(notes, seen.to_owned(), asked.id);
        }
        Err(refused) => {
            if let Some(reason) = asked.proves_nothing() {
                return Some(format!("a handshake of revision 3 was {reason}"));
            }
            let seen = format!("A handshake of revision 3: {}.", refused.failure);
            four_only(notes, seen, asked.id);
        }
    }
    None
}

async fn by_websocket(probe: &Probe, notes: &mut Notes) -> Skipped {
    let (direct, asked) = direct::direct(probe, EngineRevision::V3).await;
    match direct {
        Ok(direct) => {
            direct.socket.close().await;
            both(notes, asked.id);
        }
        Err(why) => {
            if let Some(reason) = why.proves_nothing() {
                return Some(format!("a WebSocket of revision 3 was {reason}"));
            }
            let seen = format!("A WebSocket of revision 3: {why}.");
            four_only(notes, seen, asked.id);
        }
    }
    None
}

fn both(notes: &mut Notes, id: usize) {
    notes.fact("Engine.IO revisions 3 and 4: clients of releases 2, 3 and 4");
    let seen = "Handshakes of revisions 3 and 4 are both answered.";
    notes.find(&BOTH_REVISIONS, seen, &[id]);
}

fn four_only(notes: &mut Notes, seen: String, id: usize) {
    notes.fact("Engine.IO revision 4: clients of releases 3 and 4");
    notes.find(&REVISION_4_ONLY, seen, &[id]);
}

/// Only a refusal of the revision itself is one; whatever else stood in the way has been told.
fn neither(known: &Known, notes: &mut Notes) -> Skipped {
    let Some((Cause::UnsupportedProtocolVersion, id)) = known.not_opened else {
        return Some("no engine could be opened".to_owned());
    };
    let seen = "Handshakes of revisions 3 and 4 are both refused.";
    notes.find(&NO_REVISION, seen, &[id]);
    None
}
