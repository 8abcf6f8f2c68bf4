use std::fmt;

use serde::{Deserialize, Serialize};

use super::label::{LabelKind, Labelling};
use super::selector::MetricName;

/// What a metric's numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// A plain number.
    #[serde(rename = "count")]
    Count,
}

/// Names of a closed set of metrics: identifier, name in every output, how it is split if it is, and
/// one line of explanation.
macro_rules! metrics {
    (@labelling) => { Labelling::Never };
    (@labelling $how:ident $kind:ident) => { Labelling::$how(LabelKind::$kind) };
    ($(#[$doc:meta])* $name:ident {
        $($variant:ident => $word:literal $([$how:ident $kind:ident])?, $about:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $about] $variant,)*
        }

        impl $name {
            /// All of them; `as usize` is the place in this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The name in scenarios and in every output.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it measures, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }

            /// How it is split by names of the scenario.
            #[must_use]
            pub fn labelling(self) -> Labelling {
                match self {
                    $(Self::$variant => metrics!(@labelling $($how $kind)?),)*
                }
            }

            /// Whether there is one series for everything, whatever else there is.
            #[must_use]
            pub fn has_total(self) -> bool {
                !matches!(self.labelling(), Labelling::Only(_))
            }

            /// Those that have a series for everything.
            pub fn totals() -> impl Iterator<Item = Self> {
                Self::ALL.iter().copied().filter(|metric| metric.has_total())
            }

            /// The one with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|metric| metric.name() == name)
            }
        }

        impl MetricName for $name {
            fn all() -> impl Iterator<Item = Self> {
                Self::ALL.iter().copied()
            }

            fn name(self) -> &'static str {
                self.name()
            }

            fn labelling(self) -> Labelling {
                self.labelling()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

metrics! {
    /// A metric with a distribution, kept in a histogram.
    HistogramMetric {
        ConnectTime => "connect.time", "Intended arrival to namespace connected, first connect.";
        ConnectDns => "connect.dns", "Name resolution.";
        ConnectTcp => "connect.tcp", "The TCP handshake.";
        ConnectTls => "connect.tls", "The TLS handshake.";
        ConnectOpen => "connect.open", "The Engine.IO handshake.";
        ConnectNamespace => "connect.namespace", "The Socket.IO CONNECT and its reply.";
        UpgradeTime => "upgrade.time", "Probe started to upgraded.";
        ReconnectDetect => "reconnect.detect", "Fault to disconnect noticed by the client.";
        ReconnectDelay => "reconnect.delay", "Delays before reconnection attempts, as drawn.";
        ReconnectTime => "reconnect.time", "Disconnect noticed to namespace connected again.";
        ReconnectOutage => "reconnect.outage", "Fault to namespace connected again.";
        ReconnectAttempts => "reconnect.attempts", "Attempts that one reconnection took.";
        AckTime => "ack.time" [Also Event], "Intended send to ack.";
        AckServiceTime => "ack.service_time" [Also Event], "Actual send to ack.";
        EventTime => "event.time" [Also Event], "Stamped by the sender to received.";
        StepTime => "step.NAME.time" [Only Step], "How long step NAME took, where it succeeded.";
        IterationTime => "iteration.time", "Intended start to end of an iteration of steps, where all succeeded.";
        ReadyTime => "ready.time", "Intended arrival to ready: what a client does after its first connect is done.";
        ReconnectReadyTime => "reconnect.ready_time", "Disconnect noticed to ready again.";
        HeartbeatLateness => "heartbeat.lateness", "How late the server's pings come.";
        GeneratorLag => "generator.lag", "How late the generator's own timers fire.";
        GeneratorStartDelay => "generator.start_delay", "Intended start to actual start of a client.";
    }
}

impl HistogramMetric {
    /// What its numbers count.
    #[must_use]
    pub fn unit(self) -> Unit {
        if self == Self::ReconnectAttempts {
            Unit::Count
        } else {
            Unit::Microseconds
        }
    }
}

metrics! {
    /// A metric that only counts.
    Counter {
        ClientsStarted => "clients.started", "Clients that began their first connect.";
        ClientsConnectedMax => "clients.connected_max", "Most clients connected at once.";
        ClientsNeverConnected => "clients.never_connected", "Clients that never once had all their namespaces, for any reason.";
        ClientsNeverBack => "clients.never_back", "Clients that were connected, lost it by anything but a kick, and were not back at the end.";
        ClientsNeverReady => "clients.never_ready", "Clients that connected and never once finished what they do after a connect.";
        ClientsRejected => "clients.rejected", "Clients whose last answer was a refusal (CONNECT_ERROR); each also counts as never connected or never back.";
        ClientsLostWithAgent => "clients.lost_with_agent", "Clients that still had something to do when the process or agent that ran them was lost.";
        ClientsKicked => "clients.kicked", "Clients that the server disconnected.";
        ClientsComplete => "clients.complete", "Clients that at some time had all their namespaces.";
        ClientsPartial => "clients.partial", "Clients that had some of their namespaces, but never all of them at once.";
        ClientsGaveUp => "clients.gave_up", "Clients that used up their reconnection attempts.";
        ClientsAbandoned => "clients.abandoned", "Clients that had not left when the run stopped waiting for them; what they did last is not counted.";
        HandshakeAttempts => "handshake.attempts", "Engine.IO handshakes begun.";
        HandshakeErrors => "handshake.errors", "Engine.IO handshakes failed.";
        HandshakeZombies => "handshake.zombies", "Sessions that a server was left with and that nobody uses: handshakes answered after their client had given them up, and what `network_change` and `abandon` leave behind.";
        NamespaceAttempts => "namespace.attempts", "CONNECT packets sent.";
        NamespaceErrors => "namespace.errors", "CONNECT packets refused.";
        NamespaceUnanswered => "namespace.unanswered", "CONNECT packets that were neither accepted nor refused while their connection lasted.";
        Connects => "connects", "Namespaces connected, first and again.";
        Disconnects => "disconnects", "Connections lost or closed, for any reason; a goodbye at the end of the run too.";
        Reconnects => "reconnects", "Clients connected again after a loss.";
        Upgrades => "upgrades", "Sessions that moved from polling to WebSocket.";
        UpgradeErrors => "upgrade.errors", "Upgrades that failed.";
        SessionErrors => "session.errors", "Failures on established sessions.";
        Emits => "emits", "Events handed to the transport.";
        EmitsDropped => "emits.dropped", "Events never sent: volatile, or still buffered at the end.";
        EmitsUnsent => "emits.unsent", "Events that were due and never sent, because the generator did not keep up.";
        EmitRetries => "emits.retried", "Events sent again by retries.";
        Acks => "acks" [Also Event], "Acks received.";
        AckTimeouts => "ack.timeouts" [Also Event], "Acks that did not come in time.";
        AcksSent => "acks.sent", "Acks sent to servers that asked for one, by `reply`.";
        AcksOwed => "acks.owed", "Acks that servers asked for and nothing in the scenario answers.";
        AckRejected => "ack.rejected" [Also Event], "Acks received that `expect` does not hold for.";
        AckLost => "ack.lost" [Also Event], "Acks that a disconnect made impossible.";
        AckUnanswered => "ack.unanswered" [Also Event], "Acks that had not come when their client left.";
        Iterations => "iterations", "Iterations of steps that ended, failed ones included.";
        IterationsFailed => "iterations.failed", "Iterations of steps that a failed step or a lost connection ended.";
        IterationsUnfinished => "iterations.unfinished", "Iterations of steps under way when their client left.";
        FutureStamps => "event.future_stamps", "Events whose stamp lay in the future, which have no event.time: clocks disagree.";
        ListenMissing => "listen.NAME.missing" [Only Listen], "Events that clients should have received by `expect` of the listen table NAME, and did not.";
        ListenSurplus => "listen.NAME.surplus" [Only Listen], "Events that clients received beyond `expect` of the listen table NAME.";
        StepErrors => "step.NAME.errors" [Only Step], "How often step NAME failed.";
        Events => "events" [Also Event], "Events received.";
        BytesSent => "bytes.sent", "Bytes written to sockets, TLS excluded.";
        BytesReceived => "bytes.received", "Bytes read from sockets, TLS excluded.";
        GeneratorLateStarts => "generator.late_starts", "Clients started over 10 ms after their intended start.";
        OutOfRange => "histogram.out_of_range", "Times above one hour, recorded as one hour.";
    }
}

metrics! {
    /// A metric that is a fraction in [0, 1].
    RateMetric {
        HandshakeErrorRate => "handshake.error_rate", "Failed Engine.IO handshakes among all.";
        RecoveryRate => "recovery.rate", "Recovered sessions among reconnections to servers that offer recovery.";
        StepErrorRate => "step.NAME.error_rate" [Only Step], "Failures of step NAME among its outcomes.";
        GeneratorCpu => "generator.cpu", "CPU use of the busiest worker thread, 1 is a whole core.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_the_name_that_it_prints() {
        for metric in HistogramMetric::ALL {
            assert_eq!(HistogramMetric::from_name(metric.name()), Some(*metric));
        }
        for counter in Counter::ALL {
            assert_eq!(Counter::from_name(counter.name()), Some(*counter));
        }
        assert_eq!(HistogramMetric::from_name("connect"), None);
    }
}
