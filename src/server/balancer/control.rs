use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::shortage::Shortage;

/// What a running balancer can be told from another thread.
#[derive(Debug, Clone)]
pub struct Control(Arc<Orders>);

#[derive(Debug)]
struct Orders {
    /// By instance: how many ask that it gets no new sessions.
    drained: Box<[AtomicUsize]>,
    /// How many ask that it forgets whose session is whose.
    forgetful: AtomicUsize,
    shortage: Shortage,
}

/// Something that a balancer was told; it is taken back when this is dropped.
#[derive(Debug)]
pub struct Told {
    orders: Arc<Orders>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Drain(usize),
    Forget,
}

impl Control {
    pub(super) fn new(instances: usize) -> Self {
        Self(Arc::new(Orders {
            drained: (0..instances).map(|_| AtomicUsize::new(0)).collect(),
            forgetful: AtomicUsize::new(0),
            shortage: Shortage::default(),
        }))
    }

    /// Gives an instance no new sessions; those that it has stay with it.
    #[must_use]
    pub fn drain(&self, instance: usize) -> Told {
        self.tell(What::Drain(instance))
    }

    /// Sends sessions to whichever instance is next, as a balancer that is not sticky.
    #[must_use]
    pub fn forget(&self) -> Told {
        self.tell(What::Forget)
    }

    /// What it could not do for want of descriptors, ports or memory.
    #[must_use]
    pub fn shortage(&self) -> Shortage {
        self.0.shortage.clone()
    }

    pub(super) fn is_drained(&self, instance: usize) -> bool {
        self.0.drained[instance].load(Ordering::Relaxed) > 0
    }

    pub(super) fn is_forgetful(&self) -> bool {
        self.0.forgetful.load(Ordering::Relaxed) > 0
    }

    fn tell(&self, what: What) -> Told {
        let orders = Arc::clone(&self.0);
        orders.counter(what).fetch_add(1, Ordering::Relaxed);
        Told { orders, what }
    }
}

impl Orders {
    fn counter(&self, what: What) -> &AtomicUsize {
        match what {
            What::Drain(instance) => &self.drained[instance],
            What::Forget => &self.forgetful,
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.orders
            .counter(self.what)
            .fetch_sub(1, Ordering::Relaxed);
    }
}
