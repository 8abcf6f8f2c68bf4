//! Which Engine.IO revisions are served, and so which clients.

use super::Skipped;
use crate::catalogue::{BOTH_REVISIONS, NO_REVISION, REVISION_4_ONLY};
use crate::doctor::patient::Patient;
use crate::doctor::session::Session;
use crate::doctor::upgrade;
use crate::event::{Cause, EngineRevision};

pub(super) async fn run(patient: &Patient) -> Skipped {
    let (revision, polling_off) = {
        let known = patient.known.borrow();
        (known.revision, known.polling_off)
    };
    match revision {
        Some(EngineRevision::V4) if polling_off => by_websocket(patient).await,
        Some(EngineRevision::V4) => by_polling(patient).await,
        Some(EngineRevision::V3) => {
            patient.fact("Engine.IO revision 3: clients of releases 1 and 2");
            patient.fact("a release 4 client gets an answer that it calls \"server error\"");
        }
        None => return neither(patient),
    }
    None
}

/// Whether a server that serves revision 4 serves revision 3 too.
async fn by_polling(patient: &Patient) {
    let (opened, asked) = Session::open(patient, EngineRevision::V3, None).await;
    match opened {
        Ok(session) if session.revision() == EngineRevision::V3 => {
            session.close(patient).await;
            both(patient, asked.id);
        }
        Ok(session) => {
            session.close(patient).await;
            let seen = "A handshake of revision 3 is answered in the form of revision 4.";
            four_only(patient, seen.to_owned(), asked.id);
        }
        Err(refused) => {
            let seen = format!("A handshake of revision 3: {}.", refused.failure);
            four_only(patient, seen, asked.id);
        }
    }
}

async fn by_websocket(patient: &Patient) {
    let (direct, asked) = upgrade::direct(patient, EngineRevision::V3).await;
    match direct {
        Ok(direct) => {
            direct.socket.close().await;
            both(patient, asked.id);
        }
        Err(why) => {
            let seen = format!("A WebSocket of revision 3: {why}.");
            four_only(patient, seen, asked.id);
        }
    }
}

fn both(patient: &Patient, id: usize) {
    patient.fact("Engine.IO revisions 3 and 4: clients of releases 2, 3 and 4");
    let seen = "Handshakes of revisions 3 and 4 are both answered.";
    patient.find(&BOTH_REVISIONS, seen, &[id]);
}

fn four_only(patient: &Patient, seen: String, id: usize) {
    patient.fact("Engine.IO revision 4: clients of releases 3 and 4");
    patient.find(&REVISION_4_ONLY, seen, &[id]);
}

/// Only a refusal of the revision itself is one; whatever else stood in the way has been told.
fn neither(patient: &Patient) -> Skipped {
    let refused = patient.found_by("handshake", |code| {
        code == crate::catalogue::of(Cause::UnsupportedProtocolVersion).code
    });
    if refused.is_empty() {
        return Some("no engine could be opened".to_owned());
    }
    let seen = "Handshakes of revisions 3 and 4 are both refused.";
    patient.find(&NO_REVISION, seen, &refused);
    None
}
