//! Everything that is tested from outside, against real servers where there is one.

mod architecture;
<<<<<<< HEAD
mod chaos;
mod doctor;
=======
mod cli;
>>>>>>> 16e34c9 (tests: the command line, and runs from outside)
mod harness;
mod live;
mod results;
mod results_docs;
mod run;
mod scenario;
mod servers;
mod wire;
