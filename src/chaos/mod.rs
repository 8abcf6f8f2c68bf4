//! What goes wrong on purpose: the schedule of faults, and the controller that carries out those
//! that touch servers.
//!
//! A plan's chaos entries come in, [`schedule::Application`]s come out; faults at clients go on as
//! commands to their drivers. Nothing here speaks the protocol.

pub mod controller;
pub mod schedule;
