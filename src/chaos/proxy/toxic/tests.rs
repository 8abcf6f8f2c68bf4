//! Each toxic in virtual time: what goes in when, and what comes out when.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::chaos::proxy::chain::{Chain, Chunk, End};
use crate::clock;
use crate::event::StrikeId;
use crate::fault::toxic::{Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout};
use crate::seed::{Purpose, Seed};
use crate::units::{ByteRate, ByteSize};

/// A chain in a time of its own, in milliseconds.
struct Bench {
    chain: Chain,
    origin: Instant,
    now: Instant,
    came: Vec<(u64, String)>,
}

const FAULT: StrikeId = StrikeId(3);

impl Bench {
    fn new(toxics: &[ToxicKind]) -> Self {
        let origin = clock::now();
        let mut bench = Self {
            chain: Chain::default(),
            origin,
            now: origin,
            came: Vec::new(),
        };
        for toxic in toxics {
            bench.lay(FAULT, *toxic);
        }
        bench
    }

    fn lay(&mut self, fault: StrikeId, toxic: ToxicKind) {
        let random = Seed(7).stream(Purpose::Path, 0);
        let stage = stage(toxic, self.now, random);
        self.chain.lay(fault, stage);
    }

    fn lift(&mut self) {
        self.chain.lift(FAULT);
        self.collect();
    }

    fn send(&mut self, text: &str) {
        let chunk = Chunk {
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            at: self.now,
        };
        self.chain.push(Item::Data(chunk));
        self.collect();
    }

    fn end(&mut self, end: End) {
        self.chain.push(Item::End(end));
        self.collect();
    }

    /// Lets time pass, and everything happen at its time.
    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(at) = self.chain.wakes_at().filter(|at| *at <= until) {
            assert!(at >= self.now, "a time that is past wakes again and again");
            self.now = at;
            self.collect();
            assert_ne!(self.chain.wakes_at(), Some(at), "woken for nothing");
        }
        self.now = until;
    }

    fn collect(&mut self) {
        while let Some(item) = self.chain.next(self.now) {
            let what = match item {
                Item::Data(chunk) => String::from_utf8_lossy(&chunk.bytes).into_owned(),
                Item::End(end) => format!("{end:?}"),
            };
            let at = self.now - self.origin;
            self.came.push((at.as_millis() as u64, what));
        }
    }

    fn came(&self) -> Vec<(u64, &str)> {
        self.came
            .iter()
            .map(|(at, what)| (*at, what.as_str()))
            .collect()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn latency(latency: u64, jitter: u64) -> ToxicKind {
    Latency {
        latency: ms(latency),
        jitter: ms(jitter),
    }
    .into()
}

fn bandwidth(rate: u64) -> ToxicKind {
    let rate = ByteRate::new(rate).unwrap();
    Bandwidth { rate }.into()
}

#[test]
fn latency_delays_each_chunk_by_its_own_time_and_the_end_not_at_all() {
    let mut bench = Bench::new(&[latency(100, 0)]);
    bench.send("a");
    bench.pass(30);
    bench.send("b");
    bench.end(End::Fin);
    bench.pass(200);
    assert_eq!(bench.came(), [(100, "a"), (130, "b"), (130, "Fin")]);
}

#[test]
fn jitter_varies_the_delay_and_keeps_the_order() {
    let mut bench = Bench::new(&[latency(100, 50)]);
    for n in 0..200 {
        bench.send(&format!("{n}"));
        bench.pass(500);
    }
    let delays: Vec<u64> = bench.came.iter().map(|(at, _)| at % 500).collect();
    assert!(delays.iter().all(|delay| (50..150).contains(delay)));
    assert!(delays.iter().any(|delay| *delay < 70) && delays.iter().any(|delay| *delay > 130));
    let mut herd = Bench::new(&[latency(100, 50)]);
    for n in 0..50 {
        herd.send(&format!("{n}"));
    }
    herd.pass(200);
    let order: Vec<String> = herd.came.into_iter().map(|(_, what)| what).collect();
    assert_eq!(order, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn latency_holds_no_more_than_its_share() {
    let mut bench = Bench::new(&[latency(100, 0)]);
    let chunk = "x".repeat(16 * 1024);
    let mut sent = 0;
    while bench.chain.has_room() {
        bench.send(&chunk);
        sent += 1;
        assert!(sent < 1000, "held without bound");
    }
    bench.pass(100);
    assert_eq!(bench.came.len(), sent);
}

#[test]
fn two_latencies_add_up() {
    let mut bench = Bench::new(&[latency(100, 0), latency(20, 0)]);
    bench.send("a");
    bench.pass(500);
    assert_eq!(bench.came(), [(120, "a")]);
}

#[test]
fn a_latency_that_is_lifted_lets_everything_go_in_order() {
    let mut bench = Bench::new(&[latency(100, 0)]);
    bench.lay(StrikeId(4), latency(10, 0));
    bench.send("a");
    bench.send("b");
    bench.pass(5);
    bench.lift();
    bench.send("c");
    bench.pass(50);
    assert_eq!(bench.came(), [(10, "a"), (10, "b"), (15, "c")]);
    bench.chain.lift(StrikeId(4));
    assert!(bench.chain.is_bare());
}

#[test]
fn bandwidth_lets_so_much_through_and_splits_what_takes_longer_than_a_tenth_of_a_second() {
    let mut bench = Bench::new(&[bandwidth(100)]);
    bench.send("0123456789abcdefghijKLMNO");
    bench.end(End::Fin);
    bench.pass(1000);
    assert_eq!(
        bench.came(),
        [
            (100, "0123456789"),
            (200, "abcdefghij"),
            (250, "KLMNO"),
            (250, "Fin")
        ]
    );
}

#[test]
fn an_idle_line_saves_no_bandwidth_and_a_busy_one_loses_none() {
    let mut bench = Bench::new(&[bandwidth(1000)]);
    bench.pass(700);
    bench.send("0123456789");
    bench.send("0123456789");
    bench.pass(100);
    bench.send("0123456789");
    bench.pass(100);
    let times: Vec<u64> = bench.came.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [710, 720, 810]);
}

#[test]
fn a_slicer_halves_until_slices_are_small_and_waits_between_them() {
    let slicer = Slicer {
        size: ByteSize(3),
        delay: ms(10),
    };
    let mut bench = Bench::new(&[slicer.into()]);
    bench.send("0123456789");
    bench.pass(100);
    assert_eq!(
        bench.came(),
        [(0, "01"), (10, "234"), (20, "56"), (30, "789")]
    );
}

#[test]
fn slow_close_delays_ends_alone_and_lets_them_go_when_it_is_lifted() {
    let slow = SlowClose { delay: ms(300) };
    let mut bench = Bench::new(&[slow.into()]);
    bench.send("a");
    bench.end(End::Fin);
    bench.pass(1000);
    assert_eq!(bench.came(), [(0, "a"), (300, "Fin")]);
    let mut bench = Bench::new(&[slow.into()]);
    bench.end(End::Reset);
    bench.pass(100);
    bench.lift();
    assert_eq!(bench.came(), [(100, "Reset")]);
}

#[test]
fn timeout_swallows_everything_and_closes_once_nothing_comes_any_more() {
    let mut bench = Bench::new(&[Timeout { delay: ms(100) }.into()]);
    bench.pass(60);
    bench.send("a");
    bench.pass(500);
    assert_eq!(bench.came(), [(160, "Close")]);
}

#[test]
fn a_timeout_without_delay_closes_when_it_is_lifted() {
    let mut bench = Bench::new(&[Timeout { delay: ms(0) }.into()]);
    bench.send("a");
    bench.pass(100_000);
    bench.lift();
    assert_eq!(bench.came(), [(100_000, "Close")]);
}

#[test]
fn reset_peer_waits_for_data_and_then_its_delay() {
    let mut bench = Bench::new(&[ResetPeer { delay: ms(50) }.into()]);
    bench.pass(1000);
    bench.send("a");
    bench.pass(49);
    assert_eq!(bench.came(), []);
    bench.pass(1);
    assert_eq!(bench.came()[0], (1050, "Reset"));
}

#[test]
fn a_reset_that_did_not_begin_never_happens() {
    let mut bench = Bench::new(&[ResetPeer { delay: ms(50) }.into()]);
    bench.lift();
    bench.send("a");
    bench.pass(100);
    assert_eq!(bench.came(), [(0, "a")]);
}

#[test]
fn limit_data_passes_so_many_bytes_and_closes() {
    let mut bench = Bench::new(&[LimitData { bytes: ByteSize(5) }.into()]);
    bench.send("abc");
    bench.send("defg");
    assert_eq!(bench.came(), [(0, "abc"), (0, "de"), (0, "Close")]);
    let mut nothing = Bench::new(&[LimitData { bytes: ByteSize(0) }.into()]);
    nothing.send("a");
    assert_eq!(nothing.came(), [(0, "Close")]);
}

#[test]
fn a_full_toxic_holds_back_those_before_it() {
    let mut bench = Bench::new(&[latency(10, 0), bandwidth(10)]);
    for _ in 0..10 {
        bench.send("abcde");
    }
    bench.pass(10_000);
    // Half a second for each; the pieces of a tenth of a second hold one byte.
    assert_eq!(bench.came.len(), 50);
    assert_eq!(bench.came.last().unwrap().0, 5010);
}

proptest::proptest! {
    #[test]
    fn whatever_lies_on_the_way_nothing_is_lost_or_changed(
        sizes in proptest::collection::vec(1usize..3000, 1..20),
        pauses in proptest::collection::vec(0u64..40, 1..20),
        lifted_after in 0usize..20,
    ) {
        let mut bench = Bench::new(&[
            latency(20, 15),
            Slicer { size: ByteSize(200), delay: ms(1) }.into(),
            bandwidth(50_000),
        ]);
        let mut sent = String::new();
        for (n, size) in sizes.iter().enumerate() {
            let text: String = (0..*size).map(|k| char::from(b'a' + ((n + k) % 26) as u8)).collect();
            sent.push_str(&text);
            bench.send(&text);
            bench.pass(pauses[n % pauses.len()]);
            if n == lifted_after {
                bench.lift();
            }
        }
        bench.end(End::Fin);
        bench.pass(10_000);
        let (end, data) = bench.came.split_last().unwrap();
        proptest::prop_assert_eq!(&end.1, "Fin");
        let came: String = data.iter().map(|(_, what)| what.as_str()).collect();
        proptest::prop_assert_eq!(came, sent);
    }
}
