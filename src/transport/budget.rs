//! What the buffers of all connections of a process may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::limits;

/// Budget that all connections of a process draw from; clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    /// Budget of a process with this many clients.
    #[must_use]
    pub fn for_clients(clients: usize) -> Self {
        Self::of(
            clients
                .saturating_mul(limits::BUDGET_PER_CLIENT)
                .saturating_add(limits::BUDGET),
        )
    }

    /// Budget of this many bytes.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self(Arc::new(Shared {
            used: AtomicUsize::new(0),
            limit,
        }))
    }

    /// What one connection draws, nothing at first.
    pub(super) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            drawn: 0,
        }
    }
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the buffers of all connections together would exceed {limit} bytes")]
pub(super) struct Exhausted {
    limit: usize,
}

/// What one connection draws from a budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    drawn: usize,
}

impl Share {
    /// Draws for buffers of this size together, instead of what was drawn before.
    ///
    /// # Errors
    /// If the budget has no more. What was drawn before stays drawn.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let wanted = bytes.saturating_sub(limits::BUDGET_FREE);
        let shared = &self.budget.0;
        if wanted > self.drawn {
            let more = wanted - self.drawn;
            let before = shared.used.fetch_add(more, Ordering::Relaxed);
            if before.saturating_add(more) > shared.limit {
                shared.used.fetch_sub(more, Ordering::Relaxed);
                return Err(Exhausted {
                    limit: shared.limit,
                });
            }
        } else if wanted < self.drawn {
            shared
                .used
                .fetch_sub(self.drawn - wanted, Ordering::Relaxed);
        }
        self.drawn = wanted;
        Ok(())
    }
}

/// A body for as long as anything of it is in use.
struct Charged {
    body: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Share {
    /// Lets a body draw on the budget until the last slice of it is dropped.
    ///
    /// # Errors
    /// If the budget has no more.
    pub(super) fn charge(mut self, body: Bytes) -> Result<Bytes, Exhausted> {
        if body.len() <= limits::BUDGET_FREE {
            return Ok(body);
        }
        self.hold(body.len())?;
        Ok(Bytes::from_owner(Charged { body, _share: self }))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.drawn, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_draw_together_and_give_back() {
        let budget = Budget::of(100);
        let (mut one, mut other) = (budget.share(), budget.share());
        let free = limits::BUDGET_FREE;
        assert_eq!(one.hold(free), Ok(()));
        assert_eq!(one.hold(free + 60), Ok(()));
        assert_eq!(other.hold(free + 41), Err(Exhausted { limit: 100 }));
        assert_eq!(other.hold(free + 40), Ok(()));
        one.hold(free + 10).unwrap();
        assert_eq!(other.hold(free + 90), Ok(()));
        drop(other);
        assert_eq!(one.hold(free + 100), Ok(()));
        drop(one);
        let body = budget.share().charge(vec![1; free + 70].into()).unwrap();
        let rest = body.slice(free + 69..);
        drop(body);
        assert_eq!(
            budget.share().hold(free + 31),
            Err(Exhausted { limit: 100 })
        );
        drop(rest);
        assert_eq!(budget.share().hold(free + 100), Ok(()));
    }
}
