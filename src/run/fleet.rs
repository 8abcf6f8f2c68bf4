//! The worker processes of a run, as the coordinator drives them.
//!
//! A task of the run's main thread feeds and drains one [`Peer`] for each process, and reports what
//! they say in the same words as worker threads do. A process that dies takes its share with it;
//! the others go on.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::RunError;
use super::workers::{Destination, Report};
use crate::clock::{self, Clock};
use crate::distributed::carrier::Carrier;
use crate::distributed::message::{Assignment, Share};
use crate::distributed::nats::{AgentInfo, Hire, Nats};
use crate::distributed::packet::Packet;
use crate::distributed::peer::{Peer, PeerEvent};
use crate::event::{AmbientChange, AmbientFault, StrikeId};
use crate::metrics::Presence;
use crate::results::summary::WorkerClock;
use crate::scenario::plan::Plan;

/// The hidden subcommand that a worker process runs.
const SUBCOMMAND: &str = "worker";

/// How long processes may take to end by themselves once their work is done.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// How long a process that has closed its pipe may take until it can be reaped.
const REAP_LIMIT: Duration = Duration::from_secs(1);

/// What the run wants of its processes.
#[derive(Debug)]
pub(super) enum FleetOrder {
    /// A fault is about to strike; the answer says that all know.
    Announce(AmbientFault, oneshot::Sender<()>),
    /// Something became known about an announced fault.
    Change(StrikeId, AmbientChange),
    /// The load ends now.
    Stop,
}

/// A share of the run that was lost with its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LostShare {
    /// Names the process.
    pub(super) name: String,
    /// Its part of the run.
    pub(super) share: Share,
    /// What happened to it.
    pub(super) why: String,
    /// Its clients that were connected when it last reported.
    pub(super) presence: Presence,
}

/// Worker processes that are prepared, and wait for the start.
pub(super) struct Fleet {
    members: Vec<Member>,
    origin: Instant,
}

struct Member {
    name: String,
    share: Share,
    peer: Peer,
    carrier: Carrier,
    /// There for a process of this machine.
    child: Option<Child>,
    is_carrier_over: bool,
    presence: Presence,
}

/// What the task waits for.
enum Arrival {
    Packet(usize, Option<Packet>),
    Order(Option<FleetOrder>),
    Deadline,
}

/// An order that is carried out once all processes know of it.
struct Awaited {
    fault: AmbientFault,
    known: oneshot::Sender<()>,
}

impl Fleet {
    /// Starts processes with so many threads each, and waits until all are ready.
    ///
    /// # Errors
    /// If one cannot be started, or is not ready in time; it is named.
    pub(super) async fn prepare(
        plan: &Plan,
        destination: &Destination,
        processes: u32,
        threads: u32,
    ) -> Result<Self, RunError> {
        let mut fleet = Self {
            members: Vec::new(),
            origin: clock::now(),
        };
        for index in 0..processes {
            let share = Share {
                first: index * threads,
                threads,
                total: processes * threads,
            };
            let work = assignment(plan, destination, share);
            let member = Member::start(index, share, work, fleet.now());
            fleet.members.push(member.map_err(RunError::Process)?);
        }
        fleet.get_ready().await
    }

    /// Takes on so many agents of a pool, and waits until all are ready.
    ///
    /// # Errors
    /// If there are not enough of them, or one is not ready in time; it is named.
    pub(super) async fn hire(
        plan: &Plan,
        destination: &Destination,
        nats: &Nats,
        agents: u32,
    ) -> Result<Self, RunError> {
        let hired = take_on(nats, agents).await?;
        let total = hired.iter().map(|(agent, _)| threads(agent)).sum();
        let mut fleet = Self {
            members: Vec::new(),
            origin: clock::now(),
        };
        let mut first = 0;
        for (agent, hire) in hired {
            let share = Share {
                first,
                threads: threads(&agent),
                total,
            };
            first += share.threads;
            let work = assignment(plan, destination, share);
            fleet.members.push(Member {
                name: format!("agent {} ({})", agent.name, agent.id),
                share,
                peer: Peer::new(fleet.now(), work),
                carrier: nats.to_worker(&hire).await?,
                child: None,
                is_carrier_over: false,
                presence: Presence::default(),
            });
        }
        fleet.get_ready().await
    }

    async fn get_ready(mut self) -> Result<Self, RunError> {
        let fleet = &mut self;
        while !fleet.members.iter().all(|member| member.peer.is_ready()) {
            fleet.transmit();
            let arrival = fleet.next(None).await;
            fleet.take(arrival).await;
            for member in &mut fleet.members {
                while let Some(event) = member.peer.poll_event() {
                    if let PeerEvent::Lost(loss) = event {
                        return Err(RunError::Worker {
                            name: member.name.clone(),
                            why: loss.to_string(),
                        });
                    }
                }
            }
        }
        Ok(self)
    }

    /// The clocks of those that take part, for the provenance.
    pub(super) fn clocks(&self) -> Vec<WorkerClock> {
        let ours = Clock::start_at(self.origin).origin_wall();
        let ours = ours
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let clock = |member: &Member| {
            let hello = member.peer.introduction()?;
            let clock = member.peer.clock();
            let origins = hello.wall_origin.as_nanos() as i128 - ours.as_nanos() as i128;
            Some(WorkerClock {
                name: member.name.clone(),
                version: hello.version.clone(),
                threads: member.share.threads,
                offset_us: (origins + clock.nanoseconds()?) as f64 / 1e3,
                error_us: clock.error()?.as_nanos() as f64 / 1e3,
            })
        };
        self.members.iter().filter_map(clock).collect()
    }

    fn now(&self) -> Duration {
        clock::now().saturating_duration_since(self.origin)
    }

    fn time(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.origin)
    }

    /// Threads over all processes.
    pub(super) fn threads(&self) -> u32 {
        self.members.iter().map(|member| member.share.threads).sum()
    }

    /// Starts the load at the clock's zero, and drives the processes to their end.
    ///
    /// Ends when all have ended or are lost.
    pub(super) async fn drive(
        mut self,
        clock: Clock,
        mut orders: mpsc::UnboundedReceiver<FleetOrder>,
        reports: mpsc::Sender<Report>,
    ) {
        let origin = self.time(clock.origin());
        let wall = clock.origin_wall().duration_since(SystemTime::UNIX_EPOCH);
        let wall = wall.unwrap_or_default();
        for member in &mut self.members {
            member.peer.start_at(origin, wall);
        }
        let mut awaited: Vec<Awaited> = Vec::new();
        let mut has_orders = true;
        loop {
            self.transmit();
            if self.report(&reports).await.is_err() || self.is_over() {
                break;
            }
            awaited = self.answer(awaited);
            match self.next(has_orders.then_some(&mut orders)).await {
                Arrival::Order(Some(order)) => awaited.extend(self.obey(order)),
                // The run goes on without orders until its end.
                Arrival::Order(None) => has_orders = false,
                arrival @ (Arrival::Packet(..) | Arrival::Deadline) => self.take(arrival).await,
            }
        }
        self.transmit();
        let ends = self.members.into_iter().map(Member::end);
        join_all(ends).await;
    }

    fn is_over(&self) -> bool {
        self.members.iter().all(|member| member.peer.is_over())
    }

    /// Tells those who wait that all processes know.
    fn answer(&self, awaited: Vec<Awaited>) -> Vec<Awaited> {
        let (known, unknown): (Vec<_>, Vec<_>) = awaited.into_iter().partition(|awaited| {
            let strike = awaited.fault.fault;
            self.members.iter().all(|member| member.peer.knows(strike))
        });
        for awaited in known {
            // Whoever asked may have given up.
            let _ = awaited.known.send(());
        }
        unknown
    }

    fn obey(&mut self, order: FleetOrder) -> Option<Awaited> {
        match order {
            FleetOrder::Announce(fault, known) => {
                for member in &mut self.members {
                    member.peer.announce(fault.fault, fault.population);
                }
                Some(Awaited { fault, known })
            }
            FleetOrder::Change(strike, AmbientChange::Struck(at)) => {
                let at = self.time(at);
                for member in &mut self.members {
                    member.peer.struck(strike, at);
                }
                None
            }
            FleetOrder::Change(strike, AmbientChange::Ended(at)) => {
                let at = self.time(at);
                for member in &mut self.members {
                    member.peer.over(strike, at);
                }
                None
            }
            FleetOrder::Stop => {
                for member in &mut self.members {
                    member.peer.stop();
                }
                None
            }
        }
    }

    fn transmit(&mut self) {
        let now = self.now();
        for member in &mut self.members {
            while let Some(room) = member.carrier.room()
                && let Some(packet) = member.peer.poll_transmit(now)
            {
                room.send(packet);
            }
        }
    }

    /// Passes on what the processes have said.
    async fn report(&mut self, reports: &mpsc::Sender<Report>) -> Result<(), ()> {
        for member in &mut self.members {
            while let Some(event) = member.peer.poll_event() {
                let report = match event {
                    PeerEvent::Ready => continue,
                    PeerEvent::Snapshot(snapshot) => {
                        member.presence.follow(&snapshot);
                        Report::Interval(snapshot)
                    }
                    PeerEvent::Ended => Report::Ended,
                    PeerEvent::Lost(loss) => member.lost(loss.to_string()),
                };
                // Nobody listens once the run has given up.
                reports.send(report).await.map_err(drop)?;
            }
        }
        Ok(())
    }

    async fn next(&mut self, orders: Option<&mut mpsc::UnboundedReceiver<FleetOrder>>) -> Arrival {
        let now = self.now();
        let deadlines = self.members.iter().map(|member| member.peer.deadline());
        let deadline = deadlines
            .min()
            .unwrap_or(now)
            .min(now + Duration::from_secs(1));
        let deadline = self.origin + deadline;
        let open = self.members.iter_mut().enumerate();
        let packets: Vec<_> = open
            .filter(|(_, member)| !member.is_carrier_over)
            .map(|(index, member)| {
                let packet = member.carrier.next();
                async move { Arrival::Packet(index, packet.await) }.boxed_local()
            })
            .collect();
        let packet = async {
            if packets.is_empty() {
                std::future::pending().await
            } else {
                select_all(packets).await.0
            }
        };
        let order = async {
            match orders {
                Some(orders) => Arrival::Order(orders.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            arrival = packet => arrival,
            arrival = order => arrival,
            () = tokio::time::sleep_until(deadline.into()) => Arrival::Deadline,
        }
    }

    async fn take(&mut self, arrival: Arrival) {
        let now = self.now();
        match arrival {
            Arrival::Packet(index, Some(packet)) => {
                self.members[index].peer.handle_packet(now, packet);
            }
            Arrival::Packet(index, None) => self.members[index].carrier_over().await,
            Arrival::Order(_) | Arrival::Deadline => {
                for member in &mut self.members {
                    member.peer.handle_timeout(now);
                }
            }
        }
    }
}

/// Takes on the agents with the most descriptors among those that are free.
async fn take_on(nats: &Nats, wanted: u32) -> Result<Vec<(AgentInfo, Hire)>, RunError> {
    let there = nats.call_roll().await?;
    let mut free: Vec<&AgentInfo> = there.iter().filter(|agent| !agent.is_busy).collect();
    free.sort_by_key(|agent| std::cmp::Reverse(agent.hello.limits.descriptors));
    let run = format!("{:016x}", fastrand::u64(..));
    let mut hired = Vec::new();
    for agent in free {
        if hired.len() as u32 == wanted {
            break;
        }
        let hire = Hire {
            run: run.clone(),
            place: hired.len() as u32,
        };
        if nats.hire(agent, &hire).await {
            hired.push((agent.clone(), hire));
        }
    }
    if hired.len() as u32 == wanted {
        return Ok(hired);
    }
    Err(RunError::FewAgents {
        wanted,
        free: hired.len(),
        there: there.len(),
    })
}

/// An agent works with all its cores.
fn threads(agent: &AgentInfo) -> u32 {
    agent.hello.limits.cores.max(1)
}

fn assignment(plan: &Plan, destination: &Destination, share: Share) -> Assignment {
    Assignment {
        plan: plan.clone(),
        url: destination.url.clone(),
        ways: destination.ways.clone(),
        share,
    }
}

impl Member {
    fn start(
        index: u32,
        share: Share,
        assignment: Assignment,
        now: Duration,
    ) -> std::io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C in the terminal is the run's to deal with.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("a child without its pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            name: format!("worker process {index}"),
            share,
            peer: Peer::new(now, assignment),
            carrier: Carrier::over_pipes(stdout, stdin),
            child: Some(child),
            is_carrier_over: false,
            presence: Presence::default(),
        })
    }

    fn lost(&self, why: String) -> Report {
        Report::Lost(LostShare {
            name: self.name.clone(),
            share: self.share,
            why,
            presence: self.presence.clone(),
        })
    }

    /// The process has closed its end, by its own end mostly.
    async fn carrier_over(&mut self) {
        self.is_carrier_over = true;
        if self.peer.is_over() {
            return;
        }
        let status = match &mut self.child {
            Some(child) => tokio::time::timeout(REAP_LIMIT, child.wait()).await,
            None => return self.peer.gone("the connection to NATS is over".to_owned()),
        };
        self.peer.gone(match status {
            Ok(Ok(status)) => format!("its process ended: {status}"),
            Ok(Err(_)) | Err(_) => "its pipe was closed".to_owned(),
        });
    }

    /// Waits for the process's own end, and kills it if that does not come.
    async fn end(self) {
        let Self { carrier, child, .. } = self;
        carrier.flush().await;
        drop(carrier);
        let Some(mut child) = child else { return };
        if tokio::time::timeout(EXIT_LIMIT, child.wait())
            .await
            .is_err()
        {
            // One that is gone already needs no signal.
            let _ = child.kill().await;
        }
    }
}
