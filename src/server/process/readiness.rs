use std::time::Duration;

use bytes::Bytes;

use super::any_certificate;
use crate::event::{Cause, EngineRevision};
use crate::protocol::engine_io::error_body::{self, RequestKind};
use crate::protocol::engine_io::handshake::opened;
use crate::protocol::engine_io::query;
use crate::server::http::body_of;

/// Marks the handshakes of this check, so that a server's log can leave them out.
const USER_AGENT: &str = concat!("sio-load/", env!("CARGO_PKG_VERSION"), " readiness");

/// From one handshake to the next.
const EVERY: Duration = Duration::from_millis(25);

/// One handshake at most; a server that accepts but does not answer is tried again.
const ONE_TRY: Duration = Duration::from_secs(2);

/// How to find out that a server is ready: by a real Engine.IO handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the server speaks TLS; any certificate will do.
    pub tls: bool,
    /// The HTTP path of Socket.IO.
    pub path: String,
    /// How long it may take.
    pub within: Duration,
}

/// What an answer says about the server.
enum Answer {
    /// A session was opened.
    Session {
        sid: Box<str>,
        /// How it frames its packets, whatever was asked for.
        revision: EngineRevision,
    },
    /// Engine.IO answered that it wants none of this: polling is switched off, or not allowed.
    /// Such a server is as ready as it will be.
    Refusal,
    /// Something else answered, or nobody.
    NotYet(String),
}

impl Readiness {
    /// Tries until a handshake is answered; `last` says what became of the last try.
    pub(super) async fn wait(&self, port: u16, last: &mut String) -> Result<(), reqwest::Error> {
        let client = client()?;
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.trim_matches('/');
        let url = format!("{scheme}://127.0.0.1:{port}/{path}/");
        loop {
            for revision in [EngineRevision::V4, EngineRevision::V3] {
                match open(&client, &url, revision).await {
                    Answer::Session { sid, revision } => {
                        close(&client, &url, revision, &sid).await;
                        return Ok(());
                    }
                    Answer::Refusal => return Ok(()),
                    Answer::NotYet(why) => *last = format!("{url}: {why}"),
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(ONE_TRY)
        .tls_backend_preconfigured(any_certificate::config())
        .build()
}

async fn open(client: &reqwest::Client, url: &str, revision: EngineRevision) -> Answer {
    let number = revision.number();
    let response = client
        .get(format!("{url}?EIO={number}&transport=polling"))
        .send()
        .await;
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answer::NotYet(innermost(&error)),
    };
    let status = response.status();
    match body_of(response).await {
        Ok(body) => judge(status.as_u16(), &body),
        Err(error) => Answer::NotYet(innermost(&error)),
    }
}

fn judge(status: u16, body: &Bytes) -> Answer {
    if status == 200 {
        return match opened(body) {
            // A release 2 server answers revision 4 with its own framing.
            Some((revision, handshake)) => Answer::Session {
                sid: handshake.sid,
                revision,
            },
            None => Answer::NotYet("status 200, but no open packet in the answer".to_owned()),
        };
    }
    match error_body::recognise(RequestKind::Handshake, status, body) {
        // A revision that it does not speak leads to the next try, at the other one.
        Some(error) if error.cause != Cause::UnsupportedProtocolVersion => Answer::Refusal,
        Some(_) | None => Answer::NotYet(format!("status {status}")),
    }
}

/// Takes the session back; whether that works is the server's own affair.
async fn close(client: &reqwest::Client, url: &str, revision: EngineRevision, sid: &str) {
    let body = match revision {
        EngineRevision::V3 => "1:1",
        EngineRevision::V4 => "1",
    };
    let mut query = format!("EIO={}&transport=polling", revision.number());
    query::append_pair(&mut query, "sid", sid);
    let request = client
        .post(format!("{url}?{query}"))
        .header("Content-Type", "text/plain;charset=UTF-8")
        .body(body);
    drop(request.send().await);
}

/// reqwest's own words name the URL; what the user needs is below: "connection refused".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> String {
        match judge(status, &Bytes::copy_from_slice(body.as_bytes())) {
            Answer::Session { sid, revision } => format!("{sid} at {}", revision.number()),
            Answer::Refusal => "refusal".to_owned(),
            Answer::NotYet(why) => why,
        }
    }

    #[test]
    fn an_open_packet_of_either_framing_is_an_answer() {
        let json = r#"{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}"#;
        assert_eq!(verdict(200, &format!("0{json}")), "a at 4");
        assert_eq!(verdict(200, &format!("0{json}\u{1e}40{{}}")), "a at 4");
        assert_eq!(verdict(200, &format!("59:0{json}2:40")), "a at 3");
    }

    #[test]
    fn a_refusal_by_engine_io_is_an_answer_and_by_others_is_not() {
        let disabled = r#"{"code":0,"message":"Transport unknown"}"#;
        assert_eq!(verdict(400, disabled), "refusal");
        assert_eq!(verdict(401, r#""Unauthorized""#), "refusal");
        assert_eq!(verdict(404, "Cannot GET"), "status 404");
        let revision = r#"{"code":5,"message":"Unsupported protocol version"}"#;
        assert_eq!(verdict(400, revision), "status 400");
        let gateway = r#"{"code":3,"message":"invalid argument","details":[]}"#;
        assert_eq!(verdict(400, gateway), "status 400");
        assert!(verdict(200, "<html>").contains("no open packet"));
    }
}
