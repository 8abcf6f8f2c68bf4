//! sio-load: a load and chaos tester for Socket.IO.
//!
//! A scenario becomes a plan; a plan becomes clients; what happens to clients becomes numbers; and
//! numbers become results. docs/ARCHITECTURE.md walks one client, one measurement and one fault
//! through these modules, which stand here in reading order.

// Values that everything may use.
pub mod catalogue;
pub mod clock;
pub mod diagnostic;
pub mod event;
pub mod fault;
pub mod http1;
mod keys;
pub mod limits;
mod printable;
pub mod seed;
pub mod trace;
pub mod units;
mod word;
// What should happen.
pub mod scenario;
// A client's life.
pub mod client;
pub mod protocol;
pub mod transport;
pub mod workload;
// What goes wrong on purpose.
pub mod chaos;
// A measurement's life.
pub mod gate;
pub mod metrics;
pub mod report;
pub mod results;
// The servers that a run starts, and what is read of them.
pub mod server;
pub mod watch;
// Scenarios of other tools.
pub mod import;
// Wires and fronts.
pub mod capacity;
pub mod cli;
pub mod distributed;
pub mod doctor;
pub mod run;
