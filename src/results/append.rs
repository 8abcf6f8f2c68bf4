use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// The most that is held back while a disk takes nothing, in bytes.
const HELD_BACK: usize = 8 << 20;

/// A file that grows by whole records, and keeps those that the disk does not take for later.
#[derive(Debug)]
pub(super) struct Appender {
    file: File,
    written: u64,
    waiting: Vec<u8>,
}

impl Appender {
    /// A new file; one that exists is never touched.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        Ok(Self::new(file))
    }

    fn new(file: File) -> Self {
        Self {
            file,
            written: 0,
            waiting: Vec::new(),
        }
    }

    /// Appends records, those that wait before them.
    ///
    /// When it fails the file ends in a whole record all the same, and the records wait for the
    /// next call, unless too many do already.
    pub(super) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if self.waiting.len() + records.len() <= HELD_BACK {
            self.waiting.extend_from_slice(records);
        }
        self.flush()
    }

    /// Tries once more to write what waits, and has the disk confirm it all.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_data()
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Err(error) = self.file.write_all(&self.waiting) {
            // Half a record may have gone out; if it cannot be taken back, readers skip it.
            let _ = self.file.set_len(self.written);
            return Err(error);
        }
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
impl Appender {
    /// A file on a disk that is full.
    pub(super) fn on_full_disk() -> Self {
        let file = File::options().append(true).open("/dev/full");
        Self::new(file.expect("Linux has /dev/full"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_a_full_disk_refused_are_written_once_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timeline.csv");
        let mut appender = Appender::create(&path).unwrap();
        appender.append(b"one\n").unwrap();
        let good = std::mem::replace(&mut appender.file, Appender::on_full_disk().file);
        assert!(appender.append(b"two\n").is_err());
        appender.file = good;
        appender.append(b"three\n").unwrap();
        appender.finish().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn what_waits_for_a_full_disk_is_bounded() {
        let mut appender = Appender::on_full_disk();
        for _ in 0..20 {
            assert!(appender.append(&vec![b'x'; 1 << 20]).is_err());
        }
        assert!(appender.waiting.len() <= HELD_BACK);
    }
}
