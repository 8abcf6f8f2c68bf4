//! What a server or proxy of the run's own could not do because this machine is short of something.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;

/// How often descriptors, ports or memory were missing; clones count together.
///
/// What clients then meet (a 502, a closed or slow connection) looks like a server's failure, and is
/// the generator's own.
#[derive(Debug, Clone, Default)]
pub struct Shortage(Arc<AtomicU64>);

impl Shortage {
    /// Counts an error if it is this machine's, not a peer's.
    pub fn note(&self, error: &io::Error) {
        let is_own = matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(
                Errno::EMFILE
                    | Errno::ENFILE
                    | Errno::ENOBUFS
                    | Errno::ENOMEM
                    | Errno::EADDRNOTAVAIL
                    | Errno::EADDRINUSE
            )
        );
        if is_own {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_does_is_no_shortage() {
        let shortage = Shortage::default();
        let clone = shortage.clone();
        for errno in [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::EMFILE] {
            clone.note(&io::Error::from_raw_os_error(errno as i32));
        }
        clone.note(&io::Error::other("made up"));
        assert_eq!(shortage.count(), 1);
    }
}
