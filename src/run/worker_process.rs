//! A worker process: prepares its share of a coordinator's run, carries it out, reports.
//!
//! Packets come in over a carrier, and go out the same way; the threads are those of any run.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::unix::pipe;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::preflight;
use super::workers::{Destination, Report, Workers};
use crate::chaos::controller::Announce as _;
use crate::clock::{self, Clock};
use crate::distributed::carrier::Carrier;
use crate::distributed::message::{Assignment, Hello, HowEnded, Limits, REVISION};
use crate::distributed::worker::{WorkerEvent, WorkerSide};
use crate::event::{AmbientFault, StrikeId};

/// Works for the coordinator at the other end of standard input and output, to the end.
///
/// # Errors
/// If standard input and output are no pipes, or the system gives no event loop.
#[expect(
    clippy::disallowed_methods,
    reason = "standard output is a pipe to the run, and nobody reads it"
)]
pub fn work_over_pipes() -> io::Result<()> {
    let _ = preflight::raise_descriptor_limit();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let reader = pipe::Receiver::from_owned_fd(duplicate(&io::stdin())?)?;
        let writer = pipe::Sender::from_owned_fd(duplicate(&io::stdout())?)?;
        WorkerProcess::new(Carrier::over_pipes(reader, writer))
            .work()
            .await;
        Ok(())
    })
}

fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<std::os::fd::OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

/// This process, as a part of somebody's run.
pub(super) struct WorkerProcess {
    carrier: Carrier,
    side: WorkerSide,
    /// The origin of this process's time.
    origin: Instant,
    assignment: Option<Box<Assignment>>,
    load: Option<Load>,
    /// Announced faults, for their strikes.
    faults: BTreeMap<StrikeId, AmbientFault>,
    known: mpsc::UnboundedSender<StrikeId>,
    becomes_known: mpsc::UnboundedReceiver<StrikeId>,
    /// Somebody else than the coordinator has ended the load.
    is_withdrawn: bool,
}

/// The threads at work.
struct Load {
    workers: Workers,
    reports: mpsc::Receiver<Report>,
}

/// What the process waits for.
enum Arrival {
    Packet(Option<crate::distributed::packet::Packet>),
    Report(Option<Report>),
    Known(StrikeId),
    Deadline,
}

impl WorkerProcess {
    pub(super) fn new(carrier: Carrier) -> Self {
        let origin = clock::now();
        // One for each fault of the plan at most.
        let (known, becomes_known) = mpsc::unbounded_channel();
        Self {
            carrier,
            side: WorkerSide::new(Duration::ZERO, hello(origin)),
            origin,
            assignment: None,
            load: None,
            faults: BTreeMap::new(),
            known,
            becomes_known,
            is_withdrawn: false,
        }
    }

    /// The time since this process's origin.
    fn now(&self) -> Duration {
        clock::now().saturating_duration_since(self.origin)
    }

    /// Works to the end.
    pub(super) async fn work(self) {
        let (_never, wanted) = oneshot::channel();
        self.work_until(wanted).await;
    }

    /// Works to the end, or ends the load when the sender is dropped.
    pub(super) async fn work_until(mut self, mut unwanted: oneshot::Receiver<()>) {
        loop {
            while let Some(event) = self.side.poll_event() {
                if self.carry_out(event) {
                    self.transmit();
                    return self.carrier.flush().await;
                }
            }
            self.transmit();
            if self.carrier.is_up() {
                let now = self.now();
                self.side.carrier_up(now);
            } else {
                self.side.carrier_down();
            }
            let arrival = tokio::select! {
                arrival = self.next() => arrival,
                _ = &mut unwanted, if !self.is_withdrawn => {
                    self.is_withdrawn = true;
                    self.side.give_up();
                    continue;
                }
            };
            match arrival {
                Arrival::Packet(Some(packet)) => {
                    let now = self.now();
                    self.side.handle_packet(now, packet);
                }
                Arrival::Packet(None) => self.side.coordinator_gone(),
                Arrival::Report(report) => self.take(report),
                Arrival::Known(strike) => self.side.known(strike),
                Arrival::Deadline => {
                    let now = self.now();
                    self.side.handle_timeout(now);
                }
            }
        }
    }

    fn transmit(&mut self) {
        let now = self.now();
        while let Some(room) = self.carrier.room()
            && let Some(packet) = self.side.poll_transmit(now)
        {
            room.send(packet);
        }
    }

    async fn next(&mut self) -> Arrival {
        let deadline = self.origin
            + self
                .side
                .deadline()
                .min(Duration::from_secs(3600) + self.now());
        let report = async {
            match &mut self.load {
                Some(load) => load.reports.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            packet = self.carrier.next() => Arrival::Packet(packet),
            report = report => Arrival::Report(report),
            Some(strike) = self.becomes_known.recv() => Arrival::Known(strike),
            () = tokio::time::sleep_until(deadline.into()) => Arrival::Deadline,
        }
    }

    /// Does what the coordinator wants; true if nothing remains to be done.
    fn carry_out(&mut self, event: WorkerEvent) -> bool {
        match event {
            WorkerEvent::Prepare(assignment) => {
                self.assignment = Some(assignment);
                self.side.prepared();
            }
            WorkerEvent::Start { at, wall } => self.start(at, wall),
            WorkerEvent::Announce(strike, population) => {
                let fault = AmbientFault::announce(strike, population);
                self.faults.insert(strike, fault.clone());
                self.announce(fault);
            }
            WorkerEvent::Struck(strike, at) => {
                if let Some(fault) = self.faults.get(&strike) {
                    fault.strike(self.origin + at);
                }
            }
            WorkerEvent::FaultOver(strike, at) => {
                if let Some(fault) = self.faults.remove(&strike) {
                    fault.end(self.origin + at);
                }
            }
            WorkerEvent::Stop(_) => {
                if let Some(load) = &self.load {
                    load.workers.orders().stop();
                }
            }
            WorkerEvent::Over => return true,
        }
        false
    }

    fn start(&mut self, at: Duration, wall: Duration) {
        let Some(assignment) = self.assignment.take() else {
            return;
        };
        let Assignment {
            plan,
            url,
            ways,
            share,
        } = *assignment;
        let clock = Clock::at(self.origin + at, SystemTime::UNIX_EPOCH + wall);
        let destination = Destination { url, ways };
        match Workers::start(&Arc::new(plan), &destination, clock, share, None) {
            Ok((workers, reports)) => self.load = Some(Load { workers, reports }),
            Err(error) => self.side.failed(error.to_string()),
        }
    }

    fn announce(&self, fault: AmbientFault) {
        let Some(load) = &self.load else {
            return;
        };
        let (orders, known) = (load.workers.orders(), self.known.clone());
        let strike = fault.fault;
        tokio::task::spawn_local(async move {
            orders.announce(fault).await;
            // Nobody listens once the work is over.
            let _ = known.send(strike);
        });
    }

    fn take(&mut self, report: Option<Report>) {
        match report {
            Some(Report::Interval(snapshot)) => self.side.snapshot(*snapshot),
            Some(Report::Ended) => {}
            Some(Report::Failed(error)) => self.side.failed(error.to_string()),
            Some(Report::Lost(_)) => unreachable!("threads are lost by a panic alone"),
            None => {
                if let Some(load) = self.load.take() {
                    self.side.ended(match load.workers.join() {
                        true => HowEnded::ThreadLost,
                        false if self.is_withdrawn => HowEnded::Withdrawn,
                        false => HowEnded::InOrder,
                    });
                }
            }
        }
    }
}

/// What this process says about itself; its time counts from `origin`.
pub(super) fn hello(origin: Instant) -> Hello {
    let clock = Clock::start_at(origin);
    let wall_origin = clock.origin_wall().duration_since(SystemTime::UNIX_EPOCH);
    Hello {
        revision: REVISION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        wall_origin: wall_origin.unwrap_or_default(),
        limits: limits(),
    }
}

fn limits() -> Limits {
    Limits {
        cores: std::thread::available_parallelism().map_or(1, usize::from) as u32,
        descriptors: preflight::raise_descriptor_limit(),
        ports: preflight::ephemeral_ports(),
    }
}
