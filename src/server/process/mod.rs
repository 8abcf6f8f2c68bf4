//! Child processes that serve Socket.IO for a run.
//!
//! A [`ServerProgram`] and a port come in; out comes a process that has answered an Engine.IO
//! handshake, that can be signalled, awaited and started again on its port. Its whole process
//! group ends with its [`ServerProcess`], and with this process however it ends; it never writes to
//! the terminal.

mod any_certificate;
mod launch;
mod output;
mod port;
mod readiness;
mod strays;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::signal::Signal as SystemSignal;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use super::group::ProcessGroup;
use super::guardian::{Guardian, GuardianError};
use crate::clock;
use crate::fault::process::Signal;
use crate::scenario::plan::ServerProgram;

pub use launch::Launch;
pub use port::free_ports;
pub use readiness::Readiness;
pub use strays::Stray;

use output::Output;

/// One instance of a server, started by the run.
///
/// The process leads a group of its own, so that signals reach what it starts in its turn (`npm
/// start` and its node), and a Ctrl-C in the terminal does not reach it before the run has dealt
/// with it. Dropping it kills the group.
///
/// ```text
///   start ──► Running ──exit noticed──► Exited ──restart──► Running
/// ```
///
/// Lives on a tokio runtime with I/O and time enabled.
#[derive(Debug)]
pub struct ServerProcess {
    launch: Launch,
    readiness: Readiness,
    output: Output,
    guardian: Option<Guardian>,
    /// How often it has become ready.
    starts: watch::Sender<u32>,
    state: State,
    /// The value of [`strays::VARIABLE`] in its environment.
    mark: String,
    /// What it had started outside its process group, as far as that has been ended.
    strays: Vec<Stray>,
}

/// The end of a process.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Whether it had to be killed, since it did not end by its signal in time.
    pub was_killed: bool,
}

#[derive(Debug)]
enum State {
    /// Not known to have ended.
    Running {
        child: Box<Child>,
        group: ProcessGroup,
        /// The pipe by which the embedded server notices the end of the run. Apart from the child,
        /// which would close it as soon as it is awaited.
        _lifeline: Option<ChildStdin>,
    },
    /// Reaped, and its group killed.
    Exited(ExitStatus),
}

/// Why a server could not be started, signalled or awaited.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// `command` is empty.
    #[error("the server's command is empty")]
    NoProgram,
    /// The program cannot be executed.
    #[error("cannot start the server {program:?}")]
    Spawn {
        /// As the scenario names it.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The log of its output cannot be written or read.
    #[error("cannot use the server's log {}", path.display())]
    Output {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it answered a handshake.
    #[error(
        "the server {program:?} ended before it was ready: {status}{}",
        said(log, tail)
    )]
    Ended {
        /// As the scenario names it.
        program: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// Where all that it wrote is.
        log: PathBuf,
        /// The last lines that it wrote since it was started.
        tail: String,
    },
    /// It runs, but did not answer a handshake in time.
    #[error(
        "the server {program:?} was not ready within {}: {last}{}",
        humantime::format_duration(*within), said(log, tail)
    )]
    NotReady {
        /// As the scenario names it.
        program: String,
        /// As the scenario allows.
        within: Duration,
        /// What became of the last handshake that was tried.
        last: String,
        /// Where all that it wrote is.
        log: PathBuf,
        /// The last lines that it wrote since it was started.
        tail: String,
    },
    /// The HTTP client of the readiness check could not be set up.
    #[error("cannot set up the readiness check")]
    Check(#[source] reqwest::Error),
    /// The process could not be signalled.
    #[error("cannot send {signal} to the server")]
    Signal {
        /// Which.
        signal: SystemSignal,
        /// What the system said.
        source: Errno,
    },
    /// The process could not be awaited.
    #[error("cannot wait for the server")]
    Wait(#[source] io::Error),
    /// Nobody would end it if the run were killed.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
    /// No local port could be had.
    #[error("no free local port for a server")]
    NoPort(#[source] io::Error),
}

/// The end of an error message: what the server itself had to say.
fn said(log: &Path, tail: &str) -> String {
    if tail.is_empty() {
        "; it wrote nothing".to_owned()
    } else {
        format!("; the last lines of {}:\n{tail}", log.display())
    }
}

impl ServerProcess {
    /// Starts an instance and waits until it answers an Engine.IO handshake.
    ///
    /// Its output is appended to `log`, as it comes. The guardian is told of it, if there is one.
    ///
    /// # Errors
    /// If it cannot be started, ends early, or is not ready in time; nothing is left running then.
    pub async fn start(
        launch: Launch,
        readiness: Readiness,
        log: PathBuf,
        guardian: Option<&Guardian>,
    ) -> Result<Self, ProcessError> {
        let mut output = Output::new(log);
        let since_epoch = clock::wall_now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since_epoch.unwrap_or_default().as_nanos();
        let mark = format!("{}-{}-{nanos}", std::process::id(), launch.port);
        let state = spawn(&launch, &mut output, &mark, guardian)?;
        let mut process = Self {
            launch,
            readiness,
            output,
            guardian: guardian.cloned(),
            starts: watch::Sender::default(),
            state,
            mark,
            strays: Vec::new(),
        };
        process.become_ready().await?;
        Ok(process)
    }

    /// The port that it listens on; the same for its whole life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.launch.port
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        match &self.state {
            State::Running { child, .. } => child.id(),
            State::Exited(_) => None,
        }
    }

    /// Whether it runs, as far as the system knows at this moment.
    ///
    /// # Errors
    /// If the system cannot say.
    pub fn is_running(&mut self) -> Result<bool, ProcessError> {
        if let State::Running { child, .. } = &mut self.state
            && let Some(status) = child.try_wait().map_err(ProcessError::Wait)?
        {
            self.note_exit(status);
        }
        Ok(matches!(self.state, State::Running { .. }))
    }

    /// Changes each time that it has become ready.
    #[must_use]
    pub fn starts(&self) -> watch::Receiver<u32> {
        self.starts.subscribe()
    }

    /// Sends a signal to the process and all that it has started.
    ///
    /// # Errors
    /// If the system refuses. A process that has ended already is no error.
    pub fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        self.signal_as(system_name(signal))
    }

    /// Lets the process and all that it has started stand still, by SIGSTOP.
    ///
    /// # Errors
    /// If the system refuses. A process that has ended already is no error.
    pub fn pause(&mut self) -> Result<(), ProcessError> {
        self.signal_as(SystemSignal::SIGSTOP)
    }

    /// Lets it go on, by SIGCONT.
    ///
    /// # Errors
    /// If the system refuses. A process that has ended already is no error.
    pub fn resume(&mut self) -> Result<(), ProcessError> {
        self.signal_as(SystemSignal::SIGCONT)
    }

    fn signal_as(&self, signal: SystemSignal) -> Result<(), ProcessError> {
        match &self.state {
            State::Running { group, .. } => group
                .signal(signal)
                .map_err(|source| ProcessError::Signal { signal, source }),
            State::Exited(_) => Ok(()),
        }
    }

    /// Waits for the end of the process, however it comes; safe to cancel and to call again.
    ///
    /// What the process had started and left behind is killed then.
    ///
    /// # Errors
    /// If the system cannot say.
    pub async fn exited(&mut self) -> Result<ExitStatus, ProcessError> {
        match &mut self.state {
            State::Running { child, .. } => {
                let status = child.wait().await.map_err(ProcessError::Wait)?;
                self.note_exit(status);
                Ok(status)
            }
            State::Exited(status) => Ok(*status),
        }
    }

    /// Ends the process with `signal`, and with SIGKILL if it is still there after `grace`.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn stop(
        &mut self,
        signal: Signal,
        grace: Duration,
    ) -> Result<ExitStatus, ProcessError> {
        let stopped = self.stop_within(signal, grace).await?;
        Ok(stopped.status)
    }

    /// As [`Self::stop`], and says whether SIGKILL was needed.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn stop_within(
        &mut self,
        signal: Signal,
        grace: Duration,
    ) -> Result<Stopped, ProcessError> {
        self.signal(signal)?;
        if let Ok(ended) = tokio::time::timeout(grace, self.exited()).await {
            return Ok(Stopped {
                status: ended?,
                was_killed: false,
            });
        }
        self.signal(Signal::SigKill)?;
        Ok(Stopped {
            status: self.exited().await?,
            was_killed: signal != Signal::SigKill,
        })
    }

    /// What it had started outside its process group, and what has been ended with it since the
    /// last call.
    pub fn take_strays(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.strays)
    }

    /// It has ended: its group is killed by that, and what left the group here.
    fn note_exit(&mut self, status: ExitStatus) {
        self.state = State::Exited(status);
        if matches!(self.launch.program, ServerProgram::Command { .. }) {
            self.strays.extend(strays::end(&self.mark));
        }
    }

    /// Starts it again on the same port and waits until it is ready; ends it first if it runs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), ProcessError> {
        self.launch_again().await?;
        self.become_ready().await
    }

    /// Starts it again on the same port; ends it first if it runs.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn launch_again(&mut self) -> Result<(), ProcessError> {
        self.stop(Signal::SigKill, Duration::ZERO).await?;
        self.state = spawn(
            &self.launch,
            &mut self.output,
            &self.mark,
            self.guardian.as_ref(),
        )?;
        Ok(())
    }

    /// The last lines that the process wrote since it was started.
    #[must_use]
    pub fn last_lines(&self) -> String {
        self.output.tail()
    }

    /// Waits until it answers a handshake.
    ///
    /// # Errors
    /// If it ends early, or is not ready in time; nothing is left running then.
    pub async fn become_ready(&mut self) -> Result<(), ProcessError> {
        let mut last = String::new();
        let checked = {
            let (readiness, port) = (self.readiness.clone(), self.launch.port);
            let ready = tokio::time::timeout(readiness.within, readiness.wait(port, &mut last));
            tokio::select! {
                ended = self.exited() => Err(ended?),
                ready = ready => Ok(ready),
            }
        };
        let failure = match checked {
            Ok(Ok(ready)) => {
                ready.map_err(ProcessError::Check)?;
                self.starts.send_modify(|starts| *starts += 1);
                return Ok(());
            }
            Ok(Err(_elapsed)) => ProcessError::NotReady {
                program: self.launch.name(),
                within: self.readiness.within,
                last,
                log: self.output.path().to_owned(),
                tail: self.output.tail(),
            },
            Err(status) => ProcessError::Ended {
                program: self.launch.name(),
                status,
                log: self.output.path().to_owned(),
                tail: self.output.tail(),
            },
        };
        // Reaped, so that nobody takes its end for a surprise.
        let _ = self.stop(Signal::SigKill, Duration::MAX).await;
        Err(failure)
    }
}

fn spawn(
    launch: &Launch,
    output: &mut Output,
    mark: &str,
    guardian: Option<&Guardian>,
) -> Result<State, ProcessError> {
    let mut command = Command::from(launch.command()?);
    command
        .process_group(0)
        .env(strays::VARIABLE, mark)
        .stdout(output.writer()?)
        .stderr(output.writer()?)
        .kill_on_drop(true);
    command.stdin(match launch.program {
        ServerProgram::Embedded => Stdio::piped(),
        ServerProgram::Command { .. } => Stdio::null(),
    });
    output.mark()?;
    let failed = |source| ProcessError::Spawn {
        program: launch.name(),
        source,
    };
    let mut child = command.spawn().map_err(failed)?;
    let id = child.id().expect("a child that nobody has awaited");
    Ok(State::Running {
        _lifeline: child.stdin.take(),
        child: Box::new(child),
        group: ProcessGroup::led_by(id, guardian),
    })
}

fn system_name(signal: Signal) -> SystemSignal {
    match signal {
        Signal::SigKill => SystemSignal::SIGKILL,
        Signal::SigTerm => SystemSignal::SIGTERM,
        Signal::SigInt => SystemSignal::SIGINT,
        Signal::SigHup => SystemSignal::SIGHUP,
        Signal::SigQuit => SystemSignal::SIGQUIT,
    }
}
