//! The six mistakes that Engine.IO has codes for: who answers them, and how.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Skipped;
use crate::catalogue::{ANSWERED_IN_FRONT, MISTAKE_ACCEPTED, OTHER_IMPLEMENTATION};
use crate::doctor::http::Reply;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::request::{Outcome, Request};
use crate::doctor::session::{Session, classify};
use crate::event::{Cause, EngineRevision};

/// The code for a client that is turned away. The server looks whether it is before it looks at the
/// revision.
const FORBIDDEN_CODE: i64 = 4;

/// A mistake and its code.
struct Mistake {
    code: i64,
    name: &'static str,
    request: Request,
}

/// How a mistake was answered.
enum Answered {
    /// As npm socket.io does.
    Right,
    /// By the server, in another form.
    Otherwise(&'static str),
    /// As if it were right.
    Accepted,
    /// By something that is not the server.
    InFront(String),
    /// Not at all: a limit or an outage met the request.
    Unasked(String),
}

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let is_forbidden = matches!(known.not_opened, Some((Cause::Forbidden, _)));
    if known.revision.is_none() && !is_forbidden {
        return Some("no engine could be opened".to_owned());
    }
    let mut tally = Tally::default();
    for Mistake {
        code,
        name,
        request,
    } in mistakes(probe, known)
    {
        // The one code that no mistake of a client provokes.
        if code == 5 {
            notes.fact(match is_forbidden {
                true => "4 Forbidden: this client is turned away",
                false => "4 Forbidden: this client is let in",
            });
        }
        let asked = probe.ask(request).await;
        let status = asked
            .status()
            .map_or_else(String::new, |s| format!(" ({s})"));
        let answered = judge(code, &asked, is_forbidden);
        if matches!(answered, Answered::Accepted) {
            close(probe, &asked).await;
        }
        let how = tally.add((code, name), answered, asked.id);
        notes.fact(format!("{code} {name}: {how}{status}"));
    }
    tally.tell(notes)
}

/// How all mistakes were answered.
#[derive(Default)]
struct Tally {
    otherwise: BTreeMap<&'static str, Vec<usize>>,
    accepted: Vec<(&'static str, usize)>,
    in_front: Vec<(i64, String, usize)>,
    unasked: Option<String>,
    answers: usize,
}

impl Tally {
    /// Counts an answer and says in words how it was.
    fn add(&mut self, (code, name): (i64, &'static str), answered: Answered, id: usize) -> String {
        self.answers += usize::from(!matches!(answered, Answered::Unasked(_)));
        match answered {
            Answered::Right => "as it should be".to_owned(),
            Answered::Otherwise(form) => {
                self.otherwise.entry(form).or_default().push(id);
                format!("in the form of {form}")
            }
            Answered::Accepted => {
                self.accepted.push((name, id));
                "accepted".to_owned()
            }
            Answered::InFront(what) => {
                self.in_front.push((code, what, id));
                "not by the server".to_owned()
            }
            Answered::Unasked(reason) => {
                let how = format!("not asked, {reason}");
                self.unasked = Some(reason);
                how
            }
        }
    }

    fn tell(self, notes: &mut Notes) -> Skipped {
        for (form, ids) in self.otherwise {
            let seen = format!("It looks like {form}.");
            notes.find(&OTHER_IMPLEMENTATION, seen, &ids);
        }
        if let Some((_, what, id)) = self.in_front.first() {
            let codes = self.in_front.iter().map(|(code, ..)| code.to_string());
            let codes: Vec<String> = codes.collect();
            let seen = format!("Errors of code {}: {what}.", codes.join(", "));
            notes.find(&ANSWERED_IN_FRONT, seen, &[*id]);
        }
        if let Some((_, id)) = self.accepted.first() {
            let names: Vec<&str> = self.accepted.iter().map(|(name, _)| *name).collect();
            let seen = format!("Accepted: {}.", names.join(", "));
            notes.find(&MISTAKE_ACCEPTED, seen, &[*id]);
        }
        self.unasked
            .filter(|_| self.answers == 0)
            .map(|reason| format!("requests were {reason}"))
    }
}

fn mistakes(probe: &Probe, known: &Known) -> Vec<Mistake> {
    let revision = known.revision.unwrap_or_default();
    let polling = probe.target(revision, "polling");
    let mistake = |code, name, request| Mistake {
        code,
        name,
        request,
    };
    let other_revision = polling.replace(&format!("EIO={}", revision.number()), "EIO=1");
    vec![
        mistake(
            0,
            "Transport unknown",
            Request::new("GET", probe.target(revision, "pigeon")),
        ),
        mistake(
            1,
            "Session ID unknown",
            Request::new("GET", format!("{polling}&sid=no-such-session")),
        ),
        mistake(
            2,
            "Bad handshake method",
            Request::new("POST", polling.clone()).body(""),
        ),
        mistake(
            3,
            "Bad request",
            Request::new("GET", probe.target(revision, "websocket")),
        ),
        mistake(
            5,
            "Unsupported protocol version",
            Request::new("GET", other_revision),
        ),
    ]
}

fn judge(code: i64, asked: &Outcome, is_forbidden: bool) -> Answered {
    if let Some(reason) = asked.proves_nothing() {
        return Answered::Unasked(reason);
    }
    let reply = match &asked.result {
        Ok(reply) => reply,
        Err(trouble) if trouble.failure.cause == Cause::ConnectionClosed => {
            return Answered::Otherwise("a server that hangs up");
        }
        Err(trouble) => return Answered::InFront(trouble.failure.to_string()),
    };
    if reply.is_page() {
        return Answered::InFront(format!("status {}, {}", reply.status, who(reply)));
    }
    if reply.status == 200 {
        return Answered::Accepted;
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(Value::Object(object)) => match object.get("code") {
            Some(Value::Number(number)) if number.as_i64() == Some(code) => Answered::Right,
            Some(Value::Number(_)) if is_due_to_transports(code, &object["code"]) => {
                Answered::Right
            }
            Some(Value::Number(_)) if is_forbidden && object["code"] == FORBIDDEN_CODE => {
                Answered::Right
            }
            Some(Value::String(_)) => Answered::Otherwise("socketioxide (the code is a string)"),
            Some(_) | None => Answered::Otherwise("another implementation"),
        },
        Ok(Value::String(_)) => Answered::Otherwise("python-socketio (a bare string)"),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | Err(_) => {
            Answered::Otherwise(form(reply))
        }
    }
}

/// A server that allows one transport alone calls the other one unknown before it looks further.
fn is_due_to_transports(expected: i64, code: &Value) -> bool {
    expected != 0 && code.as_i64() == Some(0)
}

/// What is neither JSON nor a page.
fn form(reply: &Reply) -> &'static str {
    let cause = classify(reply).cause;
    match (reply.status, reply.body.is_empty()) {
        (500, true) => "netty-socketio (500, empty)",
        (401, _) => "netty-socketio (401)",
        (_, true) => "a server without messages",
        (_, false) if cause == Cause::HttpStatus => "a server that writes plain text",
        (_, false) => "another implementation",
    }
}

fn who(reply: &Reply) -> String {
    let server = reply.header("server").or_else(|| reply.header("via"));
    let page = reply.said();
    server.map_or_else(|| page.clone(), |name| format!("{page}, by {name}"))
}

/// What was opened by mistake is closed.
async fn close(probe: &Probe, asked: &Outcome) {
    if let Ok(session) = Session::read(probe, EngineRevision::V4, asked, None) {
        session.close(probe).await;
    }
}
