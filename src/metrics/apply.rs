use std::time::{Duration, Instant};

use super::fault::FaultTally;
use super::recorder::State;
use super::tally::{Tally, micros};
use crate::event::{
    ConnectPhase, Counter, CutOff, DisconnectReason, Event, Failure, Fate, HistogramMetric,
    LabelId, StrikeId, TransportKind,
};

/// A client that starts later than this after its intended start is counted as late.
pub const LATE_START: Duration = Duration::from_millis(10);

impl State {
    /// What each event counts as.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each event: the table of what counts as what"
    )]
    pub(super) fn apply(&mut self, population: usize, at: Instant, event: Event) {
        self.current.interval_touched = true;
        let live = &mut self.current.populations[population];
        live.touched = true;
        let tally = &mut live.tally;
        match event {
            Event::ClientStarted { late } => started(tally, late),
            Event::ClientEnded {
                fate,
                ever_connected,
                open_for,
            } => ended(tally, fate, ever_connected, open_for),
            Event::ClientAbandoned => tally.counters.add(Counter::ClientsAbandoned, 1),
            Event::PhaseTimed { phase, took } => tally.record(phase_metric(phase), took),
            Event::EngineOpening { .. } => {
                tally.counters.add(Counter::HandshakeAttempts, 1);
                tally.in_flight_change += 1;
            }
            Event::EngineOpened { .. } | Event::EngineGivenUp => tally.in_flight_change -= 1,
            Event::EngineFailed { failure, cut_off } => {
                tally.counters.add(Counter::HandshakeErrors, 1);
                tally.in_flight_change -= 1;
                tally.failures.record(failure.clone());
                if let Some(cut_off) = cut_off {
                    let fault = self.fault(cut_off.fault);
                    fault.open_failed(cut_off.lasts);
                    fault.failures.record(failure);
                }
            }
            Event::ZombieSession => tally.counters.add(Counter::HandshakeZombies, 1),
            Event::NamespaceConnecting => tally.counters.add(Counter::NamespaceAttempts, 1),
            Event::NamespaceConnected => tally.counters.add(Counter::Connects, 1),
            Event::NamespaceUnanswered => tally.counters.add(Counter::NamespaceUnanswered, 1),
            Event::FullyConnected => tally.counters.add(Counter::ClientsComplete, 1),
            Event::PartlyConnected => tally.counters.add(Counter::ClientsPartial, 1),
            Event::AckSent => tally.counters.add(Counter::AcksSent, 1),
            Event::AckOwed => tally.counters.add(Counter::AcksOwed, 1),
            Event::NamespaceFailed { failure, cut_off } => {
                tally.counters.add(Counter::NamespaceErrors, 1);
                tally.failures.record(failure.clone());
                self.failed_on_the_way_back(failure, cut_off);
            }
            Event::Connected { since_intended, .. } => {
                tally.record(HistogramMetric::ConnectTime, since_intended);
                self.current.client_connected(population, at);
            }
            Event::Disconnected {
                reason,
                fault,
                detect,
                first,
            } => {
                tally.counters.add(Counter::Disconnects, 1);
                tally.disconnects[reason as usize] += 1;
                if first {
                    self.lost(
                        population,
                        at,
                        Loss {
                            reason,
                            fault,
                            detect,
                        },
                    );
                }
            }
            // The reference client tells such a namespace of its end, but it was never a
            // connection that a user had.
            Event::ClosedUnconnected { .. } => {}
            Event::ReconnectScheduled {
                attempt,
                delay,
                stripe,
                fault,
            } => {
                tally.record(HistogramMetric::ReconnectDelay, delay);
                if let (1, Some(fault)) = (attempt, fault) {
                    self.fault(fault).first_delays.record(stripe, delay);
                }
            }
            Event::ReconnectGaveUp => tally.counters.add(Counter::ClientsGaveUp, 1),
            Event::Reconnected {
                took,
                outage,
                fault,
                attempts,
                transport,
                recovered,
                is_ready,
            } => {
                let back = Back {
                    took,
                    outage,
                    fault,
                    attempts,
                    transport,
                    recovered,
                    is_ready,
                };
                self.back(population, at, back);
            }
            Event::FaultApplied { fault } => {
                let at = self.since_origin(at);
                self.fault(fault).applied(at);
            }
            Event::FaultLifted { fault } => {
                let at = self.since_origin(at);
                self.fault(fault).lifted(at);
            }
            Event::Rejoined => self.current.client_connected(population, at),
            Event::Ready { since_intended } => {
                tally.record(HistogramMetric::ReadyTime, since_intended);
            }
            Event::ReadyAgain {
                took,
                outage,
                fault,
                is_repeated,
            } => {
                if !is_repeated {
                    tally.record(HistogramMetric::ReconnectReadyTime, took);
                }
                if let Some(fault) = fault {
                    let at = self.since_origin(at);
                    self.fault(fault).passed(at, outage.unwrap_or(took));
                }
            }
            Event::StepDone { step, took } => {
                let labelled = tally.labelled.of(step);
                labelled
                    .histograms
                    .record(HistogramMetric::StepTime, micros(took));
            }
            Event::StepFailed { failure } => {
                if let Some(step) = failure.step {
                    let labelled = tally.labelled.of(step);
                    labelled.counters.add(Counter::StepErrors, 1);
                }
                tally.failures.record(failure);
            }
            Event::IterationDone { took } => {
                tally.counters.add(Counter::Iterations, 1);
                tally.record(HistogramMetric::IterationTime, took);
            }
            Event::IterationFailed => {
                tally.counters.add(Counter::Iterations, 1);
                tally.counters.add(Counter::IterationsFailed, 1);
            }
            Event::IterationUnfinished => tally.counters.add(Counter::IterationsUnfinished, 1),
            Event::AckRejected { event } => tally.count_split(Counter::AckRejected, event),
            Event::FaultFelt { fault } => self.fault(fault).affected += 1,
            Event::FaultMissed { fault, why } => self.fault(fault).missed(why),
            Event::FaultPassed { fault, outage, ago } => {
                let well_at = self.since_origin(at).saturating_sub(ago);
                self.fault(fault).passed(well_at, outage);
            }
            // Begun upgrades show as upgrades or as upgrade errors.
            Event::UpgradeStarted => {}
            Event::Upgraded { took } => {
                tally.counters.add(Counter::Upgrades, 1);
                tally.record(HistogramMetric::UpgradeTime, took);
            }
            Event::UpgradeFailed { failure } => {
                tally.counters.add(Counter::UpgradeErrors, 1);
                tally.failures.record(failure);
            }
            Event::SessionFailed { failure, cut_off } => {
                tally.counters.add(Counter::SessionErrors, 1);
                tally.failures.record(failure.clone());
                self.failed_on_the_way_back(failure, cut_off);
            }
            Event::Emitted => tally.counters.add(Counter::Emits, 1),
            Event::EmitDropped => tally.counters.add(Counter::EmitsDropped, 1),
            Event::EmitRetried => tally.counters.add(Counter::EmitRetries, 1),
            Event::Acked {
                event,
                since_intended,
                since_sent,
            } => {
                tally.count_split(Counter::Acks, event);
                tally.record_split(HistogramMetric::AckTime, event, since_intended);
                tally.record_split(HistogramMetric::AckServiceTime, event, since_sent);
            }
            Event::AckTimedOut {
                event,
                since_intended,
                since_sent,
            } => {
                tally.count_split(Counter::AckTimeouts, event);
                unanswered(tally, event, since_intended, since_sent);
            }
            Event::AckUnanswered {
                event,
                since_intended,
                since_sent,
            } => {
                tally.count_split(Counter::AckUnanswered, event);
                unanswered(tally, event, since_intended, since_sent);
            }
            Event::EmitsUnsent { count } => tally.counters.add(Counter::EmitsUnsent, count),
            Event::AckLost { event } => tally.count_split(Counter::AckLost, event),
            Event::Received {
                since_stamp,
                listen,
                event,
            } => received(tally, since_stamp, listen, event),
            Event::FutureStamp => tally.counters.add(Counter::FutureStamps, 1),
            Event::ListenMismatch {
                listener,
                missing,
                surplus,
            } => {
                let counters = &mut tally.labelled.of(listener).counters;
                counters.add(Counter::ListenMissing, missing);
                counters.add(Counter::ListenSurplus, surplus);
            }
            Event::Heartbeat { late } => tally.record(HistogramMetric::HeartbeatLateness, late),
            Event::Traffic { sent, received } => {
                tally.counters.add(Counter::BytesSent, sent);
                tally.counters.add(Counter::BytesReceived, received);
            }
        }
    }

    fn lost(&mut self, population: usize, at: Instant, loss: Loss) {
        self.current.client_lost(population, at);
        let tally = &mut self.current.populations[population].tally;
        if let Some(detect) = loss.detect {
            tally.record(HistogramMetric::ReconnectDetect, detect);
        }
        if let Some(fault) = loss.fault {
            self.fault(fault).disconnected(loss.reason, loss.detect);
        }
    }

    fn back(&mut self, population: usize, at: Instant, back: Back) {
        self.current.client_connected(population, at);
        let tally = &mut self.current.populations[population].tally;
        tally.counters.add(Counter::Reconnects, 1);
        tally.record(HistogramMetric::ReconnectTime, back.took);
        tally
            .histograms
            .record(HistogramMetric::ReconnectAttempts, u64::from(back.attempts));
        if let Some(outage) = back.outage {
            tally.record(HistogramMetric::ReconnectOutage, outage);
        }
        if let Some(recovered) = back.recovered {
            tally.recovery_offered += 1;
            tally.recovered += u64::from(recovered);
        }
        if let Some(fault) = back.fault {
            let at = self.since_origin(at);
            let fault = self.fault(fault);
            fault.reconnected(back.transport, back.attempts, back.recovered);
            if back.is_ready {
                fault.passed(at, back.outage.unwrap_or(back.took));
            }
        }
    }

    fn failed_on_the_way_back(&mut self, failure: Failure, cut_off: Option<CutOff>) {
        if let Some(cut_off) = cut_off {
            self.fault(cut_off.fault).failures.record(failure);
        }
    }

    fn fault(&mut self, fault: StrikeId) -> &mut FaultTally {
        self.pending.faults.entry(fault).or_default()
    }
}

struct Loss {
    reason: DisconnectReason,
    fault: Option<StrikeId>,
    detect: Option<Duration>,
}

struct Back {
    took: Duration,
    outage: Option<Duration>,
    fault: Option<StrikeId>,
    attempts: u32,
    transport: TransportKind,
    recovered: Option<bool>,
    is_ready: bool,
}

fn started(tally: &mut Tally, late: Duration) {
    tally.counters.add(Counter::ClientsStarted, 1);
    tally.record(HistogramMetric::GeneratorStartDelay, late);
    if late > LATE_START {
        tally.counters.add(Counter::GeneratorLateStarts, 1);
    }
}

/// An ack of which no more is known than how long it has not come.
fn unanswered(
    tally: &mut Tally,
    event: LabelId,
    since_intended: Duration,
    since_sent: Option<Duration>,
) {
    tally.censor_split(HistogramMetric::AckTime, event, since_intended);
    if let Some(since_sent) = since_sent {
        tally.censor_split(HistogramMetric::AckServiceTime, event, since_sent);
    }
}

/// A client that was refused or kicked has its answer; of one that waits until it leaves, it is known
/// how long it has waited.
fn ended(tally: &mut Tally, fate: Fate, ever_connected: bool, open_for: Option<Duration>) {
    if !ever_connected {
        tally.counters.add(Counter::ClientsNeverConnected, 1);
    }
    match fate {
        Fate::Connected => {}
        Fate::NeverConnected => {
            if let Some(age) = open_for {
                tally.censor(HistogramMetric::ConnectTime, age);
            }
        }
        Fate::NeverBack => {
            tally.counters.add(Counter::ClientsNeverBack, 1);
            if let Some(age) = open_for {
                tally.censor(HistogramMetric::ReconnectTime, age);
            }
        }
        Fate::Rejected => {
            tally.counters.add(Counter::ClientsRejected, 1);
            if ever_connected {
                tally.counters.add(Counter::ClientsNeverBack, 1);
            }
        }
        Fate::NeverReady => tally.counters.add(Counter::ClientsNeverReady, 1),
        Fate::Kicked => tally.counters.add(Counter::ClientsKicked, 1),
    }
}

fn received(
    tally: &mut Tally,
    since_stamp: Option<Duration>,
    listen: Option<u16>,
    event: Option<LabelId>,
) {
    match event {
        Some(event) => tally.count_split(Counter::Events, event),
        None => tally.counters.add(Counter::Events, 1),
    }
    match (since_stamp, event) {
        (Some(since), Some(event)) => tally.record_split(HistogramMetric::EventTime, event, since),
        (Some(since), None) => tally.record(HistogramMetric::EventTime, since),
        (None, _) => {}
    }
    if let Some(table) = listen {
        tally.listened(table);
    }
}

fn phase_metric(phase: ConnectPhase) -> HistogramMetric {
    match phase {
        ConnectPhase::Dns => HistogramMetric::ConnectDns,
        ConnectPhase::Tcp => HistogramMetric::ConnectTcp,
        ConnectPhase::Tls => HistogramMetric::ConnectTls,
        ConnectPhase::Open => HistogramMetric::ConnectOpen,
        ConnectPhase::Namespace => HistogramMetric::ConnectNamespace,
    }
}
