//! CORS: what a browser keeps from a page of another origin.

use super::Skipped;
use crate::catalogue::{
    CORS_ANY_WITH_CREDENTIALS, CORS_MISSING, CORS_ORIGIN_REFUSED, CORS_OTHER_ORIGIN,
    CORS_PREFLIGHT_FAILS, CORS_SAME_ORIGIN, CORS_TWICE, CORS_WILDCARD, CORS_WILDCARD_CREDENTIALS,
    MIXED_CONTENT,
};
use crate::doctor::direct;
use crate::doctor::http::Reply;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::request::Request;
use crate::doctor::session::Session;
use crate::event::EngineRevision;

/// A page that no server names in its options, where none is given.
const STRANGER: &str = "https://stranger.example";

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// What Access-Control-Allow-Origin says.
enum Allowed {
    Nothing,
    Twice(String),
    Anyone,
    This,
    Another(String),
}

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    let (revision, polling_off) = { (known.revision, known.polling_off) };
    if is_mixed(probe, notes) {
        return None;
    }
    let Some(revision) = revision else {
        return Some("no engine could be opened".to_owned());
    };
    if polling_off {
        return Some("CORS is for polling, which is off".to_owned());
    }
    let given = probe.options.origin.clone();
    let origin = given.as_deref().unwrap_or(STRANGER);
    let reads = match real_request(probe, notes, revision, origin, given.is_some()).await {
        Ok(reads) => reads,
        Err(reason) => return Some(reason),
    };
    if reads {
        preflight(probe, notes, revision, origin).await;
    }
    if given.is_some() {
        websocket(probe, known, notes, revision, origin).await;
    }
    None
}

/// Whether the page is at https and the server is not, which browsers do not allow.
fn is_mixed(probe: &Probe, notes: &mut Notes) -> bool {
    let origin = probe.options.origin.as_deref().unwrap_or_default();
    if !origin.starts_with("https://") || probe.options.is_secure() {
        return false;
    }
    let loopback = match probe.options.is_loopback() {
        true => {
            " Chrome and Firefox make an exception for loopback addresses, Safari does not, and \
             none does for the server's public name."
        }
        false => "",
    };
    let server = probe.options.base();
    let seen = format!("The page is at {origin}, the server at {server}.{loopback}");
    notes.find(&MIXED_CONTENT, seen, &[]);
    true
}

/// The request that a browser makes; whether the page may read the answer.
async fn real_request(
    probe: &Probe,
    notes: &mut Notes,
    revision: EngineRevision,
    origin: &str,
    is_given: bool,
) -> Result<bool, String> {
    let target = probe.target(revision, "polling");
    let asked = probe
        .ask(Request::new("GET", target).header("Origin", origin))
        .await;
    if let Ok(session) = Session::read(probe, revision, &asked, None) {
        session.close(probe).await;
    }
    if let Some(reason) = asked.proves_nothing() {
        return Err(format!("a request with an Origin was {reason}"));
    }
    let reply = match &asked.result {
        Ok(reply) if reply.status == 200 => reply,
        Ok(reply) => {
            let seen = format!(
                "A request of {} is refused with {}.",
                page(origin, is_given),
                reply.status
            );
            let finding = if is_given {
                &CORS_ORIGIN_REFUSED
            } else {
                &CORS_SAME_ORIGIN
            };
            notes.find(finding, seen, &[asked.id]);
            return Ok(false);
        }
        Err(trouble) => {
            notes.find_failure(&trouble.failure, "A request with an Origin", &[asked.id]);
            return Ok(false);
        }
    };
    let credentials = reply.header("access-control-allow-credentials") == Some("true");
    notes.fact(format!(
        "{}: Access-Control-Allow-Origin {}{}",
        page(origin, is_given),
        reply.header(ALLOW_ORIGIN).unwrap_or("is missing"),
        if credentials {
            ", with credentials"
        } else {
            ""
        },
    ));
    Ok(judge(
        notes,
        &allowed(reply, origin),
        (origin, is_given),
        (credentials, asked.id),
    ))
}

/// The page as it is called in the report: the one that the doctor makes up has no name.
fn page(origin: &str, is_given: bool) -> String {
    match is_given {
        true => format!("a page at {origin}"),
        false => "a page of another origin".to_owned(),
    }
}

fn allowed(reply: &Reply, origin: &str) -> Allowed {
    let values: Vec<&str> = reply.all(ALLOW_ORIGIN).collect();
    match values[..] {
        [] => Allowed::Nothing,
        [one] if one.contains(',') => Allowed::Twice(one.to_owned()),
        ["*"] => Allowed::Anyone,
        [one] if one == origin => Allowed::This,
        [one] => Allowed::Another(one.to_owned()),
        _ => Allowed::Twice(values.join(" and ")),
    }
}

fn judge(
    notes: &mut Notes,
    allowed: &Allowed,
    (origin, is_given): (&str, bool),
    (credentials, id): (bool, usize),
) -> bool {
    let stranger = |finding| if is_given { finding } else { &CORS_SAME_ORIGIN };
    match allowed {
        Allowed::Nothing => {
            let seen = format!(
                "A browser keeps the answer from {}.",
                page(origin, is_given)
            );
            notes.find(stranger(&CORS_MISSING), seen, &[id]);
            false
        }
        Allowed::Another(other) => {
            let seen = match is_given {
                true => format!("The page is at {origin}, the server allows {other}."),
                false => format!("The server allows {other}."),
            };
            notes.find(stranger(&CORS_OTHER_ORIGIN), seen, &[id]);
            false
        }
        Allowed::Twice(values) => {
            let seen = format!("It says {values}.");
            notes.find(&CORS_TWICE, seen, &[id]);
            false
        }
        Allowed::Anyone if credentials => {
            let seen = "It says * and Access-Control-Allow-Credentials: true.";
            notes.find(&CORS_WILDCARD_CREDENTIALS, seen, &[id]);
            true
        }
        Allowed::Anyone => {
            notes.find(&CORS_WILDCARD, "It says *, without credentials.", &[id]);
            true
        }
        Allowed::This => {
            if !is_given && credentials {
                let seen = "An origin that it cannot know is allowed with credentials.".to_owned();
                notes.find(&CORS_ANY_WITH_CREDENTIALS, seen, &[id]);
            }
            true
        }
    }
}

/// What a browser asks first, if the page sends headers of its own.
async fn preflight(probe: &Probe, notes: &mut Notes, revision: EngineRevision, origin: &str) {
    let names: Vec<String> = probe
        .options
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let wanted = if names.is_empty() {
        "x-custom".to_owned()
    } else {
        names.join(",")
    };
    let ask = Request::new("OPTIONS", probe.target(revision, "polling"))
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", &wanted);
    let asked = probe.ask(ask).await;
    if let Some(reason) = asked.proves_nothing() {
        notes.fact(format!("a preflight was {reason}"));
        return;
    }
    let problem = match &asked.result {
        Ok(reply) => refuses(reply, origin, &wanted),
        Err(trouble) => Some(trouble.failure.to_string()),
    };
    match problem {
        None => notes.fact(format!("the preflight allows {wanted}")),
        // Pages without headers of their own never ask.
        Some(problem) if names.is_empty() => {
            notes.fact(format!("a preflight would fail: {problem}"));
        }
        Some(problem) => {
            let seen = format!("The preflight for {wanted}: {problem}.");
            notes.find(&CORS_PREFLIGHT_FAILS, seen, &[asked.id]);
        }
    }
}

/// Why a browser would not go on after this answer.
fn refuses(reply: &Reply, origin: &str, wanted: &str) -> Option<String> {
    if !(200..300).contains(&reply.status) {
        return Some(format!("status {}", reply.status));
    }
    match allowed(reply, origin) {
        Allowed::Anyone | Allowed::This => {}
        Allowed::Nothing | Allowed::Twice(_) | Allowed::Another(_) => {
            return Some("the origin is not allowed".to_owned());
        }
    }
    let allowed = reply
        .header("access-control-allow-headers")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_allowed = |name: &str| {
        allowed
            .split(',')
            .any(|one| matches!(one.trim(), "*") || one.trim() == name)
    };
    let missing = wanted.split(',').find(|name| !is_allowed(name))?;
    Some(format!("the header {missing} is not allowed"))
}

/// Browsers send the Origin with WebSocket handshakes too, and leave it to the server to refuse.
async fn websocket(
    probe: &Probe,
    known: &Known,
    notes: &mut Notes,
    revision: EngineRevision,
    origin: &str,
) {
    if known.websocket != Some(true) {
        return;
    }
    let target = probe.target(revision, "websocket");
    let ask = Request::new("GET", target).header("Origin", origin);
    let (direct, asked) = direct::direct_by(probe, revision, ask).await;
    match direct {
        Ok(direct) => {
            direct.socket.close().await;
            notes.fact(format!("a WebSocket of a page at {origin} is accepted"));
        }
        Err(why) if why.proves_nothing().is_some() => {
            notes.fact(format!(
                "a WebSocket of a page at {origin} was not tried: {why}"
            ));
        }
        Err(why) => {
            let seen = format!("A WebSocket of a page at {origin}: {why}.");
            notes.find(&CORS_ORIGIN_REFUSED, seen, &[asked.id]);
        }
    }
}
