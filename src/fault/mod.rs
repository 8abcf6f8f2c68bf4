//! The faults of a scenario, one file each: name, keys and defaults, typed settings, duration rule,
//! conflicts.
//!
//! A table of a scenario comes in as a `Source`, a [`FaultKind`] goes out; keys, checks, plan,
//! serialisation, schema and reference all read from here. Nothing here carries a fault out: the
//! enums group faults by mechanism, so that each executor matches only what it can execute.

mod definition;
mod keys;
mod setting;

pub mod balancer;
pub mod condition;
pub mod hook;
pub mod idle;
pub mod impulse;
pub mod listener;
pub mod process;
pub mod request;
pub mod toxic;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys::Checked;

pub use balancer::Balancer;
pub use condition::Condition;
pub(crate) use definition::{Clash, Conflict, FaultSpec, Mechanism, Span};
use definition::{Definition, Describe, Group, delegate, mechanism};
pub use hook::Hook;
pub use idle::Idle;
pub use impulse::Impulse;
pub(crate) use keys::{AT, FAULT};
pub use listener::ListenerFault;
pub use process::Process;
pub use request::RequestFault;
pub(crate) use setting::{Setting, Source, Value};
pub use toxic::Toxic;
use toxic::{Reach, ToxicKind};

/// A fault with its settings, by the place where it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FaultKind {
    /// At clients: each victim does it to itself.
    Client(ClientFault),
    /// On the network path: the proxy between clients and server does it.
    Path(PathFault),
    /// In the built-in balancer.
    Balancer(Balancer),
    /// At the processes that the run started.
    Process(Process),
    /// Outside: a command of the user does it.
    Hook(Hook),
}

/// A fault that a client carries out on itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ClientFault {
    /// Done in a moment.
    Impulse(Impulse),
    /// Lasts until it is undone.
    Condition(Condition),
}

/// A fault that the proxy on the network path carries out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum PathFault {
    /// Works on the bytes of single connections.
    Toxic(Toxic),
    /// Works on the listening socket and all its connections at once.
    Listener(ListenerFault),
    /// Works on HTTP requests.
    Request(RequestFault),
    /// Works on connections that carry nothing for a while.
    Idle(Idle),
}

delegate!(FaultKind {
    Client,
    Path,
    Balancer,
    Process,
    Hook
});
delegate!(ClientFault { Impulse, Condition });
delegate!(PathFault {
    Toxic,
    Listener,
    Request,
    Idle
});

/// Every fault, mechanism by mechanism.
pub(crate) fn all() -> impl Iterator<Item = &'static FaultSpec> + Clone {
    [
        Impulse::FAULTS,
        Condition::FAULTS,
        ToxicKind::FAULTS,
        ListenerFault::FAULTS,
        RequestFault::FAULTS,
        Idle::FAULTS,
        Balancer::FAULTS,
        Process::FAULTS,
        Hook::FAULTS,
    ]
    .into_iter()
    .flatten()
}

impl FaultKind {
    /// The word in scenarios and results.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Name, keys and traits, which do not depend on the settings.
    pub(crate) fn spec(&self) -> &'static FaultSpec {
        Describe::spec(self)
    }

    /// Its own keys with their values, including those at their default.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        Describe::settings(self)
    }

    /// How long it is at work, as far as its keys say; zero for what is over at once.
    pub(crate) fn length(&self, span: Span) -> Duration {
        Describe::length(self, span)
    }

    /// How it clashes with another fault that is at work at the same time.
    pub(crate) fn conflict(&self, other: &Self) -> Option<Conflict> {
        Describe::conflict(self, other)
    }
}

impl Group for Impulse {
    const MECHANISM: Mechanism = Mechanism::Impulse;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(|own| FaultKind::Client(ClientFault::Impulse(own)))
    }
}

impl Group for Condition {
    const MECHANISM: Mechanism = Mechanism::Condition;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(|own| FaultKind::Client(ClientFault::Condition(own)))
    }
}

impl Group for ToxicKind {
    const MECHANISM: Mechanism = Mechanism::Toxic;

    fn complete(own: Checked<Self>, source: &dyn Source) -> Checked<FaultKind> {
        let reach = Reach::read(source)?;
        own.map(|kind| FaultKind::Path(PathFault::Toxic(Toxic { kind, reach })))
    }
}

impl Group for ListenerFault {
    const MECHANISM: Mechanism = Mechanism::Listener;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(|own| FaultKind::Path(PathFault::Listener(own)))
    }
}

impl Group for RequestFault {
    const MECHANISM: Mechanism = Mechanism::Request;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(|own| FaultKind::Path(PathFault::Request(own)))
    }
}

impl Group for Idle {
    const MECHANISM: Mechanism = Mechanism::Idle;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(|own| FaultKind::Path(PathFault::Idle(own)))
    }
}

impl Group for Balancer {
    const MECHANISM: Mechanism = Mechanism::Balancer;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(FaultKind::Balancer)
    }
}

impl Group for Process {
    const MECHANISM: Mechanism = Mechanism::Process;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(FaultKind::Process)
    }
}

impl Group for Hook {
    const MECHANISM: Mechanism = Mechanism::Hook;

    fn complete(own: Checked<Self>, _source: &dyn Source) -> Checked<FaultKind> {
        own.map(FaultKind::Hook)
    }
}

#[cfg(test)]
mod tests;
