//! Begins a step: renders its templates and says what the driver has to do.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::compiled::CompiledStep;
use super::matching::Conditions;
use super::{
    Action, Activity, Awaits, Current, Cursor, StepAsk, StepToken, Steps, Surroundings, TOKEN_BITS,
    incomplete,
};
use crate::client::message::pad;
use crate::event::Event;
use crate::scenario::plan::{
    Body, Step, StepAction, StepDisconnect, StepEmit, StepList, StepRequest,
};
use crate::scenario::template::{Captures, Scope, TextTemplate};

impl<'a> Surroundings<'a> {
    pub(super) fn scope(
        &self,
        captures: &'a Captures,
        n: u64,
        random: &'a mut fastrand::Rng,
    ) -> Scope<'a> {
        Scope {
            client: self.client,
            n,
            seed: self.seed,
            now_us: self.now_us,
            row: self.row,
            captures: Some(captures),
            is_incomplete: false,
            random,
        }
    }
}

impl Steps {
    /// Whether a step's turn comes at this connect, and by its chance.
    pub(super) fn is_to_be_done(&mut self, list: StepList, step: &Step) -> bool {
        let is_first = match list {
            StepList::BeforeConnect => !self.session.has_begun,
            StepList::OnConnect | StepList::OnRejected | StepList::Steps => {
                !self.session.was_connected
            }
        };
        let holds = step.when.holds(is_first, !self.session.is_unrecovered);
        holds && (step.chance >= 1.0 || self.random.f64() < step.chance)
    }

    pub(super) fn begin_step(&mut self, now: Instant, cursor: Cursor, around: &Surroundings<'_>) {
        let journey = Rc::clone(&self.compiled);
        let (step, compiled) = journey.step(cursor.list, cursor.place);
        let index = journey.journey.first_of(cursor.list) + cursor.place;
        self.tokens = (self.tokens + 1) % (1 << TOKEN_BITS);
        let token = StepToken(self.tokens);
        let n = u64::from(self.counts[index]);
        self.counts[index] = self.counts[index].saturating_add(1);
        // Conditions draw the same random values as the data that they are compared with.
        let again = self.random.clone();
        let begun = match &step.action {
            StepAction::Request(request) => self.begin_request(request, token, n, around),
            StepAction::Emit { emit, .. } => self.begin_emit(emit, (token, index), n, around),
            StepAction::Wait(_) => Some(Awaits {
                event: true,
                ..Awaits::default()
            }),
            StepAction::Think { .. } => Some(Awaits {
                pause: true,
                ..Awaits::default()
            }),
            StepAction::Disconnect(how) => return self.disconnect(now, cursor, *how),
            StepAction::Connect => return self.connect(now, cursor),
        };
        let Some(mut awaits) = begun else {
            return self.fail_at(now, cursor, incomplete());
        };
        awaits.event |= compiled.wait.is_some();
        let deadline = match &step.action {
            StepAction::Think { min, max } => now + self.draw_pause(*min, *max),
            StepAction::Request(_)
            | StepAction::Emit { .. }
            | StepAction::Wait(_)
            | StepAction::Disconnect(_)
            | StepAction::Connect => now + step.timeout,
        };
        let values = self.values(compiled, n, around, &again);
        let Some([wanted, expected, expected_ack]) = values else {
            return self.fail_at(now, cursor, incomplete());
        };
        let current = Current {
            token,
            begun: self.begin_of(now, cursor),
            deadline,
            awaits,
            wanted,
            expected,
            expected_ack,
        };
        if awaits.is_over() {
            self.done_at_once(now, cursor, compiled, current.begun);
        } else {
            self.activity = Activity::Doing(cursor, Box::new(current));
        }
    }

    /// The first step of a paced iteration is late if the iteration is.
    fn begin_of(&self, now: Instant, cursor: Cursor) -> Instant {
        let is_first = cursor.list == StepList::Steps && cursor.place == 0;
        let is_first = is_first && self.counts_once(cursor);
        if is_first && self.compiled.journey.pace.is_some() {
            cursor.intended
        } else {
            now
        }
    }

    /// Whether none of the step's repeats in this iteration is over.
    fn counts_once(&self, cursor: Cursor) -> bool {
        let (step, _) = self.compiled.step(cursor.list, cursor.place);
        cursor.left == step.repeat
    }

    /// What `where`, `expect` and `ack.expect` compare with; nothing if a captured value is missing.
    fn values(
        &self,
        compiled: &CompiledStep,
        n: u64,
        around: &Surroundings<'_>,
        random: &fastrand::Rng,
    ) -> Option<[Box<[Value]>; 3]> {
        let render = |conditions: &Conditions| {
            let mut random = random.clone();
            let mut scope = around.scope(&self.captures, n, &mut random);
            let values = conditions.render(&mut scope);
            (!scope.is_incomplete).then_some(values)
        };
        let wanted = match &compiled.wait {
            Some(wait) => render(&wait.conditions)?,
            None => Box::default(),
        };
        let expected = render(&compiled.answer.expect)?;
        Some([wanted, expected, render(&compiled.ack.expect)?])
    }

    fn begin_request(
        &mut self,
        request: &StepRequest,
        token: StepToken,
        n: u64,
        around: &Surroundings<'_>,
    ) -> Option<Awaits> {
        let mut scope = around.scope(&self.captures, n, &mut self.random);
        let url = text(&request.url, &mut scope);
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), text(value, &mut scope)));
        let headers = headers.collect();
        let body = match &request.body {
            Body::Empty => None,
            Body::Json(template) => {
                let mut body = String::new();
                template.render(&mut scope, &mut body);
                Some((body, "application/json"))
            }
            Body::Form(pairs) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                for (name, value) in pairs {
                    form.append_pair(name, &text(value, &mut scope));
                }
                Some((form.finish(), "application/x-www-form-urlencoded"))
            }
            Body::Text(template) => Some((text(template, &mut scope), "text/plain;charset=UTF-8")),
        };
        if scope.is_incomplete {
            return None;
        }
        self.actions.push_back(Action::Request(Box::new(StepAsk {
            token,
            method: request.method.clone(),
            url,
            headers,
            body,
        })));
        Some(Awaits {
            response: true,
            ..Awaits::default()
        })
    }

    fn begin_emit(
        &mut self,
        emit: &StepEmit,
        (token, step): (StepToken, usize),
        n: u64,
        around: &Surroundings<'_>,
    ) -> Option<Awaits> {
        let mut scope = around.scope(&self.captures, n, &mut self.random);
        let mut arguments = String::new();
        emit.data.render(&mut scope, &mut arguments);
        if scope.is_incomplete {
            return None;
        }
        pad(&mut arguments, emit.size.filter(|_| !emit.binary));
        self.actions.push_back(Action::Emit {
            token,
            step,
            arguments,
        });
        Some(Awaits {
            ack: emit.ack.is_some(),
            ..Awaits::default()
        })
    }

    fn draw_pause(&mut self, min: Duration, max: Duration) -> Duration {
        if min == max {
            return min;
        }
        min + (max - min).mul_f64(self.random.f64())
    }

    fn disconnect(&mut self, now: Instant, cursor: Cursor, how: StepDisconnect) {
        self.session.was_connected |= self.session.is_connected;
        self.session.is_connected = false;
        self.session.is_ready = false;
        self.session.is_unrecovered = false;
        self.session.is_away = true;
        self.actions.push_back(Action::Disconnect(how));
        self.yield_after(now, cursor);
    }

    /// The step is done when the client is ready; `on_connect` comes in between.
    fn connect(&mut self, now: Instant, cursor: Cursor) {
        if self.session.is_ready {
            self.yield_after(now, cursor);
            return;
        }
        self.iterations.suspend_at_connect(now, cursor);
        self.activity = Activity::Resting;
        self.actions.push_back(Action::Connect);
    }

    /// The step waits for nothing.
    fn done_at_once(
        &mut self,
        now: Instant,
        cursor: Cursor,
        compiled: &CompiledStep,
        begun: Instant,
    ) {
        if let Some(step) = compiled.label {
            let took = now.saturating_duration_since(begun);
            self.report(Event::StepDone { step, took });
        }
        self.yield_after(now, cursor);
    }

    /// The next step follows in the client's next turn: a list of emits must not keep the thread.
    pub(super) fn yield_after(&mut self, now: Instant, mut cursor: Cursor) {
        cursor.left = cursor.left.saturating_sub(1);
        if cursor.left == 0 {
            cursor.place += 1;
        }
        self.activity = Activity::Yielding(cursor, now);
    }
}

fn text(template: &TextTemplate, scope: &mut Scope<'_>) -> String {
    let mut text = String::new();
    template.render(scope, &mut text);
    text
}
