//! HTTP long-polling: one request in, one response or failure out, over connections of the
//! client's own.

mod answer;
mod cookies;
mod exchange;
mod head;
mod http_connection;
mod pool;
mod redirect;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Context;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::link_conditions::{Conditions, LinkConditions};
use super::settings::Settings;
use super::websocket::{HandshakeRequest, WebSocketHandshake};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::scenario::plan::Profile;

use cookies::Jar;
use exchange::Asker;
pub use exchange::{Exchange, ExchangeEnd};
pub(super) use head::{BROWSER_AGENT, is_framing};
use pool::Pool;
use redirect::Redirect;

/// Cookies that the requests under way of one client share, and with them nobody else.
pub(super) type SharedJar = Rc<RefCell<Jar>>;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Polls.
    Get,
    /// Sends.
    Post,
    /// Of an application.
    Put,
    /// Of an application.
    Patch,
    /// Of an application.
    Delete,
}

impl Method {
    /// The one with this name in upper case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the application beside the Engine.IO endpoint.
#[derive(Debug)]
pub struct ApplicationRequest {
    /// What it does.
    pub method: Method,
    /// Absolute.
    pub url: url::Url,
    /// Evaluated; they come before those of the profile.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// With its content type.
    pub body: Option<(Bytes, HeaderValue)>,
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// What it does.
    pub method: Method,
    /// Percent-encoded, from the first slash.
    pub path_and_query: String,
    /// Of a POST.
    pub body: Option<Bytes>,
    /// Whether it asks for a session, so that its answer is short.
    pub opens: bool,
    /// Whether the body is binary (Engine.IO revision 3) rather than text.
    pub octet_stream: bool,
    /// The user's headers, already evaluated.
    pub headers: &'a [(HeaderName, HeaderValue)],
}

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// As the server sent it; redirects that are followed never show here.
    pub status: u16,
    /// Decompressed, where it was compressed.
    pub body: Bytes,
    /// Of an [`ApplicationRequest`] alone.
    pub headers: Option<Box<HeaderMap>>,
    /// Where a redirect leads that is not followed, or how to authenticate.
    pub note: Option<Box<str>>,
}

/// The cookies of one engine: what its requests send, and where their answers' cookies go.
#[derive(Debug, Clone, Default)]
pub struct Cookies(Option<SharedJar>);

/// What one virtual client has of HTTP: its cookies and its idle connections.
pub struct Http {
    settings: Rc<Settings>,
    client: u64,
    cookies: Cookies,
    pool: Pool,
    /// There is none as long as the network is sound and the first.
    network: Option<Rc<LinkConditions>>,
}

fn no_target() -> Failure {
    Failure::new(Stage::Step, Cause::NotSocketio, Origin::Scenario)
        .with_message("the URL names no http or https server")
}

impl Http {
    /// For the client of this number, which chooses its source address.
    #[must_use]
    pub fn new(settings: Rc<Settings>, client: u64) -> Self {
        let mut http = Self {
            cookies: Cookies::default(),
            pool: Pool::default(),
            network: None,
            settings,
            client,
        };
        http.cookies = http.no_cookies();
        http
    }

    /// What it shares with the other clients of its population.
    #[must_use]
    pub fn settings(&self) -> &Rc<Settings> {
        &self.settings
    }

    /// A new engine begins: in the `node` profile without cookies, while the old engine keeps its
    /// own. A browser keeps all.
    pub fn new_engine(&mut self) -> Cookies {
        if self.settings.profile == Profile::Node && !self.settings.shares_cookies.get() {
            self.cookies = self.no_cookies();
        }
        self.cookies.clone()
    }

    /// Those of the present engine.
    #[must_use]
    pub fn cookies(&self) -> Cookies {
        self.cookies.clone()
    }

    /// Begins a request; nothing happens until it is polled.
    pub fn request(&mut self, request: Request<'_>, cookies: &Cookies) -> Exchange {
        let kept = self.pool.take();
        let asker = Asker {
            client: self.client,
            jar: cookies.0.as_ref(),
            network: self.network.as_ref(),
        };
        Exchange::new(&self.settings, &asker, request, kept)
    }

    /// Begins a request to the application; nothing happens until it is polled. Redirects are
    /// followed as browsers do, within the origin.
    ///
    /// # Errors
    /// If the URL is none that a connection can be made to.
    pub fn application_request(
        &mut self,
        request: ApplicationRequest,
    ) -> Result<Exchange, Failure> {
        let cookies = self.cookies.clone();
        let asker = Asker {
            client: self.client,
            jar: cookies.0.as_ref(),
            network: self.network.as_ref(),
        };
        let dialer = self.settings.dialer();
        let is_target = request.url.origin().ascii_serialization() == dialer.target().origin();
        let elsewhere = if is_target {
            None
        } else {
            Some(Redirect::to(request.url.clone(), dialer).ok_or_else(no_target)?)
        };
        let kept = if is_target { self.pool.take() } else { None };
        Ok(Exchange::of_application(
            &self.settings,
            &asker,
            (request, elsewhere),
            kept,
        ))
    }

    /// Keeps cookies from engine to engine, for all clients of the population: requests to the
    /// application share them.
    pub fn share_cookies(&self) {
        self.settings.shares_cookies.set(true);
    }

    /// Begins a WebSocket handshake; nothing happens until it is polled. The headers of the user
    /// are left out in the `browser` profile, where scripts cannot set any.
    pub fn open_websocket(
        &mut self,
        path_and_query: &str,
        headers: &[(HeaderName, HeaderValue)],
        cookies: &Cookies,
    ) -> WebSocketHandshake {
        let jar = cookies.0.as_ref();
        let cookie = jar.and_then(|jar| jar.borrow_mut().header());
        WebSocketHandshake::new(
            &self.settings,
            self.client,
            HandshakeRequest::new(&self.settings, path_and_query, headers, cookie),
            self.network.as_ref(),
        )
    }

    /// Whether there is anything to say about its network.
    #[must_use]
    pub fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// The network on which connections are made from now on, where it is of interest.
    pub fn network(&mut self) -> &Rc<LinkConditions> {
        let sound = || Rc::new(LinkConditions::new(0, Conditions::default()));
        self.network.get_or_insert_with(sound)
    }

    /// Makes connections on another network from now on; idle ones of the old are dropped.
    pub fn change_network(&mut self, network: Rc<LinkConditions>) {
        self.pool = Pool::default();
        self.network = Some(network);
    }

    /// Idle connections belong to a network that is not sound.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join_idle(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.pool.join(network)
    }

    /// Takes back what a finished exchange left: in the `browser` profile its connection, if it
    /// may carry another request.
    pub fn finish(&mut self, exchange: Exchange) {
        if let Some(link) = exchange.into_link() {
            self.pool.put(*link);
        }
    }

    /// Drops idle connections that the server closed, and wakes `cx` when another one closes.
    ///
    /// A client that calls this after each request and finish closes its side at once, as browsers
    /// do; without it, closed connections are noticed at the next request.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) {
        self.pool.poll(cx);
    }

    /// Drops idle connections with RST.
    pub fn reset_idle(&mut self) {
        self.pool.reset();
    }

    /// Drops idle connections with FIN.
    pub fn fin_idle(&mut self) {
        self.pool = Pool::default();
    }

    fn no_cookies(&self) -> Cookies {
        let keeps = match self.settings.profile {
            Profile::Node => self.settings.with_credentials,
            Profile::Browser => true,
        };
        Cookies(keeps.then(SharedJar::default))
    }
}
