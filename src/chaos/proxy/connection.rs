use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::active::Active;
use super::chain::Chain;
use super::toxic;
use crate::event::StrikeId;
use crate::fault::{Idle as IdleFault, PathFault, Toxic};

/// A connection as faults see it: what lies on its two ways.
#[derive(Debug)]
pub(super) struct ProxiedConnection {
    /// In the order of coming, over the whole proxy.
    number: u32,
    /// From the client to the server.
    pub(super) up: RefCell<Chain>,
    /// From the server to the client.
    pub(super) down: RefCell<Chain>,
    idle: RefCell<Vec<Idle>>,
    waker: RefCell<Option<Waker>>,
    /// Faults that have touched a request of it.
    felt: RefCell<Vec<StrikeId>>,
}

/// A limit to how long nothing may move.
#[derive(Debug)]
struct Idle {
    active: Rc<Active>,
    after: Duration,
    /// Since when nothing has moved, as far as this limit knows.
    since: Instant,
}

impl ProxiedConnection {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            up: RefCell::default(),
            down: RefCell::default(),
            idle: RefCell::default(),
            waker: RefCell::default(),
            felt: RefCell::default(),
        }
    }

    /// Who is to be woken when a fault comes or goes.
    pub(super) fn remember(&self, context: &Context<'_>) {
        let known = &mut *self.waker.borrow_mut();
        match known {
            Some(waker) => waker.clone_from(context.waker()),
            None => *known = Some(context.waker().clone()),
        }
    }

    /// A fault begins, if it works on single connections.
    pub(super) fn lay(&self, active: &Rc<Active>, now: Instant) {
        match active.path {
            PathFault::Toxic(toxic) => self.lay_toxic(active, toxic, now),
            PathFault::Idle(IdleFault::IdleTimeout(timeout)) => {
                self.idle.borrow_mut().push(Idle {
                    active: Rc::clone(active),
                    after: timeout.after,
                    since: now,
                });
            }
            // These work on the listener, or on each request as it comes.
            PathFault::Listener(_) | PathFault::Request(_) => return,
        }
        self.wake();
    }

    /// Lays a toxic on the directions that it works in, if its toxicity hits this connection.
    fn lay_toxic(&self, active: &Active, toxic: Toxic, now: Instant) {
        let reach = toxic.reach;
        let Some(mut random) = active.hits(self.number, reach.toxicity) else {
            return;
        };
        let ways = [
            (reach.direction.is_upstream(), &self.up),
            (reach.direction.is_downstream(), &self.down),
        ];
        for (_, way) in ways.into_iter().filter(|(is_meant, _)| *is_meant) {
            let stage = toxic::stage(toxic.kind, now, random.fork());
            way.borrow_mut().lay(active.fault, stage);
        }
        active.touched.add_connections(1);
    }

    /// A fault is over.
    pub(super) fn lift(&self, fault: StrikeId) {
        self.up.borrow_mut().lift(fault);
        self.down.borrow_mut().lift(fault);
        self.idle
            .borrow_mut()
            .retain(|idle| idle.active.fault != fault);
        self.wake();
    }

    /// A fault touches a request of this connection.
    pub(super) fn feel(&self, active: &Active) {
        active.touched.add_request();
        let mut felt = self.felt.borrow_mut();
        if !felt.contains(&active.fault) {
            felt.push(active.fault);
            active.touched.add_connections(1);
        }
    }

    /// Whether it matters that something moves.
    pub(super) fn minds_idleness(&self) -> bool {
        !self.idle.borrow().is_empty()
    }

    /// Something has moved.
    pub(super) fn moved(&self, now: Instant) {
        for idle in self.idle.borrow_mut().iter_mut() {
            idle.since = now;
        }
    }

    /// Whether nothing has moved for too long.
    pub(super) fn is_too_idle(&self, now: Instant) -> bool {
        let idle = self.idle.borrow();
        let reached = idle.iter().find(|idle| idle.since + idle.after <= now);
        if let Some(reached) = reached {
            reached.active.touched.add_connections(1);
        }
        reached.is_some()
    }

    /// When it has been idle for too long, if nothing moves until then.
    pub(super) fn idle_until(&self) -> Option<Instant> {
        let idle = self.idle.borrow();
        idle.iter().map(|idle| idle.since + idle.after).min()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
