//! Socket.IO on the wire: packets, binary attachments, and what the server's replies say.
//!
//! Engine.IO messages come in and packets go out, or the reverse. JSON is checked and taken apart
//! by position, never decoded: what JavaScript can say in it, a lone surrogate say, survives.

pub mod decoder;
pub mod encode;
mod json;
pub mod msgpack;
pub mod packet;
mod placeholder;
pub mod reply;
