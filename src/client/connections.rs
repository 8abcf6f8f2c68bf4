//! The connections of one client: requests in flight, handshakes under way, open WebSockets.
//!
//! The driver says what to send, and polls for what arrives. Nothing is decided here but when a
//! connection that nobody needs any more is let go.

mod faults;
mod steps;

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use steps::StepExchange;

use super::steps::{StepAnswer, StepToken};
use crate::clock;
use crate::event::{Cause, ClientId, Failure, Origin, Stage};
use crate::protocol::{self, EngineId, Frame, RequestId, WebSocketEnd, WebSocketId};
use crate::transport::{
    self, Cookies, Exchange, Http, Settings, Timings, WebSocket, WebSocketHandshake,
};

/// How long a closed WebSocket waits for the peer, as the `ws` package does.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);

/// Messages on a WebSocket that is closed from here, dealt with before anything else gets its turn.
const DISCARDED_BATCH: u32 = 64;

/// Something that came in.
pub(super) enum Arrival {
    /// An HTTP response.
    Response {
        id: RequestId,
        status: u16,
        body: Bytes,
        /// What a header adds to a refusal.
        note: Option<Box<str>>,
        /// How its connection was made, if it carries a handshake.
        dialed: Option<Timings>,
    },
    /// An HTTP request failed.
    RequestFailed {
        id: RequestId,
        failure: Failure,
        dialed: Option<Timings>,
    },
    /// A WebSocket is open.
    WebSocketOpen {
        id: WebSocketId,
        dialed: Option<Timings>,
    },
    /// A WebSocket could not be opened.
    WebSocketRefused {
        id: WebSocketId,
        failure: Failure,
        dialed: Option<Timings>,
    },
    /// A WebSocket message.
    Frame { id: WebSocketId, frame: Frame },
    /// An open WebSocket is no more.
    WebSocketEnded { id: WebSocketId, end: WebSocketEnd },
    /// The response to a request of a step.
    StepResponse {
        token: StepToken,
        answer: StepAnswer,
    },
}

/// All connections of one client.
pub(super) struct Connections {
    path: Rc<str>,
    http: Http,
    engine_headers: EngineHeaders,
    /// Of engines that have still to say goodbye while the next one is at work.
    retired: Vec<EngineHeaders>,
    /// Usually one, where there is any.
    sockets: Vec<OpenSocket>,
    requests: Vec<InFlight>,
    /// The request of the step under way.
    step: Option<Box<StepExchange>>,
    handshakes: Vec<Opening>,
    /// What was asked for since the last poll, in that order.
    fresh: Vec<Fresh>,
    /// What a fault has broken off, still to be told.
    broken: VecDeque<Arrival>,
    /// Whether something was begun or sent that has not been polled yet.
    news: bool,
}

/// What all requests of an engine carry.
#[derive(Default)]
struct EngineHeaders {
    /// Nothing until its first request.
    engine: Option<EngineId>,
    /// The user's, as evaluated for this engine.
    headers: Box<[(HeaderName, HeaderValue)]>,
    cookies: Cookies,
}

struct OpenSocket {
    id: WebSocketId,
    socket: WebSocket,
    flushed: bool,
    state: SocketState,
}

/// How a WebSocket stands.
#[derive(Debug, Clone, Copy)]
enum SocketState {
    /// In use.
    Open,
    /// The peer has closed it; that it is gone is told by this time at the latest.
    Left { until: Instant },
    /// A fault of the scenario ends it; that it is gone is told by this time at the latest.
    FaultClosing { until: Option<Instant> },
    /// Closed from here: nothing on it is of interest, and it goes by this time.
    Closing { until: Instant },
}

impl SocketState {
    fn is_of_interest(self) -> bool {
        match self {
            Self::Open | Self::Left { .. } | Self::FaultClosing { .. } => true,
            Self::Closing { .. } => false,
        }
    }

    fn is_fault_closing(self) -> bool {
        match self {
            Self::FaultClosing { .. } => true,
            Self::Open | Self::Left { .. } | Self::Closing { .. } => false,
        }
    }

    /// The peer has closed it.
    fn leave(&mut self, until: Instant) {
        match self {
            Self::Open => *self = Self::Left { until },
            Self::FaultClosing { until: None } => *self = Self::FaultClosing { until: Some(until) },
            Self::Left { .. } | Self::FaultClosing { .. } | Self::Closing { .. } => {}
        }
    }

    fn until(self) -> Option<Instant> {
        match self {
            Self::Open => None,
            Self::FaultClosing { until } => until,
            Self::Left { until } | Self::Closing { until } => Some(until),
        }
    }
}

struct InFlight {
    id: RequestId,
    exchange: Exchange,
    opening: bool,
    is_post: bool,
    finned: bool,
}

/// A request or handshake that has not begun to connect.
enum Fresh {
    Request(RequestId),
    Handshake(WebSocketId),
}

struct Opening {
    id: WebSocketId,
    handshake: WebSocketHandshake,
    probe: bool,
}

impl Connections {
    pub(super) fn new(client: ClientId, settings: Rc<Settings>, path: Rc<str>) -> Self {
        Self {
            path,
            http: Http::new(settings, client.0),
            engine_headers: EngineHeaders::default(),
            retired: Vec::new(),
            sockets: Vec::new(),
            requests: Vec::new(),
            step: None,
            handshakes: Vec::new(),
            fresh: Vec::new(),
            broken: VecDeque::new(),
            news: false,
        }
    }

    // What the driver asks for.

    /// The next requests belong to a new engine, with these headers of the user.
    pub(super) fn new_engine(&mut self, headers: Vec<(HeaderName, HeaderValue)>) {
        let engine_headers = EngineHeaders {
            engine: None,
            headers: headers.into(),
            cookies: self.http.new_engine(),
        };
        let retired = std::mem::replace(&mut self.engine_headers, engine_headers);
        if retired.engine.is_some() {
            push(&mut self.retired, retired);
        }
    }

    /// An engine asks for nothing more. Its requests in flight go on, as they do in the reference
    /// client.
    pub(super) fn engine_ended(&mut self, engine: EngineId) {
        self.retired
            .retain(|retired| retired.engine != Some(engine));
        if self.engine_headers.engine == Some(engine) {
            self.engine_headers.engine = None;
        }
    }

    fn engine_headers(&mut self, engine: EngineId) -> (&mut Http, &EngineHeaders) {
        let retired = self
            .retired
            .iter()
            .find(|retired| retired.engine == Some(engine));
        let engine_headers = retired.unwrap_or_else(|| {
            self.engine_headers.engine = Some(engine);
            &self.engine_headers
        });
        (&mut self.http, engine_headers)
    }

    pub(super) fn request(&mut self, request: protocol::Request) {
        let is_post = request.method == protocol::Method::Post;
        let path_and_query = format!("{}?{}", self.path, request.query);
        let (http, engine_headers) = self.engine_headers(request.id.engine());
        let asked = transport::Request {
            method: match request.method {
                protocol::Method::Get => transport::Method::Get,
                protocol::Method::Post => transport::Method::Post,
            },
            path_and_query,
            body: request.body,
            opens: request.opening,
            octet_stream: request.octet_stream,
            headers: &engine_headers.headers,
        };
        let exchange = http.request(asked, &engine_headers.cookies);
        push(
            &mut self.requests,
            InFlight {
                id: request.id,
                exchange,
                opening: request.opening,
                is_post,
                finned: false,
            },
        );
        push(&mut self.fresh, Fresh::Request(request.id));
        self.news = true;
    }

    pub(super) fn open_websocket(&mut self, id: WebSocketId, query: &str, probe: bool) {
        let path_and_query = format!("{}?{query}", self.path);
        let (http, engine_headers) = self.engine_headers(id.engine());
        let handshake = http.open_websocket(
            &path_and_query,
            &engine_headers.headers,
            &engine_headers.cookies,
        );
        push(
            &mut self.handshakes,
            Opening {
                id,
                handshake,
                probe,
            },
        );
        push(&mut self.fresh, Fresh::Handshake(id));
        self.news = true;
    }

    pub(super) fn send(&mut self, id: WebSocketId, frame: Frame) {
        let frame = match frame {
            Frame::Text(text) => transport::Frame::Text(text),
            Frame::Binary(data) => transport::Frame::Binary(data),
        };
        if let Some(open) = self.sockets.iter_mut().find(|open| open.id == id) {
            // If it fails the socket is broken, and the next read says how.
            let _ = open.socket.start_send(frame);
            open.flushed = false;
            self.news = true;
        }
    }

    pub(super) fn close_websocket(&mut self, id: WebSocketId, now: Instant) {
        if let Some(open) = self.sockets.iter_mut().find(|open| open.id == id) {
            let _ = open.socket.start_close(None);
            open.flushed = false;
            open.state = SocketState::Closing {
                until: now + CLOSE_LIMIT,
            };
            self.news = true;
        }
    }

    pub(super) fn abandon_websocket(&mut self, id: WebSocketId) {
        self.handshakes.retain(|opening| opening.id != id);
        self.sockets.retain(|open| open.id != id);
    }

    // How they stand.

    /// Whether something was begun or sent since the last [`Connections::poll_next`].
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// Whether everything that was sent is out: what is left are polls that nobody waits for.
    pub(super) fn is_quiet(&self) -> bool {
        self.sockets.is_empty()
            && self.handshakes.is_empty()
            && !self.requests.iter().any(|request| request.is_post)
    }

    /// When a connection that was closed is let go.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let limits = self.sockets.iter().map(|open| open.state.until());
        limits.flatten().min()
    }

    // What arrives.

    /// The next arrival; without one, the task of `cx` is woken by the next.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        self.news = false;
        if let Some(arrival) = self.broken.pop_front() {
            return Poll::Ready(arrival);
        }
        if let Some(arrival) = self.poll_fresh(cx) {
            return Poll::Ready(arrival);
        }
        if let Some(arrival) = self.poll_sockets(cx) {
            return Poll::Ready(arrival);
        }
        if let Some(arrival) = self.poll_requests(cx) {
            return Poll::Ready(arrival);
        }
        if let Some(arrival) = self.poll_handshakes(cx) {
            return Poll::Ready(arrival);
        }
        if let Some(arrival) = self.poll_step(cx) {
            return Poll::Ready(arrival);
        }
        self.http.poll_idle(cx);
        Poll::Pending
    }

    /// Begins what was asked for in that order: it connects when it is polled, and the server sees
    /// the order.
    fn poll_fresh(&mut self, cx: &mut Context<'_>) -> Option<Arrival> {
        std::mem::take(&mut self.fresh)
            .into_iter()
            .find_map(|fresh| match fresh {
                Fresh::Request(id) => {
                    let place = self.requests.iter().position(|other| other.id == id)?;
                    self.poll_request(place, cx)
                }
                Fresh::Handshake(id) => {
                    let place = self.handshakes.iter().position(|other| other.id == id)?;
                    self.poll_handshake(place, cx)
                }
            })
    }

    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> Option<Arrival> {
        let (mut place, mut discarded) = (0, 0);
        while let Some(open) = self.sockets.get_mut(place) {
            if !open.flushed {
                // An error shows at the next read.
                open.flushed = open.socket.poll_flush(cx).is_ready();
            }
            let state = open.state;
            match open.socket.poll_next(cx) {
                Poll::Ready(Ok(frame)) if state.is_of_interest() => {
                    let (id, frame) = (open.id, received(frame));
                    return Some(Arrival::Frame { id, frame });
                }
                // More may be behind it, and without end: others get their turn between.
                Poll::Ready(Ok(_)) => {
                    discarded += 1;
                    if discarded == DISCARDED_BATCH {
                        cx.waker().wake_by_ref();
                        let is_over = state.until().is_some_and(|until| until <= clock::now());
                        if is_over {
                            self.sockets.swap_remove(place);
                        }
                        return None;
                    }
                }
                Poll::Ready(Err(end)) => {
                    let open = self.sockets.swap_remove(place);
                    if state.is_of_interest() {
                        let (id, end) = (open.id, ended(end, state.is_fault_closing()));
                        return Some(Arrival::WebSocketEnded { id, end });
                    }
                }
                Poll::Pending => {
                    if open.socket.is_closed_by_peer() {
                        open.state.leave(clock::now() + CLOSE_LIMIT);
                    }
                    let until = open.state.until();
                    if until.is_none_or(|until| until > clock::now()) {
                        place += 1;
                        continue;
                    }
                    let open = self.sockets.swap_remove(place);
                    if state.is_of_interest() {
                        let end = if open.socket.is_closed_by_peer() {
                            ended(open.socket.give_up(), state.is_fault_closing())
                        } else {
                            WebSocketEnd::Dropped(own_close(None))
                        };
                        return Some(Arrival::WebSocketEnded { id: open.id, end });
                    }
                }
            }
        }
        None
    }

    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Option<Arrival> {
        (0..self.requests.len()).find_map(|place| self.poll_request(place, cx))
    }

    fn poll_request(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Arrival> {
        let Poll::Ready(end) = self.requests[place].exchange.poll(cx) else {
            return None;
        };
        let request = self.requests.swap_remove(place);
        let id = request.id;
        let dialed = end.timings.filter(|_| request.opening);
        self.http.finish(request.exchange);
        Some(match end.result {
            Ok(response) => Arrival::Response {
                id,
                status: response.status,
                body: response.body,
                note: response.note,
                dialed,
            },
            Err(failure) => Arrival::RequestFailed {
                id,
                failure: blamed(failure, request.finned),
                dialed,
            },
        })
    }

    fn poll_handshakes(&mut self, cx: &mut Context<'_>) -> Option<Arrival> {
        (0..self.handshakes.len()).find_map(|place| self.poll_handshake(place, cx))
    }

    fn poll_handshake(&mut self, place: usize, cx: &mut Context<'_>) -> Option<Arrival> {
        let Poll::Ready(end) = self.handshakes[place].handshake.poll(cx) else {
            return None;
        };
        let Opening { id, probe, .. } = self.handshakes.swap_remove(place);
        let dialed = end.timings.filter(|_| !probe);
        let socket = match end.result {
            Ok(socket) => socket,
            Err(failure) => {
                return Some(Arrival::WebSocketRefused {
                    id,
                    failure,
                    dialed,
                });
            }
        };
        let open = OpenSocket {
            id,
            socket,
            flushed: true,
            state: SocketState::Open,
        };
        push(&mut self.sockets, open);
        self.news = true;
        Some(Arrival::WebSocketOpen { id, dialed })
    }
}

/// Grows by one: `Vec` alone would make room for four at once, and most clients never need two.
fn push<T>(list: &mut Vec<T>, item: T) {
    list.reserve_exact(1);
    list.push(item);
}

fn received(frame: transport::Frame) -> Frame {
    match frame {
        transport::Frame::Text(text) => Frame::Text(text),
        transport::Frame::Binary(data) => Frame::Binary(data),
    }
}

fn ended(end: transport::WebSocketEnd, on_purpose: bool) -> WebSocketEnd {
    match end {
        transport::WebSocketEnd::Closed { code } if on_purpose => {
            WebSocketEnd::Dropped(own_close(code))
        }
        transport::WebSocketEnd::Closed { code } => WebSocketEnd::Closed { code },
        transport::WebSocketEnd::Lost(failure) => {
            WebSocketEnd::Dropped(blamed(failure, on_purpose))
        }
        transport::WebSocketEnd::Failed(failure) => WebSocketEnd::Failed(failure),
    }
}

/// What the scenario did on purpose is nobody else's failure.
fn blamed(mut failure: Failure, on_purpose: bool) -> Failure {
    if on_purpose {
        failure.origin = Origin::Scenario;
    }
    failure
}

/// The end of a WebSocket that a fault of the scenario has closed.
fn own_close(code: Option<u16>) -> Failure {
    Failure {
        status: code,
        ..Failure::new(Stage::Session, Cause::ConnectionClosed, Origin::Scenario)
    }
}
