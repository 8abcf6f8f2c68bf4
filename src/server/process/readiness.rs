use std::time::Duration;

use super::any_certificate;

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
        sid: String,
        /// As the query wants it.
        revision: u8,
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
            for revision in [4, 3] {
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

async fn open(client: &reqwest::Client, url: &str, revision: u8) -> Answer {
    let response = client
        .get(format!("{url}?EIO={revision}&transport=polling"))
        .send()
        .await;
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answer::NotYet(innermost(&error)),
    };
    let status = response.status();
    match response.text().await {
        Ok(body) => judge(status.as_u16(), &body, revision),
        Err(error) => Answer::NotYet(innermost(&error)),
    }
}

fn judge(status: u16, body: &str, revision: u8) -> Answer {
    match status {
        200 => match sid(body) {
            // A release 2 server answers revision 4 with its own framing: the length comes first.
            Some(sid) if body.starts_with('0') => Answer::Session { sid, revision },
            Some(sid) => Answer::Session { sid, revision: 3 },
            None => Answer::NotYet("status 200, but no open packet in the answer".to_owned()),
        },
        // Code 5, a revision that it does not speak, leads to the next try, at the other one.
        400 | 401 | 403 if is_engine_error(body) && !names_revision(body) => Answer::Refusal,
        status => Answer::NotYet(format!("status {status}")),
    }
}

fn sid(body: &str) -> Option<String> {
    let packet = &body[body.find("0{")? + 1..];
    let mut values = serde_json::Deserializer::from_str(packet).into_iter::<serde_json::Value>();
    let open = values.next()?.ok()?;
    Some(open.get("sid")?.as_str()?.to_owned())
}

/// npm sends `{"code":N,"message":"…"}`, socketioxide the same with a string, Python a bare string.
fn is_engine_error(body: &str) -> bool {
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(serde_json::Value::Object(error)) => error.contains_key("code"),
        Ok(serde_json::Value::String(_)) => true,
        Ok(_) | Err(_) => false,
    }
}

fn names_revision(body: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(body)
        .is_ok_and(|error| error["code"] == 5 || error["code"] == "5")
}

/// Takes the session back; whether that works is the server's own affair.
async fn close(client: &reqwest::Client, url: &str, revision: u8, sid: &str) {
    let body = if revision == 3 { "1:1" } else { "1" };
    let request = client
        .post(format!("{url}?EIO={revision}&transport=polling&sid={sid}"))
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
        match judge(status, body, 4) {
            Answer::Session { sid, revision } => format!("{sid} at {revision}"),
            Answer::Refusal => "refusal".to_owned(),
            Answer::NotYet(why) => why,
        }
    }

    #[test]
    fn an_open_packet_of_either_framing_is_an_answer() {
        assert_eq!(verdict(200, r#"0{"sid":"a","upgrades":[]}"#), "a at 4");
        assert_eq!(verdict(200, "0{\"sid\":\"a\"}\u{1e}40{}"), "a at 4");
        assert_eq!(verdict(200, r#"13:0{"sid":"b"}2:40"#), "b at 3");
    }

    #[test]
    fn a_refusal_by_engine_io_is_an_answer_and_by_others_is_not() {
        let disabled = r#"{"code":0,"message":"Transport unknown"}"#;
        assert_eq!(verdict(400, disabled), "refusal");
        assert_eq!(verdict(401, r#""Unauthorized""#), "refusal");
        assert_eq!(verdict(404, "Cannot GET"), "status 404");
        assert_eq!(verdict(400, r#"{"code":5,"message":"…"}"#), "status 400");
        assert!(verdict(200, "<html>").contains("no open packet"));
    }
}
