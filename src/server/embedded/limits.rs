//! Chosen limits of the embedded server: a target whose capacity is known.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock;
use crate::units::ByteSize;

/// From one look at the server's own memory to the next.
const BALLAST_EVERY: Duration = Duration::from_millis(50);

/// Ballast is held in pieces of this size, which the allocator gives back to the system one by one.
const PIECE_BYTES: u64 = (160 << 10) - 64;

/// How far behind its schedule a handler still counts as busy: what the event loop itself took
/// between two events is part of their work.
const BUSY_WITHIN: Duration = Duration::from_millis(20);

/// What limits the embedded server on purpose; by default nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How long each event blocks the server's single thread: 2 ms make 500 events per second.
    pub work: Option<Duration>,
    /// Sockets that may be connected at once; CONNECTs beyond them are refused.
    pub max_clients: Option<u64>,
    /// Resident memory that each connected socket accounts for, in all.
    pub rss_per_client: Option<ByteSize>,
}

/// What the limits of one running server are at.
#[derive(Debug)]
pub(super) struct Load {
    limits: Limits,
    connected: AtomicI64,
    busy: Mutex<Busy>,
}

/// When the work of the events so far is done.
#[derive(Debug, Default)]
struct Busy(Cell<Option<Instant>>);

impl Busy {
    /// When the work of one more event is done.
    fn add(&self, now: Instant, work: Duration) -> Instant {
        let begin = match self.0.get() {
            Some(until) if until + BUSY_WITHIN > now => until,
            Some(_) | None => now,
        };
        let until = begin + work;
        self.0.set(Some(until));
        until
    }
}

impl Load {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            connected: AtomicI64::new(0),
            busy: Mutex::default(),
        })
    }

    /// Counts a socket in, unless there are as many as there may be.
    pub(super) fn admit(&self) -> bool {
        let before = self.connected.fetch_add(1, Ordering::Relaxed);
        let is_full = self
            .limits
            .max_clients
            .is_some_and(|most| before.unsigned_abs() >= most);
        if is_full {
            self.leave();
        }
        !is_full
    }

    pub(super) fn leave(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }

    /// Blocks the thread for as long as an event takes; nobody else is served meanwhile.
    pub(super) fn work(&self) {
        let Some(work) = self.limits.work else { return };
        let now = clock::now();
        let until = self.busy.lock().map(|busy| busy.add(now, work));
        if let Ok(until) = until {
            std::thread::sleep(until.saturating_duration_since(now));
        }
    }

    /// Keeps the resident memory at its size before the first client plus so much for each; ends
    /// never, and does nothing without that limit.
    pub(super) async fn hold_memory(self: Arc<Self>) -> Infallible {
        let Some(ByteSize(per_client)) = self.limits.rss_per_client else {
            return std::future::pending().await;
        };
        let mut ballast: Vec<Vec<u8>> = Vec::new();
        let mut base = 0;
        loop {
            if let Some(resident) = resident_bytes() {
                let held = ballast.len() as u64 * PIECE_BYTES.next_multiple_of(4096);
                let own = resident.saturating_sub(held);
                let clients = self.connected.load(Ordering::Relaxed).unsigned_abs();
                if clients == 0 {
                    // What the first handshakes load of the program is not the clients'.
                    base = own;
                }
                let wanted = (base + clients * per_client).saturating_sub(own);
                ballast.resize_with((wanted / PIECE_BYTES) as usize, || {
                    // Written to, so that it is resident.
                    vec![1; PIECE_BYTES as usize]
                });
            }
            tokio::time::sleep(BALLAST_EVERY).await;
        }
    }
}

/// This process's resident memory.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_one_event_after_the_other_and_idle_time_is_not_saved_up() {
        let busy = Busy::default();
        let start = clock::now();
        let work = Duration::from_millis(2);
        let after = |micros| start + Duration::from_micros(micros);
        assert_eq!(busy.add(after(0), work), after(2_000));
        // The loop was 100 us late: that is part of the work.
        assert_eq!(busy.add(after(2_100), work), after(4_000));
        let idle = 50_000;
        assert_eq!(busy.add(after(idle), work), after(idle + 2_000));
    }

    #[test]
    fn no_more_sockets_are_admitted_than_there_may_be() {
        let load = Load::new(Limits {
            max_clients: Some(2),
            ..Limits::default()
        });
        assert!(load.admit() && load.admit());
        assert!(!load.admit());
        load.leave();
        assert!(load.admit());
    }
}
