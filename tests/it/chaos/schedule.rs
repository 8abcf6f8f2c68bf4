//! The same seed picks the same clients and the same times.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use sio_load::chaos::schedule::{Victim, applications, victims};
use sio_load::scenario::{self, Overrides, Plan};
use sio_load::workload::arrival::{Stay, stays};

use super::story::LIMIT;
use crate::harness::{Kind, RealServer, ServerLog, SioLoad, What};

/// What the faults with victims must be told beside `clients`.
const OWN_KEYS: &[(&str, &str)] = &[
    ("disconnect", "how = \"reset\""),
    ("transport_switch", "to = \"polling\""),
    ("upgrade_abort", "stage = \"probe\""),
    ("partition", "for = \"1s\""),
    ("packet_loss", "share = \"20%\"\nfor = \"1s\""),
    ("network_change", ""),
    ("freeze", "for = \"1s\""),
    ("mute", "for = \"1s\""),
    ("slow_reader", "rate = \"1KB/s\"\nfor = \"1s\""),
    ("garbage", ""),
    ("oversize", ""),
    ("abandon", ""),
];

/// Every fault whose victims are chosen, as the schema has them.
fn faults_with_victims() -> BTreeSet<String> {
    let schema = scenario::schema();
    let faults = schema["properties"]["chaos"]["items"]["oneOf"].as_array();
    let faults = faults.expect("an array").iter();
    faults
        .filter(|fault| fault["properties"]["clients"].is_object())
        .map(|fault| {
            fault["properties"]["fault"]["const"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect()
}

fn plan(seed: u64, faults: &[(&str, &str)]) -> Plan {
    let mut text = format!(
        "duration = \"60s\"\nseed = {seed}\n[target]\nurl = \"http://127.0.0.1:1/\"\n\
         [[clients]]\nname = \"web\"\ncount = 200\narrive = \"20/s\"\n\
         [[clients]]\nname = \"mobile\"\narrivals = \"5/s\"\nstay = \"8s\"\n"
    );
    for (n, (fault, keys)) in faults.iter().enumerate() {
        write!(
            text,
            "[[chaos]]\nat = \"{}s\"\nevery = \"40s\"\nover = \"900ms\"\nclients = \"30%\"\n\
             fault = {fault:?}\n{keys}\n",
            5 + 2 * n
        )
        .expect("writing to a String cannot fail");
    }
    scenario::parse(&text, "test.toml", &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// All victims of all applications.
fn schedule(plan: &Plan) -> Vec<(Duration, Vec<Victim>)> {
    let stays: Vec<Stay> = stays(plan);
    let waves = applications(plan).into_iter();
    waves
        .map(|application| (application.at, victims(plan, &application, &stays)))
        .collect()
}

#[test]
fn the_same_seed_picks_the_same_clients_at_the_same_times_for_every_fault() {
    let named: BTreeSet<String> = OWN_KEYS
        .iter()
        .map(|(fault, _)| (*fault).to_owned())
        .collect();
    assert_eq!(named, faults_with_victims(), "a fault is missing here");
    for fault in OWN_KEYS {
        let first = schedule(&plan(7, &[*fault]));
        assert_eq!(first, schedule(&plan(7, &[*fault])), "{fault:?}");
        assert_eq!(first.len(), 2, "once and its repeat");
        let stays = stays(&plan(7, &[*fault]));
        for (at, victims) in &first {
            let there = stays.iter().filter(|stay| stay.covers(*at)).count();
            let wanted = there * 3 / 10;
            assert!(
                victims.len().abs_diff(wanted) <= 1,
                "{} of {there}",
                victims.len()
            );
            let clients: BTreeSet<_> = victims.iter().map(|victim| victim.stay.client).collect();
            assert_eq!(clients.len(), victims.len(), "nobody is hit twice");
            // ExactDistribution evenly, from the beginning on.
            let step = Duration::from_millis(900).div_f64(victims.len() as f64);
            for (n, victim) in victims.iter().enumerate() {
                assert_eq!(victim.at, *at + step.mul_f64(n as f64));
            }
        }
        assert_ne!(first[0].1, first[1].1, "a repeat draws anew");
        assert_ne!(
            first,
            schedule(&plan(8, &[*fault])),
            "another seed, other clients"
        );
    }
}

#[test]
fn what_a_victim_suffers_does_not_decide_who_it_is() {
    let clients = |fault| schedule(&plan(7, &[fault]));
    let all: Vec<_> = OWN_KEYS.iter().map(|fault| clients(*fault)).collect();
    assert!(all.iter().all(|schedule| *schedule == all[0]));
}

/// The clients that a server saw come a second time.
fn hit(log: &ServerLog) -> BTreeSet<u64> {
    let client = |auth: &Value| {
        auth["client"]
            .as_str()
            .and_then(|number| number.parse().ok())
    };
    let mut seen = BTreeSet::new();
    log.of(What::Connect)
        .map(|line| client(&line.more["auth"]).expect("a number"))
        .filter(|client: &u64| !seen.insert(*client))
        .collect()
}

#[test]
fn runs_with_the_same_seed_hit_the_same_clients_of_a_real_server() {
    let text = "
        duration = \"6s\"
        [target]
        auth = { client = \"{{client}}\" }
        [[clients]]
        count = 20
        transports = [\"websocket\"]
        reconnection = { delay = \"100ms\", delay_max = \"100ms\" }
        [[chaos]]
        at = \"2s\"
        fault = \"disconnect\"
        how = \"reset\"
        clients = \"30%\"
        over = \"500ms\"
    ";
    let run = |seed: &str, workers: &str| {
        let server = RealServer::start(Kind::SocketIo4, json!({}));
        let url = server.url();
        let arguments = [
            "run",
            "a.toml",
            "--quiet",
            "--url",
            &url,
            "--seed",
            seed,
            "--workers",
            workers,
        ];
        let finished = SioLoad::new(&arguments).file("a.toml", text).run(LIMIT);
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        hit(&server.log())
    };
    let first = run("7", "1");
    assert_eq!(first.len(), 6);
    // However many threads share the work.
    assert_eq!(run("7", "2"), first);
    assert_ne!(run("8", "1"), first);

    let overrides = Overrides {
        url: Some("http://127.0.0.1:1/".to_owned()),
        seed: Some(7),
        ..Overrides::default()
    };
    let plan =
        scenario::parse(text, "a.toml", &overrides).unwrap_or_else(|problems| panic!("{problems}"));
    let planned = schedule(&plan).remove(0).1;
    let planned: BTreeSet<u64> = planned.iter().map(|victim| victim.stay.client.0).collect();
    assert_eq!(first, planned);
}
