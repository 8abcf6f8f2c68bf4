//! Everything that is tested from outside, against real servers where there is one.

mod architecture;
mod chaos;
mod cli;
mod distributed;
mod doctor;
mod harness;
mod live;
mod results;
mod results_docs;
mod run;
mod scenario;
mod servers;
mod wire;
