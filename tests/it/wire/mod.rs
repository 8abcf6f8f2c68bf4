//! The wire of one client beside that of the official JS client, both doing the same thing to the
//! same server.

mod failures;
mod heard;
mod reconnection;
mod release2;
mod same;

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sio_load::clock;
use sio_load::seed::{Purpose, Seed};

use crate::harness::{
    ClientLine, OfficialClient, PATIENCE, RealServer, Said, Side, SioLoad, Tap, Utterance, Wire,
};
use heard::Heard;

/// How long either client may take for what it does; the machine may be busy with other tests.
const LIMIT: Duration = PATIENCE;

/// The same thing, told to both clients.
struct Duet<'a> {
    server: &'a RealServer,
    official: OfficialClient,
    /// The official client's.
    options: Value,
    namespaces: &'a [&'a str],
    /// What the official client does, up to its goodbye. At each `hold` it waits until the next of
    /// `holds` has been seen.
    steps: Value,
    holds: &'a [fn(&Wire) -> bool],
    /// What follows `[target]` and its `url`.
    target: &'a str,
    /// What follows `[[clients]]`, its `name` and `count`.
    client: &'a str,
    /// The connections are cut when this has been seen.
    cut: Option<fn(&Wire) -> bool>,
    /// When a client has done its part and may leave; all that it posted must be answered too.
    done: fn(&Wire) -> bool,
    /// When the official client has left.
    left: fn(&Wire) -> bool,
}

impl<'a> Duet<'a> {
    /// Both of release 4, in the root namespace, with all options at their defaults.
    fn new(server: &'a RealServer) -> Self {
        Self {
            server,
            official: OfficialClient::Release4,
            options: json!({}),
            namespaces: &["/"],
            steps: json!([]),
            holds: &[],
            target: "",
            client: "",
            cut: None,
            done: has_left,
            left: has_left,
        }
    }
}

impl Duet<'_> {
    /// What each was heard to say: the official client first.
    fn play(&self) -> [Heard; 2] {
        std::thread::scope(|scope| {
            let official = scope.spawn(|| self.play_official());
            let ours = self.play_ours();
            [official.join().expect("the official client"), ours]
        })
    }

    fn play_official(&self) -> Heard {
        let tap = Tap::start(self.server.address());
        let mut steps = self.steps.as_array().expect("a list").clone();
        steps.push(json!({ "hold": true }));
        let leave = |namespace| json!({ "disconnect": true, "nsp": namespace });
        steps.extend(self.namespaces.iter().map(leave));
        steps.push(json!({ "hold": true }));
        let mut client =
            self.official
                .start(&tap.url(), &self.options, self.namespaces, steps.into());
        for seen in self.holds {
            wait_until(&tap, *seen);
            client.go_on();
        }
        self.cut_when_due(&tap);
        wait_until(&tap, self.done);
        client.go_on();
        wait_until(&tap, self.left);
        let lines = client.finish();
        wait_until(&tap, |_| true);
        Heard::new(tap.wire(), tap.address(), lines)
    }

    fn play_ours(&self) -> Heard {
        let tap = Tap::start(self.server.address());
        let running = sio_load(&tap.url(), self.target, self.client).start();
        self.cut_when_due(&tap);
        wait_until(&tap, self.done);
        running.signal(Signal::SIGINT);
        let finished = running.wait(LIMIT);
        assert_eq!(finished.status.code(), Some(105), "{}", finished.stderr);
        wait_until(&tap, |_| true);
        Heard::new(tap.wire(), tap.address(), Vec::<ClientLine>::new()).with(finished.summary())
    }

    fn cut_when_due(&self, tap: &Tap) {
        if let Some(is_due) = self.cut {
            wait_until(tap, is_due);
            tap.cut();
        }
    }
}

/// Waits until something has been seen on the wire, and nothing is half said: a connection on which
/// nothing came yet, a POST without an answer.
fn wait_until(tap: &Tap, is_seen: fn(&Wire) -> bool) {
    let until = clock::now() + LIMIT;
    loop {
        let wire = tap.wire();
        if is_seen(&wire) && is_settled(&wire) {
            return;
        }
        let outline = || wire.outline();
        assert!(
            clock::now() < until,
            "not within {LIMIT:?}: {:#?}",
            outline()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_settled(wire: &Wire) -> bool {
    let speaks = |connection: usize| {
        let mut said = wire.messages.iter();
        said.any(|said| said.connection == connection && said.side == Side::Client)
    };
    let is_answered = |connection| {
        let mut answers = wire.messages.iter();
        answers.any(|said| said.connection == connection && said.side == Side::Server)
    };
    let mut posts = wire.messages.iter().filter(|said| match &said.what {
        Utterance::Http(request) => request.head.start.starts_with("POST"),
        Utterance::Frame(_) | Utterance::End | Utterance::Rest(_) => false,
    });
    (0..wire.connections).all(speaks) && posts.all(|post| is_answered(post.connection))
}

/// Whether a message disconnects a namespace.
fn is_disconnect(said: &Said) -> bool {
    let text = said.what.text();
    text.rsplit(':').next().is_some_and(|t| t.starts_with("41"))
}

/// Whether a side has disconnected the last namespace, and the client said goodbye to the engine.
fn has_left(wire: &Wire) -> bool {
    let last = wire.messages.iter().rposition(is_disconnect);
    last.is_some_and(|last| wire.messages[last..].iter().any(is_goodbye))
}

/// Whether a message closes an engine from the client's side.
fn is_goodbye(said: &Said) -> bool {
    match &said.what {
        _ if said.side == Side::Server => false,
        Utterance::Http(request) => request.body == b"1" || request.body == b"1:1",
        Utterance::Frame(frame) => frame.opcode == 8,
        Utterance::End | Utterance::Rest(_) => false,
    }
}

/// One client that stays until it is told to leave.
fn sio_load(url: &str, target: &str, client: &str) -> SioLoad {
    let seed = early_seed();
    let scenario = format!(
        "name = \"wire\"\nduration = \"120s\"\nseed = {seed}\n\n[target]\nurl = \"{url}\"\n{target}\n\
         \n[[clients]]\nname = \"one\"\ncount = 1\n{client}\n"
    );
    SioLoad::new(&["run", "wire.toml", "--quiet"]).file("wire.toml", &scenario)
}

/// A seed with which the first client sends its first event soon after its connect, but not at
/// once: after 3 to 5 % of its period.
fn early_seed() -> u64 {
    let phase = |seed: &u64| Seed(*seed).stream(Purpose::Schedule, 0).f64();
    (0..)
        .find(|seed| (0.03..0.05).contains(&phase(seed)))
        .expect("one in fifty")
}

/// The text of a file that may not be there yet.
fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
