//! What a client does step by step: connects, answers and times come in, [`Action`]s go out.
//!
//! A population without steps has none of this. Nothing here knows a socket or reads a clock; the
//! driver tells the time with each call and carries out what [`Steps::poll_action`] asks for.

mod action;
mod compiled;
mod iteration;
mod matching;
mod perform;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::{Cause, Event, Failure, Origin, Stage};
use crate::protocol::{Backoff, Received};
use crate::scenario::plan::{OnError, StepList};
use crate::scenario::template::Captures;
use crate::seed::Seed;

pub(super) use action::{
    AckMissed, Action, StepAnswer, StepAsk, StepResponse, StepToken, TOKEN_BITS,
};
pub(super) use compiled::CompiledJourney;
use iteration::Iterations;
use matching::Facts;

/// What templates of a client refer to at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The client's number.
    pub(super) client: u64,
    /// The run's.
    pub(super) seed: Seed,
    /// Microseconds since the Unix epoch.
    pub(super) now_us: u64,
    /// The client's row of the CSV file.
    pub(super) row: &'a [String],
}

/// The steps of one client.
///
/// ```text
///              ┌────────────────────────────┐
/// Resting ─► Doing ─► (list done or failed) ┴─► Resting, Between or Retrying
///    ▲                                                     │
///    └──────────── Over ◄── Leave, stop ───────────────────┘
/// ```
pub(super) struct Steps {
    compiled: Rc<CompiledJourney>,
    captures: Captures,
    /// How often each step was done, by its place in all steps.
    counts: Box<[u32]>,
    /// Chances, pauses and template values: nothing else draws from it.
    random: fastrand::Rng,
    backoff: Backoff,
    activity: Activity,
    iterations: Iterations,
    session: Session,
    /// The namespaces that the server refused, until they are asked for again.
    rejected: Vec<usize>,
    /// How often in a row `on_rejected` was begun.
    rejections: u32,
    tokens: u32,
    actions: VecDeque<Action>,
}

/// What the client is at.
#[derive(Debug)]
enum Activity {
    /// Nothing of its own: the connection has to move first.
    Resting,
    /// A step is under way.
    Doing(Cursor, Box<Current>),
    /// The next step is begun at this time: other clients have their turn first.
    Yielding(Cursor, Instant),
    /// The next iteration begins at this time.
    Between(Instant),
    /// A list that failed is tried again at this time.
    Retrying(StepList, Instant),
    /// Nothing more is done.
    Over,
}

/// A place in a list that is under way.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    list: StepList,
    place: usize,
    /// Repeats of the step that are left, this one included; zero before its first.
    left: u32,
    /// When the list should have begun.
    intended: Instant,
}

/// A step that waits for something.
#[derive(Debug)]
struct Current {
    token: StepToken,
    begun: Instant,
    deadline: Instant,
    awaits: Awaits,
    /// What `where` compares with.
    wanted: Box<[Value]>,
    /// What `expect` compares with.
    expected: Box<[Value]>,
    /// What `ack.expect` compares with.
    expected_ack: Box<[Value]>,
}

/// What a step still waits for; it is done when nothing is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Awaits {
    response: bool,
    ack: bool,
    event: bool,
    /// A pause that ends at the deadline.
    pause: bool,
}

impl Awaits {
    fn is_over(self) -> bool {
        self == Self::default()
    }

    /// What is missing, for the example of a failure.
    fn missing(self) -> &'static str {
        match self {
            Self { response: true, .. } => "no response",
            Self { ack: true, .. } => "no ack",
            Self { event: true, .. } => "no event",
            Self { .. } => "no end",
        }
    }
}

/// How the client stands towards its server.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    /// Whether `before_connect` was done once.
    has_begun: bool,
    /// Whether it was ever connected before the present connection.
    was_connected: bool,
    is_connected: bool,
    is_ready: bool,
    /// Whether a step has disconnected it.
    is_away: bool,
    /// Whether a namespace was connected without being recovered.
    is_unrecovered: bool,
    /// `on_connect` waits until `on_rejected` is done.
    is_pending: bool,
}

impl Steps {
    pub(super) fn new(
        compiled: Rc<CompiledJourney>,
        random: fastrand::Rng,
        backoff: fastrand::Rng,
    ) -> Self {
        let steps = compiled.journey.all_steps().count();
        Self {
            captures: Captures::new(Rc::clone(&compiled.capture_names)),
            counts: vec![0; steps].into(),
            random,
            backoff: Backoff::new(backoff),
            activity: Activity::Resting,
            iterations: Iterations::default(),
            session: Session::default(),
            rejected: Vec::new(),
            rejections: 0,
            tokens: 0,
            actions: VecDeque::new(),
            compiled,
        }
    }

    /// The values captured so far.
    pub(super) fn captures(&self) -> &Captures {
        &self.captures
    }

    /// Whether a step has disconnected the client.
    pub(super) fn is_away(&self) -> bool {
        self.session.is_away
    }

    /// What the driver has to do, in this order.
    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Steps::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.activity {
            Activity::Resting | Activity::Over => None,
            Activity::Doing(_, current) => Some(current.deadline),
            Activity::Yielding(_, due) | Activity::Between(due) | Activity::Retrying(_, due) => {
                Some(*due)
            }
        }
    }

    fn report(&mut self, event: Event) {
        self.actions.push_back(Action::Report(event));
    }
}

/// What the connection does.
impl Steps {
    /// An engine is about to open; [`Action::Proceed`] lets it.
    pub(super) fn handle_engine(&mut self, now: Instant, around: &Surroundings<'_>) {
        if matches!(self.activity, Activity::Over)
            || self.compiled.journey.before_connect.is_empty()
        {
            self.actions.push_back(Action::Proceed);
            return;
        }
        self.start_list(now, around, StepList::BeforeConnect);
    }

    /// A namespace is connected.
    pub(super) fn note_recovered(&mut self, recovered: Option<bool>) {
        self.session.is_unrecovered |= recovered != Some(true);
    }

    /// Every namespace that the client can have is connected.
    pub(super) fn handle_connected(&mut self, now: Instant, around: &Surroundings<'_>) {
        let session = &mut self.session;
        let is_known = session.is_connected
            && (!session.is_pending || matches!(self.activity, Activity::Doing(..)));
        if is_known {
            return;
        }
        session.is_connected = true;
        session.is_away = false;
        if self.is_doing(StepList::OnRejected) {
            self.session.is_pending = true;
            return;
        }
        self.session.is_pending = false;
        self.rejections = 0;
        self.backoff.reset();
        self.start_list(now, around, StepList::OnConnect);
    }

    /// The client lost its connection, by anything but a step of its own.
    pub(super) fn handle_lost(&mut self) {
        let was_connected = std::mem::take(&mut self.session.is_connected);
        self.session.was_connected |= was_connected;
        self.session.is_ready = false;
        self.session.is_pending = false;
        self.session.is_unrecovered = false;
        match self.activity {
            Activity::Doing(Cursor { list, .. }, _)
            | Activity::Yielding(Cursor { list, .. }, _)
                if list == StepList::Steps =>
            {
                self.interrupt_iteration();
            }
            Activity::Doing(Cursor { list, .. }, _)
            | Activity::Yielding(Cursor { list, .. }, _)
                if list == StepList::OnConnect =>
            {
                self.interrupt_step();
                self.activity = Activity::Resting;
            }
            Activity::Between(_) => self.activity = Activity::Resting,
            Activity::Doing(..)
            | Activity::Yielding(..)
            | Activity::Resting
            | Activity::Retrying(..)
            | Activity::Over => {}
        }
    }

    /// The server refused a namespace; false if the client stays refused.
    pub(super) fn handle_rejected(
        &mut self,
        now: Instant,
        namespace: usize,
        around: &Surroundings<'_>,
    ) -> bool {
        let list = &self.compiled.journey.on_rejected;
        let attempts = list.iter().map(|step| step.attempts).max().unwrap_or(0);
        if matches!(self.activity, Activity::Over) {
            return false;
        }
        if self.is_doing(StepList::OnRejected) {
            self.rejected.push(namespace);
            return true;
        }
        let is_busy = matches!(self.activity, Activity::Doing(..) | Activity::Yielding(..));
        if is_busy || self.rejections >= attempts {
            return false;
        }
        self.rejections += 1;
        self.rejected.push(namespace);
        self.start_list(now, around, StepList::OnRejected);
        true
    }

    fn is_doing(&self, wanted: StepList) -> bool {
        match self.activity {
            Activity::Doing(Cursor { list, .. }, _)
            | Activity::Yielding(Cursor { list, .. }, _)
            | Activity::Retrying(list, _) => list == wanted,
            Activity::Resting | Activity::Between(_) | Activity::Over => false,
        }
    }

    /// The client leaves, or can come to nothing more.
    pub(super) fn stop(&mut self) {
        let unfinished = match self.activity {
            Activity::Doing(Cursor { list, .. }, _)
            | Activity::Yielding(Cursor { list, .. }, _) => list == StepList::Steps,
            Activity::Resting | Activity::Between(_) | Activity::Retrying(..) => {
                self.iterations.is_suspended()
            }
            Activity::Over => false,
        };
        if unfinished {
            self.report(Event::IterationUnfinished);
        }
        self.activity = Activity::Over;
    }
}

/// Answers.
impl Steps {
    /// The response to a request, or its failure.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        token: StepToken,
        answer: StepAnswer,
        around: &Surroundings<'_>,
    ) {
        let Some((cursor, current)) = self.under_way(token) else {
            return;
        };
        let expected = std::mem::take(&mut current.expected);
        let (_, compiled) = self.compiled.step(cursor.list, cursor.place);
        let verdict = match answer {
            Err(failure) => Err(failure.at_stage(Stage::Step)),
            Ok(response) => {
                let facts = Facts {
                    status: Some(response.status),
                    headers: &response.headers,
                    value: serde_json::from_slice(&response.body).ok(),
                };
                let is_success = (200..300).contains(&response.status);
                if !is_success && !compiled.answer.expect.judge_status() {
                    Err(http_status(response.status))
                } else {
                    compiled
                        .answer
                        .expect
                        .check(&facts, &expected)
                        .and_then(|()| compiled.answer.captures.take(&facts, &mut self.captures))
                        .map_err(|mismatch| {
                            let failure = unexpected(&mismatch);
                            if is_success {
                                failure
                            } else {
                                http_status(response.status).with_message(&mismatch)
                            }
                        })
                }
            }
        };
        self.answered(now, verdict, |awaits| awaits.response = false, around);
    }

    /// The ack of a step's event came.
    pub(super) fn handle_ack(
        &mut self,
        now: Instant,
        token: StepToken,
        arguments: &[u8],
        around: &Surroundings<'_>,
    ) -> AckVerdict {
        let Some((cursor, current)) = self.under_way(token) else {
            return AckVerdict::Taken;
        };
        let expected = std::mem::take(&mut current.expected_ack);
        let (_, compiled) = self.compiled.step(cursor.list, cursor.place);
        let verdict = if compiled.ack.is_empty() {
            Ok(())
        } else {
            let facts = Facts::of_arguments(arguments);
            let ack = &compiled.ack;
            ack.expect
                .check(&facts, &expected)
                .and_then(|()| ack.captures.take(&facts, &mut self.captures))
        };
        let acked = match &verdict {
            Ok(()) => AckVerdict::Taken,
            Err(_) => AckVerdict::Rejected,
        };
        let verdict = verdict.map_err(|mismatch| unexpected(&format!("ack {mismatch}")));
        self.answered(now, verdict, |awaits| awaits.ack = false, around);
        acked
    }

    /// The ack of a step's event will not come.
    pub(super) fn handle_ack_missed(
        &mut self,
        now: Instant,
        token: StepToken,
        missed: AckMissed,
        around: &Surroundings<'_>,
    ) {
        if self.under_way(token).is_none() {
            return;
        }
        let failure = match missed {
            AckMissed::TimedOut => timed_out("no ack"),
            AckMissed::Lost => disconnected(),
        };
        self.answered(now, Err(failure), |_| {}, around);
    }

    /// An event came.
    pub(super) fn handle_event(
        &mut self,
        now: Instant,
        received: &Received,
        around: &Surroundings<'_>,
    ) {
        let Activity::Doing(cursor, current) = &mut self.activity else {
            return;
        };
        let (_, compiled) = self.compiled.step(cursor.list, cursor.place);
        let Some(wait) = compiled.wait.as_ref().filter(|_| current.awaits.event) else {
            return;
        };
        if wait.namespace != received.namespace || wait.name != received.name() {
            return;
        }
        let answer = &compiled.answer;
        let verdict = if wait.conditions.is_empty() && answer.is_empty() {
            Ok(())
        } else {
            let facts = Facts::of_arguments(received.args());
            if wait.conditions.check(&facts, &current.wanted).is_err() {
                return;
            }
            answer
                .expect
                .check(&facts, &current.expected)
                .and_then(|()| answer.captures.take(&facts, &mut self.captures))
                .map_err(|mismatch| unexpected(&mismatch))
        };
        self.answered(now, verdict, |awaits| awaits.event = false, around);
    }

    /// The ack of an emit table came.
    pub(super) fn judge_table_ack(
        &mut self,
        table: usize,
        arguments: &[u8],
        around: &Surroundings<'_>,
    ) -> AckVerdict {
        let compiled = Rc::clone(&self.compiled);
        let answer = &compiled.emits[table];
        if answer.is_empty() {
            return AckVerdict::Taken;
        }
        let facts = Facts::of_arguments(arguments);
        let mut random = self.random.clone();
        let expected = answer
            .expect
            .render(&mut around.scope(&self.captures, 0, &mut random));
        let verdict = answer
            .expect
            .check(&facts, &expected)
            .and_then(|()| answer.captures.take(&facts, &mut self.captures));
        match verdict {
            Ok(()) => AckVerdict::Taken,
            Err(_) => AckVerdict::Rejected,
        }
    }

    /// An event came that a listen table names.
    pub(super) fn capture_listened(&mut self, table: usize, received: &Received) {
        let captures = &self.compiled.listens[table];
        if !captures.is_empty() {
            let facts = Facts::of_arguments(received.args());
            // An event without the value leaves the last one as it is.
            let _missing = captures.take(&facts, &mut self.captures);
        }
    }

    /// The step that was begun under a token, if it still waits.
    fn under_way(&mut self, token: StepToken) -> Option<(Cursor, &mut Current)> {
        match &mut self.activity {
            Activity::Doing(cursor, current) if current.token == token => Some((*cursor, current)),
            Activity::Doing(..)
            | Activity::Resting
            | Activity::Yielding(..)
            | Activity::Between(_)
            | Activity::Retrying(..)
            | Activity::Over => None,
        }
    }

    /// One of the things that the step waits for is there, or is not as it should be.
    fn answered(
        &mut self,
        now: Instant,
        verdict: Result<(), Failure>,
        take: impl FnOnce(&mut Awaits),
        around: &Surroundings<'_>,
    ) {
        if let Err(failure) = verdict {
            self.step_failed(now, failure, around);
            return;
        }
        if let Activity::Doing(_, current) = &mut self.activity {
            take(&mut current.awaits);
            if current.awaits.is_over() {
                self.step_done(now, around);
            }
        }
    }
}

/// What an ack means for the one who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckVerdict {
    /// As expected, or nothing was expected.
    Taken,
    /// It came, and is not what was expected.
    Rejected,
}

/// Time.
impl Steps {
    /// [`Steps::poll_timeout`] is due; too early is harmless.
    pub(super) fn handle_timeout(&mut self, now: Instant, around: &Surroundings<'_>) {
        match &self.activity {
            Activity::Doing(_, current) if current.deadline <= now => {
                if current.awaits.pause {
                    self.step_done(now, around);
                } else {
                    let failure = timed_out(current.awaits.missing());
                    self.step_failed(now, failure, around);
                }
            }
            Activity::Yielding(cursor, due) if *due <= now => {
                let cursor = *cursor;
                self.proceed(now, cursor, around);
            }
            Activity::Between(due) if *due <= now => self.begin_iteration(now, around),
            Activity::Retrying(list, due) if *due <= now => {
                let list = *list;
                self.start_list(now, around, list);
            }
            Activity::Doing(..)
            | Activity::Yielding(..)
            | Activity::Between(_)
            | Activity::Retrying(..)
            | Activity::Resting
            | Activity::Over => {}
        }
    }
}

/// The order of things.
impl Steps {
    fn start_list(&mut self, now: Instant, around: &Surroundings<'_>, list: StepList) {
        let cursor = Cursor {
            list,
            place: 0,
            left: 0,
            intended: now,
        };
        self.proceed(now, cursor, around);
    }

    /// Begins the next step of a list that is to be done, or ends the list.
    fn proceed(&mut self, now: Instant, mut cursor: Cursor, around: &Surroundings<'_>) {
        let compiled = Rc::clone(&self.compiled);
        let steps = compiled.journey.list(cursor.list);
        while let Some(step) = steps.get(cursor.place) {
            if cursor.left == 0 && !self.is_to_be_done(cursor.list, step) {
                cursor.place += 1;
                continue;
            }
            if cursor.left == 0 {
                cursor.left = step.repeat;
            }
            self.begin_step(now, cursor, around);
            return;
        }
        self.list_done(now, cursor, around);
    }

    fn step_done(&mut self, now: Instant, around: &Surroundings<'_>) {
        let Activity::Doing(cursor, current) =
            std::mem::replace(&mut self.activity, Activity::Resting)
        else {
            return;
        };
        let (_, compiled) = self.compiled.step(cursor.list, cursor.place);
        if let Some(step) = compiled.label {
            let took = now.saturating_duration_since(current.begun);
            self.report(Event::StepDone { step, took });
        }
        self.go_on(now, cursor, around);
    }

    fn step_failed(&mut self, now: Instant, failure: Failure, around: &Surroundings<'_>) {
        let Activity::Doing(cursor, _) = std::mem::replace(&mut self.activity, Activity::Resting)
        else {
            return;
        };
        self.fail_at(now, cursor, failure);
        self.begin_pending(now, around);
    }

    /// `on_connect` has waited for `on_rejected`, which came to nothing.
    fn begin_pending(&mut self, now: Instant, around: &Surroundings<'_>) {
        let is_resting = matches!(self.activity, Activity::Resting);
        if is_resting && self.rejected.is_empty() && std::mem::take(&mut self.session.is_pending) {
            self.start_list(now, around, StepList::OnConnect);
        }
    }

    /// A step has failed, whether or not it was begun.
    fn fail_at(&mut self, now: Instant, cursor: Cursor, failure: Failure) {
        self.report_failure(cursor, failure);
        let (step, _) = self.compiled.step(cursor.list, cursor.place);
        match step.on_error {
            OnError::Continue => self.yield_after(now, cursor),
            OnError::End => self.list_failed(now, cursor),
            OnError::Leave => {
                if cursor.list == StepList::Steps {
                    self.report(Event::IterationFailed);
                }
                self.activity = Activity::Over;
                self.actions.push_back(Action::Leave);
            }
        }
    }

    fn report_failure(&mut self, cursor: Cursor, mut failure: Failure) {
        let (_, compiled) = self.compiled.step(cursor.list, cursor.place);
        failure.stage = Stage::Step;
        failure.step = compiled.label;
        self.report(Event::StepFailed { failure });
    }

    fn go_on(&mut self, now: Instant, mut cursor: Cursor, around: &Surroundings<'_>) {
        cursor.left = cursor.left.saturating_sub(1);
        if cursor.left == 0 {
            cursor.place += 1;
        }
        self.proceed(now, cursor, around);
    }

    fn list_done(&mut self, now: Instant, cursor: Cursor, around: &Surroundings<'_>) {
        self.activity = Activity::Resting;
        match cursor.list {
            StepList::BeforeConnect => {
                self.session.has_begun = true;
                self.backoff.reset();
                self.actions.push_back(Action::Proceed);
            }
            StepList::OnConnect => self.become_ready(now, around),
            StepList::OnRejected => {
                let rejected = std::mem::take(&mut self.rejected);
                self.actions.push_back(Action::Reconnect(rejected));
            }
            StepList::Steps => {
                let took = now.saturating_duration_since(cursor.intended);
                self.report(Event::IterationDone { took });
                self.plan_iteration(now, now);
            }
        }
    }

    fn list_failed(&mut self, now: Instant, cursor: Cursor) {
        self.activity = Activity::Resting;
        match cursor.list {
            StepList::BeforeConnect => {
                if !self.retry(now, StepList::BeforeConnect) {
                    self.activity = Activity::Over;
                    self.actions.push_back(Action::GiveUp);
                }
            }
            // Connected but not ready, until the next connect.
            StepList::OnConnect => {}
            StepList::OnRejected => {
                let list = &self.compiled.journey.on_rejected;
                let attempts = list.iter().map(|step| step.attempts).max().unwrap_or(0);
                self.rejections += 1;
                if self.rejections > attempts || !self.retry(now, StepList::OnRejected) {
                    self.rejected.clear();
                    self.actions.push_back(Action::StayRejected);
                }
            }
            StepList::Steps => {
                self.report(Event::IterationFailed);
                // Whatever fails at once would otherwise fail as fast as the machine can.
                let earliest = cursor.intended.min(now) + FAILURE_PAUSE;
                self.plan_iteration(now, earliest.max(now));
            }
        }
    }

    /// Tries a list again with the reconnection backoff; false if there are no attempts left.
    fn retry(&mut self, now: Instant, list: StepList) -> bool {
        let Some(reconnection) = self.compiled.reconnection else {
            return false;
        };
        let limit = reconnection.attempts;
        if limit.is_some_and(|limit| self.backoff.attempts() >= limit) {
            return false;
        }
        let delay = self.backoff.next(&reconnection).delay;
        self.activity = Activity::Retrying(list, now + delay);
        true
    }
}

/// Back-to-back iterations that fail start this far apart at least.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

fn failure(cause: Cause) -> Failure {
    Failure::new(Stage::Step, cause, Origin::Server)
}

fn timed_out(missing: &str) -> Failure {
    failure(Cause::StepTimedOut).with_message(missing)
}

fn unexpected(mismatch: &str) -> Failure {
    failure(Cause::StepUnexpected).with_message(mismatch)
}

fn http_status(status: u16) -> Failure {
    failure(Cause::HttpStatus).with_status(status)
}

fn disconnected() -> Failure {
    failure(Cause::Disconnected)
}

/// A template needs a captured value that is not there.
fn incomplete() -> Failure {
    Failure::new(Stage::Step, Cause::StepUnexpected, Origin::Scenario)
        .with_message("a captured value that the step needs is not there")
}
