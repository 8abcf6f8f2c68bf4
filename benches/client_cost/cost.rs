use std::future::Future;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::HEAP;

/// What one contender costs, in the four measures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// CPU of a connect over WebSocket alone, in microseconds.
    pub websocket_connect_us: f64,
    /// CPU of a connect over long-polling and its upgrade, in microseconds.
    pub upgrade_connect_us: f64,
    /// CPU of an emit and its ack, in microseconds.
    pub emit_and_ack_us: f64,
    /// Heap of a connected client that waits, in KiB.
    pub idle_kib: f64,
}

/// The value in the middle, or between the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// CPU, user and system, that this thread takes while the future runs; and what it gave.
pub(crate) async fn cpu_of<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let before = thread_cpu();
    let result = work.await;
    (thread_cpu() - before, result)
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has a CPU clock for each thread")
        .into()
}

/// Bytes that the heap holds now.
pub(crate) fn heap_bytes() -> usize {
    HEAP.allocated()
}

/// Runs a measure as a worker of sio-load would: one thread, tasks that stay on it.
pub(crate) fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one thread");
    LocalSet::new().block_on(&runtime, work)
}

/// Lets connections that were dropped come to their end on both sides, so that they are not
/// charged to the next measure.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
