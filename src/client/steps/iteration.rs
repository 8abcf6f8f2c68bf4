//! When an iteration of `steps` begins, and what a lost connection makes of it.

use std::time::{Duration, Instant};

use super::{Action, Activity, Cursor, Session, Steps, Surroundings, disconnected};
use crate::event::Event;
use crate::scenario::plan::{OnDisconnect, StepAction, StepList};

/// The iterations of one client.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// So many were begun.
    begun: u64,
    /// When the first one could begin; the pace counts from here.
    origin: Option<Instant>,
    /// One that goes on once the client is ready again.
    suspended: Option<Cursor>,
    /// When the connect step that it is suspended at was begun.
    connecting: Option<Instant>,
    /// When the next one should begin, while the client is away.
    intended: Option<Instant>,
}

impl Iterations {
    /// Goes on at a cursor once the client is ready.
    pub(super) fn suspend(&mut self, cursor: Cursor) {
        self.suspended = Some(cursor);
    }

    /// Goes on after a connect step once the client is ready.
    pub(super) fn suspend_at_connect(&mut self, now: Instant, cursor: Cursor) {
        self.suspended = Some(cursor);
        self.connecting = Some(now);
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }
}

impl Steps {
    /// All of `on_connect` is done.
    pub(super) fn become_ready(&mut self, now: Instant, around: &Surroundings<'_>) {
        self.session.is_ready = true;
        self.actions.push_back(Action::Ready);
        if let Some(cursor) = self.iterations.suspended.take() {
            self.resume(now, cursor, around);
        } else if self.iterations.intended.is_some() {
            self.begin_iteration(now, around);
        } else {
            self.plan_iteration(now, now);
        }
    }

    /// A step that waited for the client to be ready is done; any other is begun again.
    fn resume(&mut self, now: Instant, mut cursor: Cursor, around: &Surroundings<'_>) {
        let (step, compiled) = self.compiled.step(cursor.list, cursor.place);
        if matches!(step.action, StepAction::Connect)
            && let Some(begun) = self.iterations.connecting.take()
        {
            if let Some(step) = compiled.label {
                let took = now.saturating_duration_since(begun);
                self.report(Event::StepDone { step, took });
            }
            cursor.left = 0;
            cursor.place += 1;
        }
        self.proceed(now, cursor, around);
    }

    /// Puts the next iteration on the clock, at `earliest` unless there is a pace.
    pub(super) fn plan_iteration(&mut self, now: Instant, earliest: Instant) {
        let journey = &self.compiled.journey;
        let is_done = journey
            .iterations
            .is_some_and(|limit| self.iterations.begun >= limit);
        if journey.steps.is_empty() || is_done {
            return;
        }
        let Session {
            is_ready, is_away, ..
        } = self.session;
        if !is_ready && !is_away {
            return;
        }
        let origin = *self.iterations.origin.get_or_insert(now);
        let due = match journey.pace {
            Some(pace) => intended(origin, pace, self.iterations.begun).max(now),
            None => earliest,
        };
        self.activity = Activity::Between(due);
    }

    pub(super) fn begin_iteration(&mut self, now: Instant, around: &Surroundings<'_>) {
        let planned = match (self.compiled.journey.pace, self.iterations.origin) {
            (Some(pace), Some(origin)) => intended(origin, pace, self.iterations.begun),
            (Some(_) | None, _) => now,
        };
        let intended = self.iterations.intended.take().unwrap_or(planned);
        if !self.session.is_ready {
            // A step has disconnected the client: it connects first.
            self.iterations.intended = Some(intended);
            self.activity = Activity::Resting;
            self.actions.push_back(Action::Connect);
            return;
        }
        self.iterations.begun += 1;
        let cursor = Cursor {
            list: StepList::Steps,
            place: 0,
            left: 0,
            intended,
        };
        self.proceed(now, cursor, around);
    }

    /// The connection is lost under an iteration.
    pub(super) fn interrupt_iteration(&mut self) {
        let cursor = self.interrupt_step();
        self.activity = Activity::Resting;
        match (self.compiled.journey.on_disconnect, cursor) {
            (OnDisconnect::Resume, Some(cursor)) => self.iterations.suspend(cursor),
            (OnDisconnect::Restart, _) | (OnDisconnect::Resume, None) => {
                self.report(Event::IterationFailed);
            }
        }
    }

    /// Ends the step under way: one that waits for the server has failed.
    pub(super) fn interrupt_step(&mut self) -> Option<Cursor> {
        match std::mem::replace(&mut self.activity, Activity::Resting) {
            Activity::Doing(mut cursor, current) => {
                if current.awaits.pause {
                    // A pause that the loss cut short is over.
                    cursor.left = cursor.left.saturating_sub(1);
                    cursor.place += usize::from(cursor.left == 0);
                } else {
                    self.report_failure(cursor, disconnected());
                }
                Some(cursor)
            }
            Activity::Yielding(cursor, _) => Some(cursor),
            Activity::Resting | Activity::Between(_) | Activity::Retrying(..) | Activity::Over => {
                None
            }
        }
    }
}

/// Start n counts from the origin, never from the start before it.
fn intended(origin: Instant, pace: Duration, n: u64) -> Instant {
    origin + pace * u32::try_from(n).unwrap_or(u32::MAX)
}
