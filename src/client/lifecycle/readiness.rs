//! Clients that are ready only some time after they are connected: what they do after a connect
//! belongs to their return.

use std::time::{Duration, Instant};

use super::{Lifecycle, LifecycleState, Loss};
use crate::client::fault::Strike;
use crate::event::{Event, Fate, Observer};

/// What is known of a client that does something after its connects.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    was_ready: bool,
    is_ready: bool,
    /// Losses since it was ready last.
    losses: Vec<(Instant, Option<Strike>)>,
}

impl<O: Observer> Lifecycle<O> {
    /// A client whose [`Lifecycle::ready`] comes after its connects.
    #[must_use]
    pub fn with_readiness(mut self) -> Self {
        self.readiness = Some(Box::default());
        self
    }

    /// What comes before the first connect is done: `connect.time` starts now.
    pub fn connects_from(&mut self, now: Instant) {
        self.connects_from.get_or_insert(now);
    }

    /// Whether being connected is all that is needed.
    pub(super) fn is_ready_when_connected(&self) -> bool {
        self.readiness.is_none()
    }

    /// What the client does after a connect is done.
    pub fn ready(&mut self, now: Instant) {
        let Some(readiness) = &mut self.readiness else {
            return;
        };
        readiness.is_ready = true;
        let was_ready = std::mem::replace(&mut readiness.was_ready, true);
        let losses = std::mem::take(&mut readiness.losses);
        if !was_ready {
            let since_intended = now.saturating_duration_since(self.intended);
            self.report(now, Event::Ready { since_intended });
        }
        for (place, (noticed, mark)) in losses.into_iter().enumerate() {
            let event = Event::ReadyAgain {
                took: now.saturating_duration_since(noticed),
                outage: mark.map(|mark| now.saturating_duration_since(mark.struck)),
                fault: mark.map(|mark| mark.fault),
                is_repeated: place > 0 || !was_ready,
            };
            self.report(now, event);
        }
        self.dismiss_faults(now);
    }

    /// The connection is lost: with it everything that was done after the connect.
    pub(super) fn unready(&mut self, loss: &Loss) {
        if let Some(readiness) = &mut self.readiness {
            readiness.is_ready = false;
            readiness.losses.push((loss.noticed, loss.mark));
        }
    }

    /// The fate of a client that is connected.
    pub(super) fn connected_fate(&self) -> Fate {
        match &self.readiness {
            Some(readiness) if !readiness.is_ready && readiness.was_ready => Fate::NeverBack,
            Some(readiness) if !readiness.is_ready => Fate::NeverReady,
            Some(_) | None => Fate::Connected,
        }
    }

    // Disconnects of the client's own.

    /// A step disconnects the client; it stays away until a step connects it again.
    pub fn go_away(&mut self) {
        if self.is_connected() {
            self.state = LifecycleState::Away { is_told: false };
        }
        if let Some(readiness) = &mut self.readiness {
            readiness.is_ready = true;
        }
    }

    // Refusals that the client does something about.

    /// The client asks again for namespaces that the server refused.
    pub fn retry_refused(&mut self, namespaces: usize) {
        let namespaces = u16::try_from(namespaces).unwrap_or(u16::MAX);
        self.refused = self.refused.saturating_sub(namespaces);
    }

    /// The client does not ask again for what the server refused.
    pub fn stay_refused(&mut self) {
        self.active = self.active.saturating_sub(self.refused);
        self.refused = 0;
        if self.active == 0 {
            self.state = LifecycleState::Refused;
        }
    }

    /// Since when a first connect counts.
    pub(super) fn since_connect_began(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.connects_from.unwrap_or(self.intended))
    }
}
