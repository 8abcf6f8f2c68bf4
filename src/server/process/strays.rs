//! Processes that a server has started outside its process group, by `setsid` for one.
//!
//! They are found by a variable that the server's environment has and that every descendant
//! inherits, since neither group nor parent still lead to them.

use std::fmt;

/// The variable that marks a server's descendants.
pub(super) const VARIABLE: &str = "SIO_LOAD_RUN_SERVER";

/// A process that left its server's group and was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its process id.
    pub pid: i32,
    /// Its name, as the system has it.
    pub name: String,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

/// Ends all processes that are marked by `mark`, and names them.
#[cfg(target_os = "linux")]
pub(super) fn end(mark: &str) -> Vec<Stray> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let strays = find(mark);
    for stray in &strays {
        // Whoever has ended meanwhile needs no more.
        let _ = kill(Pid::from_raw(stray.pid), Signal::SIGKILL);
    }
    strays
}

/// Other systems show nobody the environment of a process.
#[cfg(not(target_os = "linux"))]
pub(super) fn end(_mark: &str) -> Vec<Stray> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn find(mark: &str) -> Vec<Stray> {
    let wanted = format!("{VARIABLE}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let stray = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        // Empty for zombies, and closed for processes of others.
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find(|variable| *variable == wanted.as_bytes())?;
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        let name = name.trim_end().to_owned();
        Some(Stray { pid, name })
    };
    processes.flatten().filter_map(stray).collect()
}
