//! Timers that fire on time: one for each client of a thread, all behind one timerfd.
//!
//! tokio's own timers round up to whole milliseconds, which would add up to 2 ms to every latency
//! that runs from an intended start; they also hold 120 bytes per client. Here a timer is a slot
//! and an entry in a heap. Other systems than Linux have no timerfd and fall back on tokio.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock;

/// The timers of one thread.
pub struct Timers {
    table: RefCell<Table>,
    alarm: alarm::Alarm,
}

#[derive(Default)]
struct Table {
    /// May hold entries that their slot no longer stands by; they are passed over.
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// What the alarm is set to.
    alarm_at: Option<Instant>,
}

#[derive(Default)]
struct Slot {
    deadline: Option<Instant>,
    waker: Option<Waker>,
}

impl Timers {
    /// The timers of this thread; [`Timers::run`] must be running for them to fire.
    ///
    /// # Errors
    /// If the system gives no timer.
    pub fn new() -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            table: RefCell::default(),
            alarm: alarm::Alarm::new()?,
        }))
    }

    /// Fires timers, for ever.
    ///
    /// # Errors
    /// If the system's timer fails.
    pub async fn run(&self) -> io::Result<()> {
        loop {
            self.alarm.rings().await?;
            let now = clock::now();
            let mut table = self.table.borrow_mut();
            table.fire(now);
            table.alarm_at = table.next();
            if let Some(next) = table.alarm_at {
                self.alarm.set(next.saturating_duration_since(now))?;
            }
        }
    }

    /// A timer, not armed.
    #[must_use]
    pub fn timer(self: &Rc<Self>) -> Timer {
        let mut table = self.table.borrow_mut();
        let key = match table.free.pop() {
            Some(key) => key,
            None => {
                table.slots.push(Slot::default());
                (table.slots.len() - 1) as u32
            }
        };
        Timer {
            timers: Rc::clone(self),
            key,
        }
    }

    /// Waits until `deadline`.
    pub async fn sleep_until(self: &Rc<Self>, deadline: Instant) {
        let mut timer = self.timer();
        std::future::poll_fn(|cx| timer.poll(cx, Some(deadline))).await;
    }
}

impl Table {
    fn fire(&mut self, now: Instant) {
        while let Some(&Reverse((deadline, key))) = self.heap.peek() {
            if deadline > now {
                break;
            }
            self.heap.pop();
            let slot = &mut self.slots[key as usize];
            if slot.deadline == Some(deadline) {
                slot.deadline = None;
                if let Some(waker) = slot.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// The earliest deadline that still stands.
    fn next(&mut self) -> Option<Instant> {
        while let Some(&Reverse((deadline, key))) = self.heap.peek() {
            if self.slots[key as usize].deadline == Some(deadline) {
                return Some(deadline);
            }
            self.heap.pop();
        }
        None
    }
}

/// One client's timer.
pub struct Timer {
    timers: Rc<Timers>,
    key: u32,
}

impl Timer {
    /// Ready if `deadline` has come; else the task of `cx` is woken when it does.
    ///
    /// A deadline that moves further away costs nothing: the earlier alarm is left in place and its
    /// wake-up finds that it is not time yet.
    pub fn poll(&mut self, cx: &Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let now = clock::now();
        if deadline <= now {
            return Poll::Ready(());
        }
        let mut table = self.timers.table.borrow_mut();
        let table = &mut *table;
        let slot = &mut table.slots[self.key as usize];
        if !slot
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            slot.waker = Some(cx.waker().clone());
        }
        if slot.deadline.is_some_and(|standing| standing <= deadline) {
            return Poll::Pending;
        }
        slot.deadline = Some(deadline);
        table.heap.push(Reverse((deadline, self.key)));
        if table.alarm_at.is_none_or(|at| deadline < at) {
            table.alarm_at = Some(deadline);
            if self
                .timers
                .alarm
                .set(deadline.saturating_duration_since(now))
                .is_err()
            {
                // The alarm worked before; if it fails now the task must not sleep for ever.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut table = self.timers.table.borrow_mut();
        table.slots[self.key as usize] = Slot::default();
        table.free.push(self.key);
    }
}

#[cfg(target_os = "linux")]
mod alarm {
    use super::{Duration, io};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timerfd: nanoseconds fine, one for all timers of a thread.
    pub(super) struct Alarm(AsyncFd<Registered>);

    /// tokio asks for a raw descriptor, nix gives a borrowed one.
    struct Registered(TimerFd);

    impl AsFd for Registered {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl AsRawFd for Registered {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl Alarm {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types whose descriptor may change; Registered owns one for life"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let fd = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            AsyncFd::with_interest(Registered(fd), Interest::READABLE).map(Self)
        }

        pub(super) fn set(&self, after: Duration) -> io::Result<()> {
            // Zero would disarm it.
            let after = TimeSpec::from_duration(after.max(Duration::from_nanos(1)));
            let once = Expiration::OneShot(after);
            self.0.get_ref().0.set(once, TimerSetTimeFlags::empty())?;
            Ok(())
        }

        /// Waits for the next ring. The counter is not read: setting the timer again resets it, and
        /// each ring is an edge of its own.
        pub(super) async fn rings(&self) -> io::Result<()> {
            self.0.readable().await?.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod alarm {
    use super::{Duration, clock, io};
    use std::cell::Cell;
    use std::time::Instant;
    use tokio::sync::Notify;

    /// tokio's timer, in whole milliseconds.
    pub(super) struct Alarm {
        at: Cell<Option<Instant>>,
        moved: Notify,
    }

    impl Alarm {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                at: Cell::new(None),
                moved: Notify::new(),
            })
        }

        pub(super) fn set(&self, after: Duration) -> io::Result<()> {
            self.at.set(Some(clock::now() + after));
            self.moved.notify_one();
            Ok(())
        }

        pub(super) async fn rings(&self) -> io::Result<()> {
            loop {
                let Some(at) = self.at.get() else {
                    self.moved.notified().await;
                    continue;
                };
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {
                        self.at.set(None);
                        return Ok(());
                    }
                    () = self.moved.notified() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    async fn with_timers<T>(body: impl AsyncFnOnce(&Rc<Timers>) -> T) -> T {
        let timers = Timers::new().unwrap();
        let runner = Rc::clone(&timers);
        let local = LocalSet::new();
        local.spawn_local(async move { runner.run().await });
        local.run_until(body(&timers)).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn timers_fire_in_order_of_their_deadlines() {
        let order = with_timers(async |timers| {
            let start = clock::now();
            let order = RefCell::new(Vec::new());
            let sleep = async |ms: u64| {
                timers.sleep_until(start + Duration::from_millis(ms)).await;
                assert!(clock::now() >= start + Duration::from_millis(ms));
                order.borrow_mut().push(ms);
            };
            tokio::join!(sleep(30), sleep(5), sleep(15), sleep(0));
            order.into_inner()
        })
        .await;
        assert_eq!(order, [0, 5, 15, 30]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_that_moves_is_met_where_it_ends_up() {
        with_timers(async |timers| {
            let start = clock::now();
            let mut timer = timers.timer();
            let late = start + Duration::from_millis(40);
            let mut first = true;
            std::future::poll_fn(|cx| {
                let early = start + Duration::from_millis(2);
                let deadline = if std::mem::take(&mut first) {
                    early
                } else {
                    late
                };
                timer.poll(cx, Some(deadline))
            })
            .await;
            assert!(clock::now() >= late);
        })
        .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dropped_timer_gives_its_slot_back() {
        with_timers(async |timers| {
            for _ in 0..100 {
                let mut timer = timers.timer();
                let soon = clock::now() + Duration::from_millis(1);
                std::future::poll_fn(|cx| {
                    let _ = timer.poll(cx, Some(soon));
                    Poll::Ready(())
                })
                .await;
            }
            assert_eq!(timers.table.borrow().slots.len(), 1);
        })
        .await;
    }
}
