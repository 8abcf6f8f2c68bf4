//! Steps in virtual time: every way a step can end, and what follows.

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::event::LabelId;
use crate::protocol::ReconnectionConfig;
use crate::scenario::{self, Overrides};

/// One client, its steps and its time.
struct Client {
    steps: Steps,
    now: Instant,
    names: RefCell<Vec<String>>,
    actions: Vec<String>,
    token: StepToken,
}

/// A second of virtual time, in parts.
const MS: Duration = Duration::from_millis(1);

fn around() -> Surroundings<'static> {
    Surroundings {
        client: 7,
        seed: Seed(1),
        now_us: 0,
        row: &[],
    }
}

impl Client {
    fn new(population: &str) -> Self {
        Self::with(population, 1, Some(ReconnectionConfig::default()))
    }

    fn with(population: &str, seed: u64, reconnection: Option<ReconnectionConfig>) -> Self {
        let text = format!(
            "duration = \"1m\"\ntarget = {{ url = \"http://127.0.0.1:1/\" }}\n[[clients]]\ncount = 1\n{population}"
        );
        let plan = scenario::parse(&text, "test.toml", &Overrides::default());
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
        let names = RefCell::new(Vec::new());
        let compiled = CompiledJourney::new(&plan.populations[0], reconnection, |name| {
            names.borrow_mut().push(name.to_owned());
            LabelId(names.borrow().len() as u16 - 1)
        });
        let random = fastrand::Rng::with_seed;
        Self {
            steps: Steps::new(Rc::new(compiled), random(seed), random(seed + 1)),
            now: crate::clock::now(),
            names,
            actions: Vec::new(),
            token: StepToken(0),
        }
    }

    /// Everything that was asked for since the last call.
    fn heard(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.actions)
    }

    fn drain(&mut self) {
        while let Some(action) = self.steps.poll_action() {
            let name = |label: Option<LabelId>| {
                label.map_or_else(
                    || "-".to_owned(),
                    |label| self.names.borrow()[usize::from(label.0)].clone(),
                )
            };
            self.actions.push(match action {
                Action::Request(ask) => {
                    self.token = ask.token;
                    let body = ask
                        .body
                        .map_or(String::new(), |(body, _)| format!(" {body}"));
                    format!("{} {}{body}", ask.method, ask.url)
                }
                Action::Emit {
                    token, arguments, ..
                } => {
                    self.token = token;
                    format!("emit {arguments}")
                }
                Action::Report(Event::StepDone { step, took }) => {
                    format!("done {} {}", name(Some(step)), took.as_millis())
                }
                Action::Report(Event::StepFailed { failure }) => {
                    let message = failure.message.as_deref().unwrap_or("");
                    format!("failed {} {} {message}", name(failure.step), failure.cause)
                        .trim_end()
                        .to_owned()
                }
                Action::Report(Event::IterationDone { took }) => {
                    format!("iteration {}", took.as_millis())
                }
                Action::Report(Event::IterationFailed) => "iteration failed".to_owned(),
                Action::Report(Event::IterationUnfinished) => "iteration unfinished".to_owned(),
                other @ (Action::Proceed
                | Action::Ready
                | Action::Reconnect(_)
                | Action::StayRejected
                | Action::GiveUp
                | Action::Leave
                | Action::Connect
                | Action::Disconnect(_)
                | Action::Report(_)) => format!("{other:?}"),
            });
        }
    }

    /// Lets time pass, waking at every due time on the way.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..1000 {
            match self.steps.poll_timeout() {
                Some(due) if due <= end => {
                    self.now = self.now.max(due);
                    self.steps.handle_timeout(self.now, &around());
                    self.drain();
                }
                Some(_) | None => break,
            }
        }
        self.now = end;
    }

    fn connect(&mut self, recovered: Option<bool>) {
        self.steps.note_recovered(recovered);
        self.steps.handle_connected(self.now, &around());
        self.pass(Duration::ZERO);
    }

    fn ack(&mut self, arguments: &str) -> AckVerdict {
        self.drain();
        let (now, token) = (self.now, self.token);
        let verdict = self
            .steps
            .handle_ack(now, token, arguments.as_bytes(), &around());
        self.pass(Duration::ZERO);
        verdict
    }

    fn event(&mut self, name: &str, arguments: &str) {
        let received = Received::new(0, name, arguments);
        self.steps.handle_event(self.now, &received, &around());
        self.pass(Duration::ZERO);
    }

    fn respond(&mut self, status: u16, body: &str) {
        let response = StepResponse {
            status,
            headers: vec![("x-csrf-token".into(), Bytes::from_static(b"csrf"))],
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        self.drain();
        let (now, token) = (self.now, self.token);
        self.steps
            .handle_response(now, token, Ok(response), &around());
        self.pass(Duration::ZERO);
    }
}

const LOGIN: &str = r#"
[[clients.before_connect]]
request = "POST /login"
json = { user = "u{{client}}" }
capture = { token = "$.token", csrf = "header x-csrf-token" }
"#;

#[test]
fn a_login_comes_before_the_first_engine_alone() {
    let mut client = Client::new(LOGIN);
    client.steps.handle_engine(client.now, &around());
    assert_eq!(client.heard(), ["POST /login {\"user\":\"u7\"}"]);
    client.pass(MS * 30);
    client.respond(200, r#"{"token":"abc"}"#);
    assert_eq!(client.heard(), ["done login 30", "Proceed"]);
    assert_eq!(client.steps.captures().get("token"), Some("abc"));
    assert_eq!(client.steps.captures().get("csrf"), Some("csrf"));
    client.steps.handle_engine(client.now, &around());
    assert_eq!(client.heard(), ["Proceed"]);
}

#[test]
fn a_failed_login_is_tried_again_with_the_backoff() {
    let mut client = Client::new(LOGIN);
    client.steps.handle_engine(client.now, &around());
    client.heard();
    client.respond(503, "busy");
    assert_eq!(client.heard(), ["failed login http_status"]);
    client.pass(MS * 1500);
    assert_eq!(client.heard(), ["POST /login {\"user\":\"u7\"}"]);
    client.respond(200, "{}");
    assert_eq!(
        client.heard(),
        ["failed login step_unexpected $.token: not there"]
    );
    client.pass(MS * 3000);
    client.heard();
    client.respond(201, r#"{"token":"abc"}"#);
    assert_eq!(client.heard().last().map(String::as_str), Some("Proceed"));
    let mut never = Client::with(LOGIN, 1, None);
    never.steps.handle_engine(never.now, &around());
    never.heard();
    never.pass(Duration::from_secs(10));
    let expected = ["failed login step_timed_out no response", "GiveUp"];
    assert_eq!(never.heard(), expected);
}

const JOIN: &str = r#"
[[clients.on_connect]]
emit = "join"
data = ["room-{{client | modulo(5)}}"]
ack = { expect = { "$[0].ok" = true }, capture = { members = "$[0].members" } }

[[clients.on_connect]]
when = "not_recovered"
emit = "sync"
data = [{ since = "{{capture.last | default(0)}}" }]
wait = "history"
timeout = "2s"

[[clients.listen]]
event = "message"
capture = { last = "$[0].id" }
"#;

#[test]
fn a_client_is_ready_once_on_connect_is_done() {
    let mut client = Client::new(JOIN);
    client.connect(Some(false));
    assert_eq!(client.heard(), ["emit \"room-2\""]);
    client.pass(MS * 5);
    assert_eq!(client.ack(r#"{"ok":true,"members":3}"#), AckVerdict::Taken);
    assert_eq!(client.heard(), ["done join 5", "Ready"]);
    assert_eq!(client.steps.captures().get("members"), Some("3"));
    let message = Received::new(0, "message", r#"{"id":"m1"}"#);
    client.steps.capture_listened(0, &message);

    client.steps.handle_lost();
    client.connect(Some(true));
    client.ack(r#"{"ok":true,"members":3}"#);
    assert_eq!(client.heard(), ["emit \"room-2\"", "done join 0", "Ready"]);

    client.steps.handle_lost();
    client.connect(Some(false));
    client.ack(r#"{"ok":true,"members":3}"#);
    let expected = ["emit \"room-2\"", "done join 0", "emit {\"since\":\"m1\"}"];
    assert_eq!(client.heard(), expected);
    client.event("other", "");
    client.event("history", "[]");
    assert_eq!(client.heard(), ["done sync 0", "Ready"]);
}

#[test]
fn an_answer_that_is_not_as_expected_leaves_the_client_not_ready_until_its_next_connect() {
    let mut client = Client::new(JOIN);
    client.connect(Some(false));
    client.heard();
    assert_eq!(client.ack(r#"{"ok":false}"#), AckVerdict::Rejected);
    let expected = ["failed join step_unexpected ack $[0].ok: false, not true"];
    assert_eq!(client.heard(), expected);
    assert_eq!(client.steps.poll_timeout(), None);
    client.steps.handle_lost();
    client.connect(Some(true));
    assert_eq!(client.heard(), ["emit \"room-2\""]);
}

#[test]
fn a_loss_in_the_middle_of_on_connect_fails_its_step() {
    let mut client = Client::new(JOIN);
    client.connect(Some(false));
    client.heard();
    client.steps.handle_lost();
    assert_eq!(client.heard(), ["failed join disconnected"]);
    // The old ack is nobody's.
    assert_eq!(client.ack(r#"{"ok":true}"#), AckVerdict::Taken);
    assert_eq!(client.heard(), [""; 0]);
}

const POST: &str = r#"
[[clients.steps]]
think = "1s"

[[clients.steps]]
name = "post"
emit = "message"
data = [{ id = "{{client}}-{{n}}", key = "{{random.string(8)}}" }]
wait = "message"
where = { "$[0].id" = "{{client}}-{{n}}" }
timeout = "5s"
"#;

/// A client in the middle of its step `post`.
fn posting(keys: &str) -> Client {
    let mut client = Client::new(&format!("{keys}{POST}"));
    client.connect(None);
    client.pass(MS * 1000);
    assert_eq!(client.heard().len(), 2);
    client
}

#[test]
fn a_wait_passes_over_events_that_are_not_meant() {
    let mut client = posting("");
    client.event("message", r#"{"id":"6-0"}"#);
    assert_eq!(client.heard(), [""; 0]);
    client.pass(MS * 10);
    client.event("message", r#"{"id":"7-0"}"#);
    assert_eq!(client.heard(), ["done post 10", "iteration 1010"]);
    client.pass(MS * 1000);
    let heard = client.heard();
    assert!(heard[0].starts_with("emit {\"id\":\"7-1\""), "{heard:?}");
}

#[test]
fn a_step_that_times_out_fails_its_iteration() {
    let mut client = posting("");
    client.pass(Duration::from_secs(5));
    let expected = ["failed post step_timed_out no event", "iteration failed"];
    assert_eq!(client.heard(), expected);
    client.pass(MS * 1000);
    assert_eq!(client.heard().len(), 1);
}

#[test]
fn a_lost_connection_restarts_the_iteration_or_resumes_its_step() {
    let mut client = posting("");
    client.steps.handle_lost();
    let expected = ["failed post disconnected", "iteration failed"];
    assert_eq!(client.heard(), expected);
    client.pass(Duration::from_secs(10));
    assert_eq!(client.heard(), [""; 0]);
    client.connect(None);
    assert_eq!(client.heard(), ["Ready"]);

    let mut client = posting("on_disconnect = \"resume\"\n");
    client.steps.handle_lost();
    assert_eq!(client.heard(), ["failed post disconnected"]);
    client.connect(None);
    let heard = client.heard();
    assert_eq!(heard[0], "Ready");
    assert!(heard[1].starts_with("emit {\"id\":\"7-1\""), "{heard:?}");
}

#[test]
fn an_iteration_under_way_at_the_end_is_unfinished() {
    let mut client = posting("");
    client.steps.stop();
    assert_eq!(client.heard(), ["iteration unfinished"]);
    client.event("message", r#"{"id":"7-0"}"#);
    client.pass(Duration::from_secs(10));
    assert_eq!(client.heard(), [""; 0]);
}

#[test]
fn errors_may_be_passed_over_or_make_the_client_leave() {
    let two = "[[clients.steps]]\nwait = \"a\"\ntimeout = \"1s\"\non_error = \"continue\"\n[[clients.steps]]\nwait = \"b\"\ntimeout = \"1s\"\non_error = \"leave\"\n";
    let mut client = Client::new(two);
    client.connect(None);
    client.pass(Duration::from_secs(2));
    let expected = [
        "Ready",
        "failed a step_timed_out no event",
        "failed b step_timed_out no event",
        "iteration failed",
        "Leave",
    ];
    assert_eq!(client.heard(), expected);
}

#[test]
fn a_pace_starts_iterations_on_time_and_times_late_ones_from_their_intended_start() {
    let steps = "pace = \"2s\"\niterations = 3\n[[clients.steps]]\nemit = \"a\"\nack = true\n";
    let mut client = Client::new(steps);
    client.connect(None);
    client.heard();
    client.pass(MS * 5000);
    client.ack("");
    let expected = ["done a 5000", "iteration 5000", "emit "];
    assert_eq!(client.heard(), expected);
    client.ack("");
    // Due after 2 s, begun after 5 s.
    let expected = ["done a 3000", "iteration 3000", "emit "];
    assert_eq!(client.heard(), expected);
    client.pass(MS * 100);
    client.ack("");
    assert_eq!(client.heard(), ["done a 1100", "iteration 1100"]);
    client.pass(Duration::from_secs(20));
    assert_eq!(client.heard(), [""; 0]);
}

#[test]
fn a_refused_client_refreshes_its_token_so_often_and_no_more() {
    let refresh = "[[clients.on_rejected]]\nrequest = \"POST /refresh\"\nattempts = 2\n";
    let mut client = Client::new(refresh);
    for _ in 0..2 {
        assert!(client.steps.handle_rejected(client.now, 0, &around()));
        assert_eq!(client.heard(), ["POST /refresh"]);
        client.respond(204, "");
        assert_eq!(client.heard(), ["done refresh 0", "Reconnect([0])"]);
    }
    assert!(!client.steps.handle_rejected(client.now, 0, &around()));
    client.connect(None);
    assert_eq!(client.heard(), ["Ready"]);
    // Once connected it may be refused anew.
    client.steps.handle_lost();
    assert!(client.steps.handle_rejected(client.now, 0, &around()));
    client.respond(500, "");
    client.pass(Duration::from_secs(5));
    client.drain();
    client.respond(500, "");
    let heard = client.heard();
    assert_eq!(
        heard.last().map(String::as_str),
        Some("StayRejected"),
        "{heard:?}"
    );
}

#[test]
fn a_step_disconnects_and_the_next_one_or_the_next_iteration_connects() {
    let steps = "[[clients.steps]]\ndisconnect = \"close\"\n[[clients.steps]]\nthink = \"1s\"\n[[clients.steps]]\nname = \"back\"\nconnect = true\n";
    let mut client = Client::new(steps);
    client.connect(None);
    assert_eq!(client.heard(), ["Ready", "Disconnect(Close)"]);
    assert!(client.steps.is_away());
    client.pass(MS * 1000);
    assert_eq!(client.heard(), ["Connect"]);
    client.connect(None);
    let heard = client.heard();
    assert_eq!(heard[..2], ["Ready", "done back 0"], "{heard:?}");
    assert!(heard[2].starts_with("iteration"), "{heard:?}");

    let steps =
        "[[clients.steps]]\ndisconnect = \"namespace\"\n[[clients.steps]]\nthink = \"1s\"\n";
    let mut client = Client::new(steps);
    client.connect(None);
    client.pass(MS * 1000);
    let heard = client.heard();
    assert_eq!(
        heard.last().map(String::as_str),
        Some("Connect"),
        "{heard:?}"
    );
    client.connect(None);
    assert_eq!(client.heard(), ["Ready", "Disconnect(Namespace)"]);
}

#[test]
fn the_seed_decides_chances_and_pauses() {
    let steps = "[[clients.steps]]\nthink = \"1s..5s\"\n[[clients.steps]]\nemit = \"a\"\nchance = \"50%\"\nrepeat = 2\n";
    let life = |seed| {
        let mut client = Client::with(steps, seed, None);
        client.connect(None);
        for _ in 0..100 {
            client.pass(MS * 1000);
        }
        client.heard()
    };
    assert_eq!(life(1), life(1));
    assert_ne!(life(1), life(2));
    let heard = life(3);
    let emits = heard.iter().filter(|line| line.starts_with("emit")).count();
    let iterations = heard
        .iter()
        .filter(|line| line.starts_with("iteration"))
        .count();
    assert!((20..=100).contains(&iterations), "{iterations}");
    assert!(emits.is_multiple_of(2) && emits > 0 && emits < 2 * iterations);
}

#[test]
fn a_missing_capture_fails_the_step_that_needs_it() {
    let steps = r#"
[[clients.on_connect]]
emit = "join"
ack = { expect = { "$[0]" = "{{capture.last | default(0) | number}}" }, capture = { room = "$[1]" } }
[[clients.steps]]
emit = "say"
data = ["{{capture.room}}"]
ack = true
[[clients.listen]]
event = "x"
capture = { last = "$[0]" }
"#;
    let mut client = Client::new(steps);
    client.connect(None);
    client.ack("0,\"lobby\"");
    let expected = ["emit ", "done join 0", "Ready", "emit \"lobby\""];
    assert_eq!(client.heard(), expected);
}
