//! The client's side of Engine.IO and Socket.IO, without I/O, clock or tasks.
//!
//! What arrived and the time come in; what to send, what happened and when to be woken go out.
//! Nothing here reads a clock, touches a socket or knows an async runtime.

mod connection;
pub mod engine_io;
mod frame;
mod revision;
pub mod socket_io;

pub(crate) use connection::Backoff;
pub use connection::{
    AckRequest, Answer, Config, Connection, Emit, Emitted, EngineId, Event, Method, Received,
    ReconnectionConfig, Request, RequestId, Transmit, UnansweredAck, WebSocketId,
};
pub use frame::{Frame, WebSocketEnd};
pub use socket_io::encode::escape_name;
