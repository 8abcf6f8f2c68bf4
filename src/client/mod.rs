//! One virtual client: a specification comes in, events go out to an observer.
//!
//! [`driver`] is the only loop: it feeds the protocol with what its transports bring and carries out
//! what the protocol asks for; [`lifecycle`] and [`behaviour`] are pure. No client knows another.

pub mod behaviour;
pub mod blueprint;
pub mod command;
mod connections;
pub mod driver;
mod fault;
pub mod lifecycle;
mod message;
mod secrets;
mod shutdown;
mod stamp;
mod steps;
pub mod timer;
pub mod wire_log;
