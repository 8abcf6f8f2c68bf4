//! The built-in proxy: one lane for each population that needs it.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::active::Active;
use super::lane::Lane;
use super::{LaneSetup, NetworkError, Setup};
use crate::event::{FaultId, PopulationId};

/// The lanes, on the proxy's own thread.
pub(super) struct Proxy(Vec<Rc<Lane>>);

impl Proxy {
    /// Listens for each population of the setup.
    ///
    /// # Errors
    /// If the system has no port left.
    pub(super) fn start(setup: &Setup) -> Result<Self, NetworkError> {
        let next = Rc::new(Cell::new(0));
        let lane = |lane: &LaneSetup| -> io::Result<Rc<Lane>> {
            let upstream = setup.upstream.clone();
            let next = Rc::clone(&next);
            let any_port = || (upstream.local_ip(), 0).into();
            let address = setup.listen.unwrap_or_else(any_port);
            let lane = Lane::new(address, lane, upstream, next)?;
            let lane = Rc::new(lane);
            lane.listen()?;
            Ok(lane)
        };
        let lanes = setup.lanes.iter().map(lane).collect::<io::Result<_>>();
        lanes.map(Self).map_err(NetworkError::Listen)
    }

    pub(super) fn addresses(&self) -> Vec<(PopulationId, SocketAddr)> {
        let lanes = self.0.iter();
        lanes
            .map(|lane| (lane.population, lane.address()))
            .collect()
    }

    /// A fault begins on all lanes that it concerns.
    pub(super) async fn lay(&self, active: Active) -> Result<(), NetworkError> {
        let active = Rc::new(active);
        let concerned = self
            .0
            .iter()
            .filter(|lane| active.concerns(lane.population));
        for lane in concerned {
            lane.lay(&active).await.map_err(NetworkError::Listen)?;
        }
        Ok(())
    }

    /// A fault is over.
    pub(super) fn lift(&self, fault: FaultId) -> Result<(), NetworkError> {
        let lifted: Vec<io::Result<()>> = self.0.iter().map(|lane| lane.lift(fault)).collect();
        let lifted: io::Result<()> = lifted.into_iter().collect();
        lifted.map_err(NetworkError::Listen)
    }
}
