//! A reliable, ordered link over a carrier that may lose, delay, repeat and reorder packets. Pure.
//!
//! Messages are cut into numbered pieces; the receiver puts them in order, passes each message on
//! once, and acknowledges; the sender keeps what is not acknowledged and repeats the oldest of it.
//! So a network outage of any length loses nothing as long as both ends live, and everything above
//! the link may assume that messages arrive once and in order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::clock_offset::ClockOffset;
use super::packet::{Content, Packet, Piece};

/// The largest piece, in bytes: half of what NATS takes by default (`max_payload`, 1 MiB).
const PIECE_BYTES: usize = 512 * 1024;

/// When a piece that was not acknowledged is sent again.
const REPEAT_AFTER: Duration = Duration::from_millis(400);

/// Pieces under way at once, so that a link that comes back is not flooded.
const WINDOW: usize = 64;

/// Pieces beyond a gap that the receiver keeps; the sender repeats what was thrown away.
const OUT_OF_ORDER: u64 = WINDOW as u64;

/// How often each side asks for the other's time, which is also its sign of life.
const CLOCK_QUESTION_EVERY: Duration = Duration::from_secs(1);

/// Until so many are answered they come faster: the offset should be good before the load begins.
const FIRST_ANSWERS: usize = 20;
const FIRST_QUESTION_EVERY: Duration = Duration::from_millis(10);

/// One end of a link. Times are this side's own, from an origin of its choice.
#[derive(Debug)]
pub(crate) struct Link {
    outgoing: VecDeque<Outgoing>,
    last_number: u64,
    /// Pieces that came before their turn.
    early: BTreeMap<u64, Piece>,
    arrived_until: u64,
    /// The pieces of a message that is not complete.
    partial: BytesMut,
    /// The peer does not know yet how far this side has got.
    owes_acknowledgement: bool,
    clock_answers: VecDeque<(Duration, Duration)>,
    next_question: Duration,
    last_heard: Duration,
    has_heard: bool,
    offset: ClockOffset,
}

#[derive(Debug)]
struct Outgoing {
    piece: Piece,
    sent: Option<Duration>,
}

impl Link {
    /// A link that begins at `now`; both ends begin with nothing sent.
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            outgoing: VecDeque::new(),
            last_number: 0,
            early: BTreeMap::new(),
            arrived_until: 0,
            partial: BytesMut::new(),
            owes_acknowledgement: false,
            clock_answers: VecDeque::new(),
            has_heard: false,
            next_question: now,
            last_heard: now,
            offset: ClockOffset::default(),
        }
    }

    /// Queues a message; returns the number under which [`Link::is_delivered`] knows it.
    pub(crate) fn send(&mut self, message: &Bytes) -> u64 {
        let mut rest = message.clone();
        loop {
            let bytes = rest.split_to(rest.len().min(PIECE_BYTES));
            self.last_number += 1;
            let piece = Piece {
                number: self.last_number,
                is_last: rest.is_empty(),
                bytes,
            };
            self.outgoing.push_back(Outgoing { piece, sent: None });
            if rest.is_empty() {
                return self.last_number;
            }
        }
    }

    /// Whether the message with this number has arrived.
    pub(crate) fn is_delivered(&self, number: u64) -> bool {
        self.outgoing
            .front()
            .is_none_or(|oldest| oldest.piece.number > number)
    }

    /// Whether everything that was sent has arrived.
    pub(crate) fn is_drained(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// When a packet last came from the peer, or when the link began.
    pub(crate) fn last_heard(&self) -> Duration {
        self.last_heard
    }

    /// What is known about the peer's clock.
    pub(crate) fn offset(&self) -> &ClockOffset {
        &self.offset
    }

    /// Takes a packet; returns the messages that are now complete, in their order.
    pub(crate) fn handle(&mut self, now: Duration, packet: Packet) -> Vec<Bytes> {
        let Packet {
            acknowledged,
            content,
        } = packet;
        self.last_heard = self.last_heard.max(now);
        if !self.has_heard {
            // Earlier questions waited for the peer to be there, and say little.
            self.has_heard = true;
            self.next_question = now;
        }
        while let Some(oldest) = self.outgoing.front()
            && oldest.piece.number <= acknowledged
        {
            self.outgoing.pop_front();
        }
        match content {
            Content::Nothing => Vec::new(),
            Content::Piece(piece) => self.take(piece),
            Content::ClockQuestion { asked } => {
                self.clock_answers.push_back((asked, now));
                Vec::new()
            }
            Content::ClockAnswer { asked, answered } => {
                self.offset.take(asked, answered, now);
                Vec::new()
            }
        }
    }

    fn take(&mut self, piece: Piece) -> Vec<Bytes> {
        // A piece that came before means that the peer missed the acknowledgement.
        self.owes_acknowledgement = true;
        let next = self.arrived_until + 1;
        if piece.number < next || piece.number >= next + OUT_OF_ORDER {
            return Vec::new();
        }
        self.early.insert(piece.number, piece);
        let mut messages = Vec::new();
        while let Some(piece) = self.early.remove(&(self.arrived_until + 1)) {
            self.arrived_until += 1;
            self.partial.extend_from_slice(&piece.bytes);
            if piece.is_last {
                messages.push(self.partial.split().freeze());
            }
        }
        messages
    }

    /// Returns the next packet to send, if one is due.
    pub(crate) fn poll_transmit(&mut self, now: Duration) -> Option<Packet> {
        let content = self.due(now)?;
        self.owes_acknowledgement = false;
        Some(Packet {
            acknowledged: self.arrived_until,
            content,
        })
    }

    fn due(&mut self, now: Duration) -> Option<Content> {
        // Answers first: what they wait for counts as the way.
        if let Some((asked, answered)) = self.clock_answers.pop_front() {
            return Some(Content::ClockAnswer { asked, answered });
        }
        let mut window = self.outgoing.iter_mut().take(WINDOW);
        if let Some(outgoing) = window.find(|outgoing| outgoing.is_due(now)) {
            outgoing.sent = Some(now);
            return Some(Content::Piece(outgoing.piece.clone()));
        }
        if self.next_question <= now {
            self.next_question = now
                + if self.has_heard && self.offset.answers() < FIRST_ANSWERS {
                    FIRST_QUESTION_EVERY
                } else {
                    CLOCK_QUESTION_EVERY
                };
            return Some(Content::ClockQuestion { asked: now });
        }
        self.owes_acknowledgement.then_some(Content::Nothing)
    }

    /// When [`Link::poll_transmit`] has something next.
    pub(crate) fn deadline(&self) -> Duration {
        let repeats = self.outgoing.iter().take(WINDOW).map(Outgoing::due_at);
        repeats.fold(self.next_question, Duration::min)
    }
}

impl Outgoing {
    fn due_at(&self) -> Duration {
        self.sent.map_or(Duration::ZERO, |sent| sent + REPEAT_AFTER)
    }

    fn is_due(&self, now: Duration) -> bool {
        self.due_at() <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(n: usize) -> Bytes {
        // Some messages take more than one piece.
        let length = if n % 7 == 3 { PIECE_BYTES + n } else { n };
        Bytes::from(vec![n as u8; length])
    }

    /// What a carrier does to one packet.
    #[derive(Debug, Clone, Copy)]
    enum Passage {
        Lost,
        Once(u16),
        Twice(u16, u16),
    }

    fn passage() -> impl Strategy<Value = Passage> {
        prop_oneof![
            2 => Just(Passage::Lost),
            4 => (0u16..900).prop_map(Passage::Once),
            1 => (0u16..900, 0u16..900).prop_map(|(a, b)| Passage::Twice(a, b)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However packets are lost, delayed, repeated and reordered, messages arrive once and in
        /// order, in both directions.
        #[test]
        fn messages_arrive_once_and_in_order(
            passages in prop::collection::vec(passage(), 1..60),
            count in 1usize..30,
        ) {
            let mut ends = [Link::new(Duration::ZERO), Link::new(Duration::ZERO)];
            let mut under_way: Vec<(Duration, usize, Bytes)> = Vec::new();
            let mut arrived = [Vec::new(), Vec::new()];
            let mut fates = passages.iter().copied();
            for n in 0..count {
                ends[n % 2].send(&message(n));
            }
            let mut now = Duration::ZERO;
            while ends.iter().any(|end| !end.is_drained()) {
                prop_assert!(now < Duration::from_secs(600), "the link makes no progress");
                for (from, end) in ends.iter_mut().enumerate() {
                    while let Some(packet) = end.poll_transmit(now) {
                        let bytes = packet.encode();
                        let delay = |ms: u16| now + Duration::from_millis(ms.into());
                        // After the drawn fates the carrier is sound again.
                        match fates.next().unwrap_or(Passage::Once(1)) {
                            Passage::Lost => {}
                            Passage::Once(ms) => under_way.push((delay(ms), 1 - from, bytes)),
                            Passage::Twice(a, b) => {
                                under_way.push((delay(a), 1 - from, bytes.clone()));
                                under_way.push((delay(b), 1 - from, bytes));
                            }
                        }
                    }
                }
                let arrivals = under_way.iter().map(|(at, ..)| *at);
                let next = arrivals.chain(ends.iter().map(Link::deadline)).min();
                now = next.unwrap_or(now).max(now + Duration::from_micros(100));
                under_way.sort_by_key(|(at, ..)| *at);
                let late = under_way.partition_point(|(at, ..)| *at <= now);
                for (_, to, bytes) in under_way.drain(..late) {
                    let packet = Packet::decode(bytes).expect("what was encoded");
                    arrived[to].extend(ends[to].handle(now, packet));
                }
            }
            for (to, arrived) in arrived.iter().enumerate() {
                let sent: Vec<Bytes> =
                    (0..count).filter(|n| n % 2 != to).map(message).collect();
                prop_assert!(*arrived == sent, "side {} got {} messages", to, arrived.len());
            }
        }
    }

    #[test]
    fn a_message_is_delivered_once_its_last_piece_is_acknowledged() {
        let now = Duration::ZERO;
        let (mut sender, mut receiver) = (Link::new(now), Link::new(now));
        let number = sender.send(&message(3));
        assert!(!sender.is_delivered(number));
        let mut arrived = Vec::new();
        while let Some(packet) = sender.poll_transmit(now) {
            arrived.extend(receiver.handle(now, packet));
        }
        assert_eq!(arrived, [message(3)]);
        assert!(!sender.is_delivered(number), "nothing was acknowledged yet");
        while let Some(packet) = receiver.poll_transmit(now) {
            sender.handle(now, packet);
        }
        assert!(sender.is_delivered(number));
    }

    #[test]
    fn a_silent_carrier_does_not_grow_what_is_under_way() {
        let mut link = Link::new(Duration::ZERO);
        for n in 0..1_000 {
            link.send(&message(n % 3));
        }
        let mut at = |now| {
            let mut packets = 0;
            while let Some(packet) = link.poll_transmit(now) {
                if let Content::Piece(_) = packet.content {
                    packets += 1;
                }
            }
            packets
        };
        assert_eq!(at(Duration::ZERO), WINDOW);
        assert_eq!(at(Duration::from_millis(1)), 0);
        assert_eq!(at(REPEAT_AFTER), WINDOW);
    }
}
