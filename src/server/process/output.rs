use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::ProcessError;

/// How much of a server's last words a message shows.
const TAIL_LINES: usize = 15;
const TAIL_BYTES: u64 = 8 * 1024;

/// The file that a server's output goes to, over all its restarts.
///
/// The process writes to it by itself: copying it would cost the generator time.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    /// Where the output of the present process begins.
    start: u64,
}

impl Output {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, start: 0 }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For standard output and error alike: appending, so that their lines don't overwrite each
    /// other's.
    pub(super) fn writer(&self) -> Result<File, ProcessError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|source| self.error(source))
    }

    /// A new process begins to write.
    pub(super) fn mark(&mut self) -> Result<(), ProcessError> {
        self.start = self
            .path
            .metadata()
            .map_err(|source| self.error(source))?
            .len();
        Ok(())
    }

    /// The last lines of the present process, or nothing if they cannot be read.
    pub(super) fn tail(&self) -> String {
        self.read_tail().unwrap_or_default()
    }

    fn read_tail(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        let start = self.start.max(end.saturating_sub(TAIL_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
    }

    fn error(&self, source: io::Error) -> ProcessError {
        ProcessError::Output {
            path: self.path.clone(),
            source,
        }
    }
}
