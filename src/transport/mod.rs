//! Requests and frames in, responses, frames and failures out: how bytes travel, over TCP
//! connections that belong to one virtual client each.
//!
//! What comes in: a population's shared [`Settings`], then requests and frames of its clients.
//! What goes out: answers, or a [`Failure`](crate::event::Failure) told from errno, TLS error or
//! HTTP status. What never happens here: deciding what to say or when, retrying (but for the one
//! retry that browsers make), or sharing a connection between clients.
//!
//! Everything is single-threaded: `Rc` throughout, and every future is polled by the client that
//! owns it. Dropping a future is always safe and closes its connection.

mod budget;
mod dialer;
mod failure;
mod link_conditions;
mod polling;
mod settings;
mod socket;
mod websocket;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use dialer::{CertificateFacts, DialSettings, Dialed, Dialer, Timings, TransportError};
pub(crate) use failure::from_http;
pub use failure::{answers_in_tls, from_io, from_refusal, wants_tls};
pub use link_conditions::{Conditions, LinkConditions};
pub use polling::{
    ApplicationRequest, Cookies, Exchange, ExchangeEnd, Http, Method, Request, Response,
};
pub use settings::{HttpConfig, Settings};
pub use socket::{ByteMeter, Stream, Tcp};
pub use websocket::{
    COMPRESSION_OFFER, Frame, HandshakeEnd, WebSocket, WebSocketEnd, WebSocketHandshake,
};
