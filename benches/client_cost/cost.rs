use std::future::Future;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::HEAP;

/// How long closed connections are given to come to their end on both sides, so that they are not
/// charged to the next measure.
const SETTLING: Duration = Duration::from_millis(150);

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

/// CPU, user and system, that this thread takes while the future runs.
pub(crate) async fn cpu_of(work: impl Future<Output = ()>) -> Duration {
    let before = thread_cpu();
    work.await;
    thread_cpu() - before
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has a CPU clock for each thread")
        .into()
}

/// Microseconds as a number.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// KiB that the heap holds now.
pub(crate) fn heap_kib() -> f64 {
    HEAP.allocated() as f64 / 1024.0
}

/// Runs a measure as a worker of sio-load would: a thread with a runtime of its own, and tasks that
/// stay on it.
pub(crate) fn on_worker<F>(work: impl FnOnce() -> F + Send) -> F::Output
where
    F: Future<Output: Send>,
{
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("worker-0".to_owned());
        let run = || LocalSet::new().block_on(&runtime(), work());
        let worker = worker.spawn_scoped(scope, run).expect("a thread");
        worker.join().expect("the measure does not panic")
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one thread")
}

/// Lets what is under way come to its end.
pub(crate) async fn settle() {
    tokio::time::sleep(SETTLING).await;
}

/// Lets the target deal with the end of all connections of a process that is gone.
pub(crate) fn settle_target() {
    std::thread::sleep(SETTLING);
}
