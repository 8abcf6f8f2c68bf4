//! What a run writes, and its schema.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sio_load::clock::Clock;
use sio_load::event::{
    Cause, DisconnectReason, Event, Failure, Observer, Origin, PopulationId, Stage, StrikeId,
    TransportKind,
};
use sio_load::metrics::{Recorder, Totals};
use sio_load::report::html;
use sio_load::results::summary::{Provenance, ThresholdOutcome, Warning};
use sio_load::results::{FaultFacts, ListenFacts, PopulationFacts, RunFacts, schema, summarise};

pub(crate) fn doc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

/// The committed page of docs/ equals what is generated; with SIO_LOAD_BLESS=1 it is made so.
pub(crate) fn assert_committed(name: &str, generated: &str) {
    assert_is(&doc(name), generated);
}

fn assert_is(path: &Path, generated: &str) {
    if std::env::var_os("SIO_LOAD_BLESS").is_some() {
        fs::write(path, generated).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is out of date: run `SIO_LOAD_BLESS=1 cargo test --test it results` and commit it",
        path.display()
    );
}

/// A run in which everything that a summary can hold is there.
fn full_summary() -> Value {
    let clock = Clock::start();
    let recorder = Recorder::new(0, 1, clock);
    let web = recorder.observer(PopulationId(0));
    for event in events() {
        web.observe(clock.origin(), event);
    }
    let mut totals = Totals::new(1, 1);
    totals.add(recorder.take(clock.origin() + Duration::from_secs(2)));
    totals.close_all();
    let mut facts = facts();
    facts.provenance = Provenance::of_this_machine(clock.wall(clock.origin()));
    let mut summary = summarise(&facts, &totals);
    summary.thresholds = vec![ThresholdOutcome {
        at_least: true,
        explained_by_lag: true,
        metric: "reconnect.time".to_owned(),
        expression: "p(99) < 10s".to_owned(),
        value: None,
        passed: false,
    }];
    serde_json::to_value(&summary).unwrap()
}

fn events() -> Vec<Event> {
    let transport = TransportKind::Polling;
    let took = Duration::from_millis(3);
    let fault = Some(StrikeId(0));
    let failure = Failure::new(Stage::Open, Cause::SessionIdUnknown, Origin::Server)
        .with_status(400)
        .with_code(1)
        .with_message("Session ID unknown");
    vec![
        Event::ClientStarted {
            late: Duration::from_secs(1),
        },
        Event::EngineOpening { transport },
        Event::EngineFailed {
            failure,
            cut_off: None,
        },
        Event::Connected {
            since_intended: took,
            transport,
        },
        Event::FaultFelt { fault: StrikeId(0) },
        Event::Disconnected {
            reason: DisconnectReason::PingTimeout,
            fault,
            detect: Some(took),
            first: true,
        },
        Event::Reconnected {
            took,
            outage: Some(took * 2),
            fault,
            attempts: 2,
            transport,
            recovered: Some(false),
            is_ready: true,
        },
        Event::Heartbeat {
            late: Duration::from_secs(10_000),
        },
    ]
}

fn facts() -> RunFacts {
    RunFacts {
        scenario: "full".to_owned(),
        populations: vec![PopulationFacts {
            name: "web".to_owned(),
            listens: vec![ListenFacts::default()],
        }],
        faults: vec![FaultFacts {
            id: StrikeId(0),
            fault: "disconnect".to_owned(),
            detail: String::new(),
            at: Duration::ZERO,
            applied: Some(Duration::ZERO),
            ended: None,
            spread: Duration::ZERO,
            failed: Some("half of it".to_owned()),
            connections: Some(1),
            requests: Some(1),
        }],
        warnings: vec![Warning {
            code: "sample".to_owned(),
            message: "A sample.".to_owned(),
        }],
        ..RunFacts::default()
    }
}

#[test]
fn the_committed_schema_of_summary_json_is_the_one_of_the_code() {
    assert_committed("summary.schema.json", &schema::summary_schema());
    assert_committed("capacity.schema.json", &schema::capacity_schema());
}

#[test]
fn the_committed_reference_run_is_in_the_format_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/reconnect");
    let text = fs::read_to_string(folder.join("summary.json")).unwrap();
    let stored: Value = serde_json::from_str(&text).unwrap();
    let read = sio_load::results::read(&folder).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), stored);
    let histograms = sio_load::results::read_samples(&folder).unwrap();
    let back = &histograms[&sio_load::event::HistogramMetric::ReconnectTime.into()];
    let count = &stored["metrics"]["reconnect.time"]["count"];
    assert_eq!(count.as_u64(), Some(back.completed().count()));
    let run = sio_load::results::StoredRun::read(&folder).unwrap();
    assert_is(&folder.join("report.html"), &html::render(&run));
}

#[test]
fn a_summary_with_everything_in_it_is_valid_by_its_schema() {
    let schema: Value = serde_json::from_str(&schema::summary_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut summary = full_summary();
    let problems: Vec<String> = validator
        .iter_errors(&summary)
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
    summary["counters"] = Value::from("many");
    assert!(
        !validator.is_valid(&summary),
        "the schema has to refuse something"
    );
}
