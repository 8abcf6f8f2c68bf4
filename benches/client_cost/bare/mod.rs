//! The bare loop: what a connection costs when nothing is kept of it.

mod connection;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use sio_load::client::timer::{Timer, Timers};
use sio_load::clock;
use tokio::task::{JoinHandle, spawn_local};

use super::cost::{cpu_of, heap_kib, micros, on_worker, settle};
use super::measure::{Measure, Scale};
use connection::{Polling, WebSocket};

/// Takes one figure.
pub(crate) fn figure(measure: Measure, address: SocketAddr, scale: Scale) -> f64 {
    let websocket = move |number| WebSocket::connect(address, number);
    let polling = move |number| Polling::connect(address, number);
    let upgraded = move |number| async move { polling(number).await.upgrade().await };
    on_worker(async || match measure {
        Measure::WebsocketConnect => connects(scale, websocket).await,
        Measure::UpgradeConnect => connects(scale, upgraded).await,
        Measure::Emit | Measure::EmitInBursts => emits(scale, measure.burst(), websocket).await,
        Measure::IdleWebsocket => idles(scale, websocket, WebSocket::idle).await,
        Measure::IdlePolling => idles(scale, polling, Polling::idle).await,
    })
}

/// CPU of a connect.
async fn connects<F>(scale: Scale, connect: impl Fn(usize) -> F) -> f64
where
    F: Future<Output: 'static> + 'static,
{
    let mut clients = Vec::with_capacity(scale.clients);
    // The first time pays for memory that the process has never touched.
    all(&mut clients, scale.clients, &connect).await;
    clients.clear();
    settle().await;
    let cpu = cpu_of(async { all(&mut clients, scale.clients, &connect).await }).await;
    micros(cpu) / scale.clients as f64
}

/// Heap of a client whose task waits for what comes.
async fn idles<C, F, I>(scale: Scale, connect: impl Fn(usize) -> F, idle: impl Fn(C) -> I) -> f64
where
    C: 'static,
    F: Future<Output = C> + 'static,
    I: Future<Output = ()> + 'static,
{
    let before = heap_kib();
    let mut clients = Vec::new();
    all(&mut clients, scale.clients, connect).await;
    // A task of its own, since what the connect needed would stay part of the same one.
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| spawn_local(idle(client)))
        .collect();
    settle().await;
    let after = heap_kib();
    drop(tasks);
    (after - before) / scale.clients as f64
}

/// CPU of an emit and its ack.
async fn emits<F>(scale: Scale, burst: usize, connect: impl Fn(usize) -> F) -> f64
where
    F: Future<Output = WebSocket> + 'static,
{
    let mut clients = Vec::new();
    all(&mut clients, scale.emitting, connect).await;
    let timers = Timers::new().expect("Linux has timers");
    let firing = Rc::clone(&timers);
    let firing = spawn_local(async move { firing.run().await });
    let schedule = Schedule::new(scale, burst);
    let cpu = cpu_of(async {
        let tasks: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| {
                spawn_local(emit_at_its_times(client, schedule, number, timers.timer()))
            })
            .collect();
        for task in tasks {
            task.await.expect("no client panics");
        }
    })
    .await;
    firing.abort();
    micros(cpu) / (scale.emitting * scale.emits) as f64
}

/// When clients emit: all at the same rate, one client after the other.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    origin: Instant,
    apart: Duration,
    every: Duration,
    ticks: usize,
    burst: usize,
}

impl Schedule {
    fn new(scale: Scale, burst: usize) -> Self {
        let apart = Duration::from_secs(burst as u64) / scale.emits_per_second as u32;
        Self {
            origin: clock::now(),
            apart,
            every: apart * scale.emitting as u32,
            ticks: scale.emits / burst,
            burst,
        }
    }

    fn due(self, client: usize, tick: usize) -> Instant {
        self.origin + self.apart * client as u32 + self.every * tick as u32
    }
}

/// On the timers of sio-load: to be on time is part of the job, and tokio's fire at the next
/// millisecond but one. An ack that is late holds no emit back.
async fn emit_at_its_times(
    mut socket: WebSocket,
    schedule: Schedule,
    client: usize,
    mut timer: Timer,
) {
    let (mut ticks, mut acks) = (0, 0);
    while acks < schedule.ticks * schedule.burst {
        let due = (ticks < schedule.ticks).then(|| schedule.due(client, ticks));
        let is_due = poll_fn(|cx| match timer.poll(cx, due) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => socket.poll_packet(cx, "43").map(|()| false),
        });
        if !is_due.await {
            acks += 1;
            continue;
        }
        for place in 0..schedule.burst {
            socket.emit(client, ticks * schedule.burst + place).await;
        }
        ticks += 1;
    }
}

/// Connects all clients at once, and keeps them.
async fn all<C: 'static, F>(clients: &mut Vec<C>, count: usize, connect: impl Fn(usize) -> F)
where
    F: Future<Output = C> + 'static,
{
    let tasks: Vec<JoinHandle<C>> = (0..count)
        .map(|number| spawn_local(connect(number)))
        .collect();
    for task in tasks {
        clients.push(task.await.expect("no client panics"));
    }
}
