//! What a person sees while a run goes on.
//!
//! The run's figures come in a few times a second, a bar and a line of figures go to standard
//! error, notices above them. Without a terminal there is no bar, and notices are plain lines.
//! Nothing here looks at a clock: time comes with the figures.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::number;
use super::terminal::{cut, wrap};
use crate::printable::printable;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
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
    /// Clients connected at the end of the last second.
    pub connected: u64,
    /// Clients that should have been connected then.
    pub asked: u64,
    /// Engine.IO handshakes begun in the last second.
    pub handshakes_per_s: u64,
    /// Failures so far, of all kinds.
    pub errors: u64,
    /// Where the scenario's faults stand.
    pub fault: FaultState,
}

/// Where the scenario's faults stand; they are described with their name first, for the end is cut
/// off on a narrow terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultState {
    /// The scenario has none.
    None,
    /// One is under way; the latest if there are several.
    UnderWay(String),
    /// None is under way, this one comes next.
    Next {
        /// From now.
        within: Duration,
        /// Which.
        fault: String,
    },
    /// The last one is over.
    Over,
}

impl fmt::Display for FaultState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::UnderWay(fault) => write!(f, "fault under way: {fault}"),
            Self::Next { within, fault } => {
                write!(f, "next fault in {}: {fault}", number::stopwatch(*within))
            }
            Self::Over => f.write_str("no fault is left"),
        }
    }
}

impl ProgressState {
    /// The lines below the bar, none wider than `width`.
    fn figures(&self, width: usize) -> String {
        let figures = format!(
            "{}/{} connected · {} handshakes/s · {}",
            number::count(self.connected),
            number::count(self.asked),
            number::count(self.handshakes_per_s),
            number::counted(self.errors, "error"),
        );
        let figures = cut(&figures, width);
        if self.fault == FaultState::None {
            return figures;
        }
        format!(
            "{figures}\n{}",
            cut(&printable(&self.fault.to_string()), width)
        )
    }
}

/// What stands before the bar: always as wide, so that the bar stays where it is.
fn caption(stage: &str, left: Duration) -> String {
    format!("{stage:<8} {:>7} left", number::stopwatch(left))
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
    #[expect(
        clippy::disallowed_methods,
        reason = "whether standard error is a terminal"
    )]
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
        }
    }

    /// Says what is done before the load begins.
    pub fn starting(&self, what: &str) {
        self.bar.set_prefix(caption("starting", self.duration));
        self.bar.set_message(cut(&printable(what), columns()));
    }

    /// Shows new figures.
    pub fn update(&self, state: &ProgressState) {
        let left = self.duration.saturating_sub(state.elapsed);
        self.bar.set_prefix(caption(&state.stage.to_string(), left));
        self.bar.set_message(state.figures(columns()));
        self.bar
            .set_position(milliseconds(state.elapsed.min(self.duration)));
    }

    /// Says something that happened at that time of the run: above the bar, or as a plain line.
    pub fn notice(&self, at: Duration, text: &str) {
        let lead = format!("{:>7}  ", number::stopwatch(at));
        let text = &printable(text);
        match self.display {
            Display::Live { .. } => self.bar.println(hanging(&lead, text, columns())),
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
        "{prefix:.bold} {wide_bar:.green/dim}\n{msg}"
    } else {
        "{prefix} {wide_bar}\n{msg}"
    };
    ProgressStyle::with_template(template)
        .expect("the template is well-formed")
        .progress_chars("━╸─")
}

/// The terminal's width now: it may change during a run.
fn columns() -> usize {
    usize::from(Term::stderr().size().1)
}

/// Text after a lead, wrapped to `width` with the lead's width as indent.
fn hanging(lead: &str, text: &str, width: usize) -> String {
    let indent = " ".repeat(lead.len());
    let room = width.saturating_sub(lead.len()).max(20);
    format!("{lead}{}", wrap(text, room).join(&format!("\n{indent}")))
}

/// Standard error may be gone; a run does not end for that.
#[expect(
    clippy::disallowed_methods,
    reason = "the display is on standard error"
)]
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
            fault: FaultState::None,
        }
    }

    #[test]
    fn the_caption_is_as_wide_in_every_stage() {
        let stages = [RunStage::Arriving, RunStage::Holding, RunStage::Draining];
        for stage in stages.map(|stage| stage.to_string()) {
            for seconds in [0, 45, 4000] {
                let caption = caption(&stage, Duration::from_secs(seconds));
                assert_eq!(caption.len(), 21, "{caption:?}");
            }
        }
        assert_eq!(caption("starting", Duration::ZERO).len(), 21);
    }

    #[test]
    fn figures_stand_below_the_bar_and_faults_below_them() {
        let mut state = state();
        let figures = "998/1,000 connected · 512 handshakes/s · 1 error";
        assert_eq!(state.figures(80), figures);
        let restart = "server_restart (SIGKILL, down 3s)".to_owned();
        state.fault = FaultState::UnderWay(restart.clone());
        assert_eq!(
            state.figures(80),
            format!("{figures}\nfault under way: server_restart (SIGKILL, down 3s)")
        );
        state.fault = FaultState::Next {
            within: Duration::from_secs(7),
            fault: restart,
        };
        assert!(
            state
                .figures(80)
                .ends_with("\nnext fault in 0:07: server_restart (SIGKILL, down 3s)")
        );
        state.fault = FaultState::Over;
        assert_eq!(state.figures(80), format!("{figures}\nno fault is left"));
    }

    #[test]
    fn no_line_of_figures_is_wider_than_the_terminal() {
        let mut state = state();
        state.fault = FaultState::UnderWay("server_restart (SIGKILL, down 3s)".to_owned());
        assert_eq!(
            state.figures(30),
            "998/1,000 connected · 512 han…\nfault under way: server_resta…"
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
        progress.notice(Duration::ZERO, "nobody sees this");
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
                let at = state.elapsed;
                progress.notice(at, "fault applied: server_restart (SIGKILL, down 3s)");
                progress.notice(
                    at,
                    "first error connection_refused (tcp, by the network): Nothing listens at \
                     this address and port: the server is down or still starting, or the URL \
                     names another port.",
                );
            }
            if (15..30).contains(&tick) {
                state.fault = FaultState::UnderWay("server_restart (SIGKILL, down 3s)".to_owned());
            }
            progress.update(&state);
            std::thread::sleep(Duration::from_millis(200));
        }
        progress.finish();
    }
}
