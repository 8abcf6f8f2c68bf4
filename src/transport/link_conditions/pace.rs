//! A token bucket: how fast one client reads.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::clock;

/// How much may be saved up, as the time that it takes: the size of one read.
const BURST: Duration = Duration::from_millis(50);

/// Gives out bytes at a rate.
pub(super) struct Pace {
    bytes_per_second: f64,
    /// The most that is saved up; at least one byte.
    burst: f64,
    saved: f64,
    counted: Instant,
    /// Set while there is nothing to give.
    refill: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Box<Self> {
        let bytes_per_second = bytes_per_second as f64;
        Box::new(Self {
            bytes_per_second,
            burst: (bytes_per_second * BURST.as_secs_f64()).max(1.0),
            saved: 0.0,
            counted: clock::now(),
            refill: None,
        })
    }

    /// How many bytes may be read now. Who has to wait gets a whole burst, so that slow reading
    /// does not become reading byte by byte.
    ///
    /// One timer serves all connections of the client, since any of their wakers wakes the client.
    pub(super) fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        loop {
            if let Some(refill) = &mut self.refill {
                ready!(refill.as_mut().poll(cx));
                self.refill = None;
            }
            self.save_up(clock::now());
            if self.saved >= 1.0 {
                return Poll::Ready(self.saved as usize);
            }
            let missing = (self.burst - self.saved) / self.bytes_per_second;
            let full = self.counted + Duration::from_secs_f64(missing);
            self.refill = Some(Box::pin(tokio::time::sleep_until(full.into())));
        }
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.saved -= bytes as f64;
    }

    fn save_up(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted);
        self.counted = now;
        let gained = passed.as_secs_f64() * self.bytes_per_second;
        self.saved = (self.saved + gained).min(self.burst);
    }
}
