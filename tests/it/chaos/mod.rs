//! Faults against real servers: what clients felt, what servers saw, and that all is undone.

mod client;
mod observed;
mod path;
mod schedule;
mod server;
mod shipped;
mod storm;
mod story;
mod stubborn;
mod sweep;
mod tls;
mod toxiproxy;
