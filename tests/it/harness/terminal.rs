use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::pty::{Winsize, openpty};

/// A terminal that a program writes to, and all that it has written.
#[derive(Debug)]
pub(super) struct Terminal {
    written: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Opens one of so many columns; the other side is for the program.
    pub(super) fn open(columns: u16) -> (Self, OwnedFd) {
        let size = Winsize {
            ws_row: 50,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).expect("a pseudo terminal");
        let written = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let written = Arc::clone(&written);
            move || collect(File::from(pair.master), &written)
        });
        (Self { written, reader }, pair.slave)
    }

    /// What has been written so far, without colours and movements of the cursor.
    pub(super) fn text(&self) -> String {
        let written = self.written.lock().expect("a reader that does not panic");
        anstream::adapter::strip_str(&String::from_utf8_lossy(&written)).to_string()
    }

    /// All that was written, as it was; call it when the program has ended.
    pub(super) fn finish(self) -> String {
        self.reader.join().expect("a reader that does not panic");
        let written = self.written.lock().expect("a reader that does not panic");
        String::from_utf8_lossy(&written).into_owned()
    }
}

/// Until nobody holds the other side any more, which Linux reports as an error.
fn collect(mut master: File, written: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        let mut written = written.lock().expect("nobody panics with this lock");
        written.extend_from_slice(&buffer[..length]);
    }
}
