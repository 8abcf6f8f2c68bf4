use std::rc::Rc;
use std::time::Instant;

use super::UpgradeAbort;
use crate::fault::impulse::UpgradeStage;
use crate::transport::LinkConditions;

/// What impulses leave to be done later. Boxed, and there for as long as there is something.
#[derive(Debug, Default)]
pub(in crate::client) struct Leftovers {
    /// The next upgrade, to be broken off.
    abort: Option<UpgradeAbort>,
    /// Networks that the client has left, with its connections there, each with the time until
    /// which a server may wait for it.
    left: Vec<(Instant, Rc<LinkConditions>)>,
}

impl Leftovers {
    /// Breaks off the next upgrade at this stage.
    pub(in crate::client) fn abort_upgrade(&mut self, stage: UpgradeStage) {
        self.abort = Some(UpgradeAbort::new(stage));
    }

    pub(in crate::client) fn abort(&mut self) -> &mut Option<UpgradeAbort> {
        &mut self.abort
    }

    /// Keeps what the client leaves behind on a network until nobody can wait for it any more.
    pub(in crate::client) fn leave_behind(&mut self, until: Instant, network: Rc<LinkConditions>) {
        self.left.push((until, network));
    }

    /// Forgets what nobody waits for any more.
    pub(in crate::client) fn forget(&mut self, now: Instant) {
        self.left.retain(|(until, _)| *until > now);
    }

    /// When [`Leftovers::forget`] has something to do.
    pub(in crate::client) fn deadline(&self) -> Option<Instant> {
        self.left.iter().map(|(until, _)| *until).min()
    }

    pub(in crate::client) fn is_empty(&self) -> bool {
        self.abort.is_none() && self.left.is_empty()
    }
}
