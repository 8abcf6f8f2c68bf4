//! The built-in proxy: one listener for each population that needs it.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::active::Active;
use super::listener::Listener;
use super::{ListenerSetup, ProxyError, Setup};
use crate::event::{PopulationId, StrikeId};

/// The listeners, on the proxy's own thread.
pub(super) struct BuiltInProxy(Vec<Rc<Listener>>);

impl BuiltInProxy {
    /// Listens for each population of the setup.
    ///
    /// # Errors
    /// If the system has no port left.
    pub(super) fn start(setup: &Setup) -> Result<Self, ProxyError> {
        let next = Rc::new(Cell::new(0));
        let listener = |listener: &ListenerSetup| -> io::Result<Rc<Listener>> {
            let upstream = setup.upstream.clone();
            let next = Rc::clone(&next);
            let any_port = || (upstream.local_ip(), 0).into();
            let address = setup.listen.unwrap_or_else(any_port);
            let listener = Listener::new(address, listener, upstream, next)?;
            let listener = Rc::new(listener);
            listener.listen()?;
            Ok(listener)
        };
        let listeners = setup
            .listeners
            .iter()
            .map(listener)
            .collect::<io::Result<_>>();
        listeners.map(Self).map_err(ProxyError::Listen)
    }

    pub(super) fn addresses(&self) -> Vec<(PopulationId, SocketAddr)> {
        let listeners = self.0.iter();
        listeners
            .map(|listener| (listener.population, listener.address()))
            .collect()
    }

    /// A fault begins on all listeners that it concerns.
    pub(super) async fn lay(&self, active: Active) -> Result<(), ProxyError> {
        let active = Rc::new(active);
        let concerned = self
            .0
            .iter()
            .filter(|listener| active.concerns(listener.population));
        for listener in concerned {
            listener.lay(&active).await.map_err(ProxyError::Listen)?;
        }
        Ok(())
    }

    /// A fault is over.
    pub(super) fn lift(&self, fault: StrikeId) -> Result<(), ProxyError> {
        let lifted: Vec<io::Result<()>> =
            self.0.iter().map(|listener| listener.lift(fault)).collect();
        let lifted: io::Result<()> = lifted.into_iter().collect();
        lifted.map_err(ProxyError::Listen)
    }
}
