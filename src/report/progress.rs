//! What a person sees while a run goes on.
//!
//! The run's figures come in a few times a second, a bar and a line of figures go to standard
//! error, notices above them. Without a terminal there is no bar, and notices are plain lines.
//! Nothing here looks at a clock: time comes with the figures.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::number;
use super::terminal::wrap;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
    /// Waiting for the server that the run started.
    Starting,
    /// Clients are still coming.
    Arriving,
    /// All clients are there.
    Holding,
    /// Clients leave.
    Draining,
}

impl fmt::Display for RunStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Arriving => "arriving",
            Self::Holding => "holding",
            Self::Draining => "draining",
        })
    }
}

/// A run's figures at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressState {
    /// What the run is doing.
    pub stage: RunStage,
    /// Since the start of the load.
    pub elapsed: Duration,
    /// Clients connected now.
    pub connected: u64,
    /// Clients that should be connected now.
    pub asked: u64,
    /// Engine.IO handshakes begun in the last second.
    pub handshakes_per_s: u64,
    /// Failures so far, of all kinds.
    pub errors: u64,
    /// The fault under way: its name first, for the end is cut off on a narrow terminal.
    pub fault: Option<String>,
}

impl ProgressState {
    /// The line below the bar; what matters least stands last, where a narrow terminal cuts it.
    fn figures(&self) -> String {
        let mut facts = vec![
            format!(
                "{}/{} connected",
                number::count(self.connected),
                number::count(self.asked)
            ),
            format!("{} handshakes/s", number::count(self.handshakes_per_s)),
            number::counted(self.errors, "error"),
        ];
        facts.extend(self.fault.clone());
        facts.join(" · ")
    }

    /// What stands before the bar: always as wide, so that the bar stays where it is.
    fn caption(&self, duration: Duration) -> String {
        let stage = if self.fault.is_some() && self.stage != RunStage::Draining {
            "fault".to_owned()
        } else {
            self.stage.to_string()
        };
        let left = number::stopwatch(duration.saturating_sub(self.elapsed));
        format!("{stage:<8} {left:>7} left")
    }
}

/// Where the display goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// A bar that moves, with notices above it.
    Live {
        /// Whether to colour it.
        color: bool,
    },
    /// Notices alone, as plain lines.
    Notices,
    /// Nothing at all.
    Silent,
}

impl Display {
    /// The display that fits standard error: nothing if `quiet`, and a bar on a terminal alone.
    #[must_use]
    pub fn detect(quiet: bool, color: bool) -> Self {
        if quiet {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Live { color }
        } else {
            Self::Notices
        }
    }
}

/// The live display of one run, on standard error; it is taken away when dropped.
#[derive(Debug)]
pub struct Progress {
    display: Display,
    duration: Duration,
    bar: ProgressBar,
    elapsed_ms: AtomicU64,
}

impl Progress {
    /// A display for a run of this duration; nothing is drawn before the first figures.
    #[must_use]
    pub fn new(display: Display, duration: Duration) -> Self {
        let bar = match display {
            Display::Live { color } => ProgressBar::with_draw_target(
                Some(milliseconds(duration)),
                ProgressDrawTarget::stderr(),
            )
            .with_style(style(color)),
            Display::Notices | Display::Silent => ProgressBar::hidden(),
        };
        Self {
            display,
            duration,
            bar,
            elapsed_ms: AtomicU64::new(0),
        }
    }

    /// Shows new figures.
    pub fn update(&self, state: &ProgressState) {
        let elapsed_ms = milliseconds(state.elapsed);
        self.elapsed_ms.store(elapsed_ms, Ordering::Relaxed);
        self.bar.set_prefix(state.caption(self.duration));
        self.bar.set_message(state.figures());
        self.bar
            .set_position(elapsed_ms.min(milliseconds(self.duration)));
    }

    /// Says something once, with the time of the run: above the bar, or as a plain line.
    pub fn notice(&self, text: &str) {
        let elapsed = Duration::from_millis(self.elapsed_ms.load(Ordering::Relaxed));
        let lead = format!("{:>7}  ", number::stopwatch(elapsed));
        match self.display {
            Display::Live { .. } => {
                let width = usize::from(Term::stderr().size().1);
                self.bar.println(hanging(&lead, text, width));
            }
            // A log is searched line by line: it gets the whole notice in one.
            Display::Notices => print(&hanging(&lead, text, usize::MAX)),
            Display::Silent => {}
        }
    }

    /// Takes the display away; notices stay.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(color: bool) -> ProgressStyle {
    let template = if color {
        "{prefix:.bold} {wide_bar:.green/dim}\n{wide_msg}"
    } else {
        "{prefix} {wide_bar}\n{wide_msg}"
    };
    ProgressStyle::with_template(template)
        .expect("the template is well-formed")
        .progress_chars("━╸─")
}

/// Text after a lead, wrapped to `width` with the lead's width as indent.
fn hanging(lead: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(lead.len());
    let room = width.saturating_sub(lead.len()).max(20);
    format!("{lead}{}", wrap(text, room).join(&format!("\n{indent}")))
}

/// Standard error may be gone; a run does not end for that.
fn print(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ProgressState {
        ProgressState {
            stage: RunStage::Holding,
            elapsed: Duration::from_millis(17_800),
            connected: 998,
            asked: 1_000,
            handshakes_per_s: 512,
            errors: 1,
            fault: None,
        }
    }

    #[test]
    fn the_caption_is_as_wide_in_every_stage() {
        let mut state = state();
        for stage in [
            RunStage::Starting,
            RunStage::Arriving,
            RunStage::Holding,
            RunStage::Draining,
        ] {
            state.stage = stage;
            for seconds in [0, 45, 4000] {
                let caption = state.caption(Duration::from_secs(seconds));
                assert_eq!(caption.len(), 21, "{caption:?}");
            }
        }
    }

    #[test]
    fn figures_and_fault_are_named() {
        let mut state = state();
        assert_eq!(
            state.figures(),
            "998/1,000 connected · 512 handshakes/s · 1 error"
        );
        state.fault = Some("server_restart (SIGKILL, down 3s)".to_owned());
        assert!(
            state
                .figures()
                .ends_with(" · server_restart (SIGKILL, down 3s)")
        );
        assert_eq!(
            state.caption(Duration::from_secs(45)),
            "fault       0:27 left"
        );
    }

    #[test]
    fn a_long_notice_hangs_below_its_time() {
        assert_eq!(
            hanging("   0:15  ", "one two three four five", 31),
            "   0:15  one two three four\n         five"
        );
        let words = "word ".repeat(200);
        assert_eq!(hanging("", &words, usize::MAX).lines().count(), 1);
    }

    #[test]
    fn without_a_terminal_there_is_no_bar() {
        let progress = Progress::new(Display::Silent, Duration::from_secs(45));
        progress.update(&state());
        progress.notice("nobody sees this");
        assert!(progress.bar.is_hidden());
    }

    /// Not an assertion but something to look at, on a terminal:
    /// `cargo test --lib report::progress -- --ignored --nocapture`.
    #[test]
    #[ignore = "draws on the terminal for a person to look at"]
    fn a_person_looks_at_it() {
        let duration = Duration::from_secs(8);
        let progress = Progress::new(Display::Live { color: true }, duration);
        for tick in 0..40 {
            let mut state = state();
            state.elapsed = Duration::from_millis(tick * 200);
            state.connected = tick * 25;
            if tick < 10 {
                state.stage = RunStage::Arriving;
            }
            if tick == 15 {
                progress.notice("fault applied: server_restart (SIGKILL, down 3s)");
                progress.notice(
                    "first error connection_refused (tcp, by the network): Nothing listens at \
                     this address and port: the server is down or still starting, or the URL \
                     names another port.",
                );
            }
            if (15..30).contains(&tick) {
                state.fault = Some("server_restart (SIGKILL, down 3s)".to_owned());
            }
            progress.update(&state);
            std::thread::sleep(Duration::from_millis(200));
        }
        progress.finish();
    }
}
