//! The place where runs are carried out, one after the other.

use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::hold::HoldSpec;
use super::target::Target;
use super::{Finished, RunError, RunOptions, carry_out};
use crate::scenario::plan::Plan;

/// An event loop, and the servers that are kept from one run to the next.
pub struct Testbed {
    runtime: Runtime,
    local: LocalSet,
    kept: Option<Target>,
}

/// A run that is a level of a capacity search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRun {
    /// Its own folder, which must not exist yet.
    pub folder: PathBuf,
    /// How it is held.
    pub hold: HoldSpec,
    /// Whether the run's servers stay for the next level.
    pub keep_servers: bool,
}

impl Testbed {
    /// Nothing runs yet.
    ///
    /// # Errors
    /// If the system gives no event loop.
    pub fn new() -> Result<Self, RunError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(RunError::Runtime)?,
            local: LocalSet::new(),
            kept: None,
        })
    }

    /// Carries out a plan; blocks until it is over.
    ///
    /// # Errors
    /// If it cannot begin: no descriptors, no results folder, no server. Whatever happens after that
    /// is part of the summary.
    pub fn run(
        &mut self,
        plan: Plan,
        options: &RunOptions,
        level: Option<&LevelRun>,
    ) -> Result<Finished, RunError> {
        let run = carry_out(plan, options, level, &mut self.kept);
        self.local.block_on(&self.runtime, run)
    }

    /// Ends the servers that were kept.
    pub fn stop_servers(&mut self) {
        if let Some(target) = self.kept.take() {
            self.local.block_on(&self.runtime, target.stop());
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.stop_servers();
    }
}
