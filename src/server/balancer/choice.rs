use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use super::control::Control;
use super::policy::Policy;

/// Sessions per generation. A session that polls is looked up at least every half minute, so that
/// at 8,000 handshakes a second none is forgotten while it lives.
const GENERATION: usize = 250_000;

/// Which instance gets what.
#[derive(Debug)]
pub(super) struct Choice {
    instances: Vec<SocketAddr>,
    policy: Policy,
    control: Control,
    next: Cell<usize>,
    sessions: RefCell<Sessions>,
}

/// Who has opened which session: two generations, so that what is not asked for is forgotten.
#[derive(Debug, Default)]
struct Sessions {
    young: HashMap<Box<[u8]>, usize>,
    old: HashMap<Box<[u8]>, usize>,
}

impl Choice {
    pub(super) fn new(instances: Vec<SocketAddr>, policy: Policy, control: Control) -> Self {
        Self {
            instances,
            policy,
            control,
            next: Cell::new(0),
            sessions: RefCell::default(),
        }
    }

    pub(super) fn note_shortage(&self, error: &io::Error) {
        self.control.shortage().note(error);
    }

    pub(super) fn address(&self, instance: usize) -> SocketAddr {
        self.instances[instance]
    }

    /// The instance for a request with this session id, on a connection whose last request went
    /// to `current`.
    pub(super) fn choose(&self, sid: Option<&[u8]>, current: Option<usize>) -> usize {
        match self.policy {
            Policy::Sticky if !self.control.is_forgetful() => sid
                .and_then(|sid| self.sessions.borrow_mut().find(sid))
                .unwrap_or_else(|| self.turn()),
            Policy::Sticky | Policy::RoundRobin => current.unwrap_or_else(|| self.turn()),
        }
    }

    /// All instances, from this one on: in that order they are tried.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.instances.len();
        (0..count).map(move |n| (first + n) % count)
    }

    /// Whether answers have to be searched for session ids.
    pub(super) fn learns(&self) -> bool {
        self.policy == Policy::Sticky && self.instances.len() > 1
    }

    /// A session was opened.
    pub(super) fn learn(&self, sid: &[u8], instance: usize) {
        self.sessions.borrow_mut().insert(sid.into(), instance);
    }

    fn turn(&self) -> usize {
        let first = self.next.get();
        // If all are drained at once somebody has to take it.
        let open = self
            .from(first)
            .find(|instance| !self.control.is_drained(*instance));
        let instance = open.unwrap_or(first);
        self.next.set((instance + 1) % self.instances.len());
        instance
    }
}

impl Sessions {
    fn find(&mut self, sid: &[u8]) -> Option<usize> {
        if let Some(instance) = self.young.get(sid) {
            return Some(*instance);
        }
        let (sid, instance) = self.old.remove_entry(sid)?;
        self.insert(sid, instance);
        Some(instance)
    }

    fn insert(&mut self, sid: Box<[u8]>, instance: usize) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(sid, instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(policy: Policy) -> Choice {
        controlled(policy, Control::new(3))
    }

    fn controlled(policy: Policy, control: Control) -> Choice {
        let instances = (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Choice::new(instances.collect(), policy, control)
    }

    #[test]
    fn a_sticky_session_stays_where_it_was_opened() {
        let choice = choice(Policy::Sticky);
        let opened_by = choice.choose(None, None);
        choice.learn(b"a", opened_by);
        choice.choose(None, None);
        assert_eq!(choice.choose(Some(b"a"), None), opened_by);
        // Even on a connection that other sessions use.
        assert_eq!(choice.choose(Some(b"a"), Some(opened_by + 1)), opened_by);
    }

    #[test]
    fn round_robin_goes_by_connections_and_never_by_sessions() {
        let choice = choice(Policy::RoundRobin);
        assert_eq!(choice.choose(None, None), 0);
        assert_eq!(choice.choose(Some(b"a"), None), 1);
        assert_eq!(choice.choose(Some(b"a"), Some(1)), 1);
        assert_eq!(choice.choose(Some(b"a"), None), 2);
        assert_eq!(choice.choose(None, None), 0);
    }

    #[test]
    fn a_drained_instance_keeps_its_sessions_and_gets_no_new_ones() {
        let control = Control::new(3);
        let choice = controlled(Policy::Sticky, control.clone());
        choice.learn(b"a", 1);
        let drained = control.drain(1);
        let chosen: Vec<_> = (0..4).map(|_| choice.choose(None, None)).collect();
        assert_eq!(chosen, [0, 2, 0, 2]);
        assert_eq!(choice.choose(Some(b"a"), None), 1);
        drop(drained);
        assert!((0..3).any(|_| choice.choose(None, None) == 1));
    }

    #[test]
    fn a_forgetful_balancer_is_round_robin_until_it_remembers() {
        let control = Control::new(3);
        let choice = controlled(Policy::Sticky, control.clone());
        choice.learn(b"a", 2);
        let forgetful = control.forget();
        assert_eq!(choice.choose(Some(b"a"), None), 0);
        drop(forgetful);
        assert_eq!(choice.choose(Some(b"a"), None), 2);
    }

    #[test]
    fn the_others_are_tried_in_turn() {
        let choice = choice(Policy::Sticky);
        assert!(choice.from(1).eq([1, 2, 0]));
    }

    #[test]
    fn what_is_asked_for_outlives_its_generation() {
        let mut sessions = Sessions::default();
        sessions.insert(b"used"[..].into(), 1);
        sessions.insert(b"idle"[..].into(), 2);
        for n in 0..2 * GENERATION as u64 {
            sessions.insert(n.to_le_bytes().to_vec().into(), 0);
            if n.is_multiple_of(1000) {
                assert_eq!(sessions.find(b"used"), Some(1));
            }
        }
        assert_eq!(sessions.find(b"idle"), None);
    }
}
