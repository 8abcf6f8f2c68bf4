//! Scenarios of other tools as scenarios of sio-load.
//!
//! A file's text comes in; a scenario's text goes out, and a note for each line that has no
//! counterpart. Nothing is read or written here, and no load begins.

mod artillery;
mod flow;
mod values;
mod yaml;

pub use artillery::artillery;
pub use yaml::YamlError;

/// A converted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The scenario, as TOML.
    pub scenario: String,
    /// What was left out or changed, in the order of the file.
    pub notes: Vec<Note>,
}

/// Something that has no counterpart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// From 1.
    pub line: usize,
    /// What it is, and what to do instead.
    pub text: String,
}
