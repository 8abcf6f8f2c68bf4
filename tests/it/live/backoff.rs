//! The first delays of a herd, as drawn from the plan and as its server sees them.

use std::collections::BTreeMap;
use std::rc::Rc;

use nix::sys::signal::Signal;
use serde_json::json;
use sio_load::clock;
use sio_load::event::{Cause, Failure, Origin, Stage};
use sio_load::protocol::{Config, Connection, Event, Transmit};
use sio_load::seed::{Purpose, Seed};

use super::under_way::UnderWay;
use crate::harness::{Kind, RealServer, ServerLine, ServerLog, What};

const HERD: u64 = 1000;
const SEED: Seed = Seed(91);

/// Where the first delay of the reference client lies, in milliseconds, each with equal chance.
const STRIPES: [(u64, u64); 10] = [
    (551, 600),
    (651, 700),
    (751, 800),
    (851, 900),
    (951, 1000),
    (1050, 1099),
    (1150, 1199),
    (1250, 1299),
    (1350, 1399),
    (1450, 1499),
];

/// The delays of a client that meets nothing but failures, in milliseconds.
fn drawn(client: u64, attempts: usize) -> Vec<u64> {
    let stream = |purpose| SEED.stream(purpose, client);
    let config = Rc::new(Config::default());
    let mut connection = Connection::new(config, stream(Purpose::Backoff), stream(Purpose::Wire));
    let mut delays = Vec::new();
    let mut now = clock::now();
    connection.connect(now);
    while delays.len() < attempts {
        if let Some(event) = connection.poll_event() {
            if let Event::QueryNeeded { .. } = event {
                connection.provide_query(now, "".into());
            } else if let Event::ReconnectScheduled { delay, .. } = event {
                delays.push(delay.as_millis() as u64);
                now += delay;
            }
        } else if let Some(transmit) = connection.poll_transmit() {
            if let Transmit::Request(request) = transmit {
                let failure = Failure::new(Stage::Tcp, Cause::ConnectionRefused, Origin::Server);
                connection.handle_request_failed(now, request.id, failure);
            }
        } else {
            connection.handle_timeout(now);
        }
    }
    delays
}

#[test]
fn a_herd_draws_its_delays_in_the_stripes_of_the_reference_client() {
    let mut stripes = [0; 10];
    for client in 0..HERD {
        let delays = drawn(client, 7);
        let stripe = STRIPES
            .iter()
            .position(|(low, high)| (*low..=*high).contains(&delays[0]));
        stripes[stripe.unwrap_or_else(|| panic!("{} ms is between the stripes", delays[0]))] += 1;
        assert!((1101..=2999).contains(&delays[1]), "{delays:?}");
        assert!((2201..=5000).contains(&delays[2]), "{delays:?}");
        let fourth = delays[3];
        assert!(
            fourth == 5000 || (4401..=4800).contains(&fourth),
            "{delays:?}"
        );
        assert_eq!(delays[4..], [5000; 3]);
    }
    // A tenth each: 100, and a deviation of 9.5.
    assert!(
        stripes.iter().all(|count| (50..=150).contains(count)),
        "{stripes:?}"
    );
}

#[test]
fn the_server_sees_a_herd_come_back_after_the_delays_that_it_drew() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let scenario = format!(
        r#"
        duration = "600s"
        seed = {SEED}
        [target]
        query = {{ who = "{{{{client}}}}" }}
        [[clients]]
        count = {HERD}
        arrive = "500/s"
        transports = ["websocket"]
        "#
    );
    let run = UnderWay::start(&server.url(), &scenario);
    run.wait_for_count("connects", HERD);
    server.signal(Signal::SIGUSR2);
    run.wait_for_count("connects", 2 * HERD);
    let outcome = run.end();

    let log = server.log();
    let (cuts, returns) = (times(&log, What::Cut), times(&log, What::Open));
    let mut delays = Vec::new();
    for client in 0..HERD {
        let drawn_us = drawn(client, 1)[0] * 1000;
        let seen_us = returns[&client][1] - cuts[&client][0];
        // The clocks of both are rounded. Later than drawn it may be: the machine has more to do.
        assert!(
            seen_us + 1000 >= drawn_us,
            "{client}: {seen_us} us instead of {drawn_us}"
        );
        delays.push((drawn_us, seen_us));
    }
    // Each waits for its own time, not just for long enough: they come in the order of their draws.
    let order = rank_correlation(&delays);
    assert!(order > 0.5, "{order}");
    let metric = outcome.metric("reconnect.delay");
    assert_eq!(metric.count, HERD);
    let (low, high) = (delays.iter().min(), delays.iter().max());
    for (told, drawn) in [(metric.min, low), (metric.max, high)] {
        let (drawn, _) = drawn.expect("a herd");
        assert!(
            told.abs_diff(*drawn) <= drawn / 500,
            "{told} us instead of {drawn}"
        );
    }
}

/// When something happened to each client, in microseconds since 1970.
fn times(log: &ServerLog, what: What) -> BTreeMap<u64, Vec<u64>> {
    let mut times: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for line in log.of(what) {
        times.entry(who(line)).or_default().push(line.at_us);
    }
    times
}

/// The client whose engine a line is about.
pub(super) fn who(line: &ServerLine) -> u64 {
    let who = line.more["query"]["who"].as_str().expect("a client");
    who.parse().expect("a number")
}

/// Spearman's: 1 if both sides of all pairs ascend in the same order, 0 if neither tells of the
/// other.
fn rank_correlation(pairs: &[(u64, u64)]) -> f64 {
    let ranks = |side: fn(&(u64, u64)) -> u64| {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|place| side(&pairs[*place]));
        let mut ranks = vec![0.0; pairs.len()];
        for (rank, place) in order.into_iter().enumerate() {
            ranks[place] = rank as f64;
        }
        ranks
    };
    let (ours, theirs) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let squares = ours.iter().zip(theirs).map(|(a, b)| (a - b).powi(2));
    let count = pairs.len() as f64;
    1.0 - 6.0 * squares.sum::<f64>() / (count * (count * count - 1.0))
}
