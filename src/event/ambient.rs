use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::{PopulationId, StrikeId};

/// How long after a fault's end a lost connection is still put down to it: the heartbeat window of
/// a server with default settings (pingInterval + pingTimeout), after which a silent loss must
/// have been noticed.
pub const ATTRIBUTION_WINDOW: Duration = Duration::from_secs(45);

/// A fault that no single client is told of: a server that dies, a path that breaks.
///
/// The controller announces it to every worker before it strikes, so that a client which loses its
/// connection a moment later can name the fault that did it; the controller sets its times.
#[derive(Debug, Clone)]
pub struct AmbientFault {
    /// Which application.
    pub fault: StrikeId,
    /// Clients of this population alone can meet it.
    pub population: Option<PopulationId>,
    /// In order of time; a rolling restart strikes once for each instance.
    strikes: Arc<Mutex<Vec<Instant>>>,
    ended: Arc<OnceLock<Instant>>,
    listener: Arc<OnceLock<Listener>>,
}

/// Something that became known about an ambient fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmbientChange {
    /// It struck at this instant.
    Struck(Instant),
    /// It was over and undone at this instant.
    Ended(Instant),
}

/// Passes changes on to where this fault is known too: other processes.
struct Listener {
    lead: Duration,
    pass_on: Box<dyn Fn(AmbientChange) + Send + Sync>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl AmbientFault {
    /// A fault that has not struck yet.
    #[must_use]
    pub fn announce(fault: StrikeId, population: Option<PopulationId>) -> Self {
        Self {
            fault,
            population,
            strikes: Arc::default(),
            ended: Arc::new(OnceLock::new()),
            listener: Arc::default(),
        }
    }

    /// It strikes at this instant, for the first time or again.
    pub fn strike(&self, at: Instant) {
        self.strikes().push(at);
        self.pass_on(AmbientChange::Struck(at));
    }

    /// It is over and undone; only the first call counts.
    pub fn end(&self, now: Instant) {
        if self.ended.set(now).is_ok() {
            self.pass_on(AmbientChange::Ended(now));
        }
    }

    /// Passes all further changes on to where news takes up to `lead`; only the first listener
    /// counts.
    pub fn on_change(
        &self,
        lead: Duration,
        listener: impl Fn(AmbientChange) + Send + Sync + 'static,
    ) {
        let pass_on = Box::new(listener);
        let _ = self.listener.set(Listener { lead, pass_on });
    }

    /// How long before it strikes the time of the strike should be set, so that it is known
    /// wherever it is felt.
    #[must_use]
    pub fn lead(&self) -> Duration {
        let listener = self.listener.get();
        listener.map_or(Duration::ZERO, |listener| listener.lead)
    }

    fn pass_on(&self, change: AmbientChange) {
        if let Some(listener) = self.listener.get() {
            (listener.pass_on)(change);
        }
    }

    /// Whether it explains nothing that is noticed from `now` on.
    #[must_use]
    pub fn is_past(&self, now: Instant) -> bool {
        let ended = self.ended.get();
        ended.is_some_and(|ended| now.saturating_duration_since(*ended) > ATTRIBUTION_WINDOW)
    }

    /// Whether it has struck at all.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        !self.strikes().is_empty()
    }

    /// Whether it has struck and is not over.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.ended.get().is_none() && !self.strikes().is_empty()
    }

    /// When it last struck, if a connection lost at `noticed` can be put down to it.
    #[must_use]
    pub fn explains(&self, noticed: Instant) -> Option<Instant> {
        let in_time = match self.ended.get() {
            Some(ended) => noticed.saturating_duration_since(*ended) <= ATTRIBUTION_WINDOW,
            None => true,
        };
        let strikes = self.strikes();
        let mut latest_first = strikes.iter().rev().copied();
        latest_first.find(|struck| in_time && noticed >= *struck)
    }

    fn strikes(&self) -> MutexGuard<'_, Vec<Instant>> {
        // A list of instants is whole whenever somebody lets go of it.
        self.strikes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
