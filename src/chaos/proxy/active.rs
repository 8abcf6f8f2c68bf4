use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::answer::answer;
use super::requests::Ruling;
use crate::event::{PopulationId, StrikeId};
use crate::fault::request::Blocked;
use crate::fault::{PathFault, RequestFault};
use crate::seed::{Purpose, Seed};
use crate::server::http::RequestHead;
use crate::units::Share;

/// How much of the traffic a fault on the way has touched so far.
#[derive(Debug, Default)]
pub struct Touched {
    connections: AtomicU64,
    requests: AtomicU64,
    reads_requests: bool,
}

impl Touched {
    /// Connections on which it was at work, or that it cut.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests that it answered, changed or withheld; nothing if it does not touch requests.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        self.reads_requests
            .then(|| self.requests.load(Ordering::Relaxed))
    }

    pub(super) fn add_connections(&self, count: u64) {
        self.connections.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn add_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// As counted at this moment.
impl PartialEq for Touched {
    fn eq(&self, other: &Self) -> bool {
        (self.connections(), self.requests()) == (other.connections(), other.requests())
    }
}

/// Why a request goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The proxy answers it.
    Answer(Bytes),
    /// It is never answered, for as long as this fault lasts.
    Withhold(StrikeId),
}

/// A fault that is at work.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) fault: StrikeId,
    /// On the connections of this population alone.
    pub(super) population: Option<PopulationId>,
    pub(super) path: PathFault,
    pub(super) touched: Arc<Touched>,
    seed: Seed,
    /// Draws the requests that it touches.
    requests: RefCell<fastrand::Rng>,
}

impl Active {
    pub(super) fn new(
        fault: StrikeId,
        population: Option<PopulationId>,
        path: PathFault,
        seed: Seed,
    ) -> Self {
        let touched = Touched {
            reads_requests: matches!(path, PathFault::Request(_)),
            ..Touched::default()
        };
        Self {
            fault,
            population,
            path,
            touched: Arc::new(touched),
            seed,
            requests: RefCell::new(seed.stream(Purpose::Path, index(fault, u32::MAX))),
        }
    }

    /// Whether it may touch this population's connections.
    pub(super) fn concerns(&self, population: PopulationId) -> bool {
        self.population.is_none_or(|own| own == population)
    }

    /// The random numbers of one connection, if this share of connections has it in it.
    pub(super) fn hits(&self, connection: u32, toxicity: Share) -> Option<fastrand::Rng> {
        let mut random = self
            .seed
            .stream(Purpose::Path, index(self.fault, connection));
        (random.f64() < toxicity.fraction()).then_some(random)
    }

    /// What becomes of a request, if the fault works on requests.
    pub(super) fn rule(&self, head: &RequestHead) -> Ruling<Stop> {
        let PathFault::Request(request) = self.path else {
            return Ruling::Pass;
        };
        match request {
            RequestFault::Status(status) if self.draws(status.share) => {
                Ruling::Stop(Stop::Answer(answer(status.status)))
            }
            RequestFault::WebSocketBlocked(blocked) if head.is_websocket => match blocked.how {
                Blocked::Refused => Ruling::Stop(Stop::Answer(answer(403))),
                Blocked::Swallowed => Ruling::Stop(Stop::Withhold(self.fault)),
                Blocked::Stripped => Ruling::Strip,
            },
            RequestFault::Status(_) | RequestFault::WebSocketBlocked(_) => Ruling::Pass,
        }
    }

    /// Whether a share of requests has the next one in it.
    fn draws(&self, share: Share) -> bool {
        self.requests.borrow_mut().f64() < share.fraction()
    }
}

/// Connections are numbered as they come; the last number is that of the requests.
fn index(fault: StrikeId, connection: u32) -> u64 {
    u64::from(fault.0) << 32 | u64::from(connection)
}
