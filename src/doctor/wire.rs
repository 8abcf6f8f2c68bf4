//! How connections to the server are made: to which address, trusting whom.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::options::Options;
use crate::event::{Cause, Failure, Origin, Stage};
use crate::scenario::plan::{ConnectTo, Tls};
use crate::transport::{ByteMeter, DialSettings, Dialer, TransportError};

/// Between two requests, once a rate limit was met.
const SPACING: Duration = Duration::from_millis(300);

/// The dialer of all requests, and its settings as checks have narrowed them.
pub(super) struct Wire {
    settings: RefCell<DialSettings>,
    dialer: RefCell<Rc<Dialer>>,
    /// Whether requests go without the user's headers and query.
    is_bare: Cell<bool>,
    /// The exchange that first met a rate limit.
    limited_by: Cell<Option<usize>>,
}

impl Wire {
    pub(super) fn new(options: &Options) -> Result<Self, TransportError> {
        let settings = DialSettings {
            url: options.url.clone(),
            tls: options.tls.clone(),
            proxy: None,
            connect_to: Vec::new(),
            ip_family: None,
            source_addresses: Vec::new(),
        };
        Ok(Self {
            dialer: RefCell::new(Rc::new(Dialer::new(&settings, Rc::default())?)),
            settings: RefCell::new(settings),
            is_bare: Cell::new(false),
            limited_by: Cell::new(None),
        })
    }

    /// Whether requests go without the user's headers and query.
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare.get()
    }

    /// Notes that this exchange met a rate limit.
    pub(super) fn limited(&self, id: usize) {
        if self.limited_by.get().is_none() {
            self.limited_by.set(Some(id));
        }
    }

    /// Returns the exchange that first met a rate limit.
    pub(super) fn limited_by(&self) -> Option<usize> {
        self.limited_by.get()
    }

    /// Leaves time between requests, once a rate limit was met.
    pub(super) async fn space(&self) {
        if self.limited_by.get().is_some() {
            tokio::time::sleep(SPACING).await;
        }
    }

    /// Makes a dialer for another address or another trust than that of all requests.
    pub(super) fn other_dialer(
        &self,
        change: impl FnOnce(&mut DialSettings),
    ) -> Result<Dialer, TransportError> {
        let mut settings = self.settings.borrow().clone();
        change(&mut settings);
        Dialer::new(&settings, Rc::new(ByteMeter::default()))
    }

    /// Sends all further requests to this address.
    pub(super) fn settle_on(&self, address: SocketAddr) -> Result<(), TransportError> {
        self.settings.borrow_mut().connect_to = vec![reroute(address)];
        self.redial()
    }

    /// Accepts any certificate from now on, and sends nothing that may be secret.
    pub(super) fn trust_anyone(&self) -> Result<(), TransportError> {
        {
            let mut settings = self.settings.borrow_mut();
            settings.tls = Tls {
                insecure: true,
                ..settings.tls.clone()
            };
        }
        self.is_bare.set(true);
        self.redial()
    }

    fn redial(&self) -> Result<(), TransportError> {
        let dialer = self.other_dialer(|_| {})?;
        *self.dialer.borrow_mut() = Rc::new(dialer);
        Ok(())
    }

    /// Returns the dialer of requests from this source address, or from any.
    pub(super) fn dialer_from(&self, source: Option<IpAddr>) -> Result<Rc<Dialer>, Failure> {
        let Some(source) = source else {
            return Ok(Rc::clone(&self.dialer.borrow()));
        };
        self.other_dialer(|settings| settings.source_addresses = vec![source])
            .map(Rc::new)
            .map_err(|error| {
                Failure::new(Stage::Tcp, Cause::OtherOs, Origin::Generator)
                    .with_message(&error.to_string())
            })
    }
}

/// The rule that leads everything to one address.
pub(super) fn reroute(address: SocketAddr) -> ConnectTo {
    ConnectTo {
        from_host: None,
        from_port: None,
        to_host: Some(address.ip().to_string()),
        to_port: Some(address.port()),
    }
}
