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
        }
    }

    /// It strikes now, for the first time or again.
    pub fn strike(&self, now: Instant) {
        self.strikes().push(now);
    }

    /// It is over and undone; only the first call counts.
    pub fn end(&self, now: Instant) {
        let _ = self.ended.set(now);
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
