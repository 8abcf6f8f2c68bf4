use std::rc::Rc;

use super::matching::{CompiledCaptures, Conditions};
use crate::event::LabelId;
use crate::protocol::{ReconnectionConfig, escape_name};
use crate::scenario::plan::{Journey, Population, Step, StepAction, StepEmit, StepList, Wait};

/// The steps of a population, ready to be done: shared by its clients.
pub(in crate::client) struct CompiledJourney {
    pub(super) journey: Journey,
    /// In the order of [`Journey::all_steps`].
    steps: Box<[CompiledStep]>,
    /// By emit table.
    pub(super) emits: Box<[CompiledAnswer]>,
    /// By listen table.
    pub(super) listens: Box<[CompiledCaptures]>,
    pub(super) capture_names: Rc<[Box<str>]>,
    /// What a failed `before_connect` is tried again by.
    pub(super) reconnection: Option<ReconnectionConfig>,
}

/// A step whose paths and expressions are parsed.
#[derive(Default)]
pub(super) struct CompiledStep {
    /// Nothing for a step that is not measured.
    pub(super) label: Option<LabelId>,
    /// Of the response or of the event.
    pub(super) answer: CompiledAnswer,
    /// Of the ack.
    pub(super) ack: CompiledAnswer,
    pub(super) wait: Option<CompiledWait>,
}

/// What is demanded and kept of an answer.
#[derive(Default)]
pub(super) struct CompiledAnswer {
    pub(super) expect: Conditions,
    pub(super) captures: CompiledCaptures,
}

impl CompiledAnswer {
    /// Whether its content need not be looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.expect.is_empty() && self.captures.is_empty()
    }
}

pub(super) struct CompiledWait {
    /// Escaped, as names are compared on the wire.
    pub(super) name: Vec<u8>,
    pub(super) namespace: usize,
    pub(super) conditions: Conditions,
}

impl CompiledWait {
    fn new(wait: &Wait) -> Self {
        Self {
            name: escape_name(&wait.event).as_bytes().to_vec(),
            namespace: wait.namespace,
            conditions: Conditions::new(&wait.conditions),
        }
    }
}

impl CompiledJourney {
    /// The steps of a population; `label` gives the label of a step's name.
    pub(in crate::client) fn new(
        population: &Population,
        reconnection: Option<ReconnectionConfig>,
        label: impl Fn(&str) -> LabelId,
    ) -> Self {
        let journey = population.journey.clone();
        let steps = journey.all_steps().map(|step| compiled(step, &label));
        Self {
            steps: steps.collect(),
            emits: population
                .emits
                .iter()
                .map(|emit| CompiledAnswer {
                    expect: Conditions::new(&emit.expect),
                    captures: CompiledCaptures::new(&emit.captures),
                })
                .collect(),
            listens: population
                .listens
                .iter()
                .map(|listen| CompiledCaptures::new(&listen.captures))
                .collect(),
            capture_names: capture_names(population),
            reconnection,
            journey,
        }
    }

    /// Whether a client of the population needs no state for it.
    pub(in crate::client) fn is_empty(&self) -> bool {
        self.journey.is_empty()
            && self.emits.iter().all(CompiledAnswer::is_empty)
            && self.listens.iter().all(CompiledCaptures::is_empty)
    }

    /// Whether a client is ready only some time after it is connected.
    pub(in crate::client) fn delays_ready(&self) -> bool {
        !self.journey.on_connect.is_empty()
    }

    /// Whether something comes before the first connect.
    pub(in crate::client) fn has_login(&self) -> bool {
        !self.journey.before_connect.is_empty()
    }

    /// What a step emits, if it emits; by its place in all steps.
    pub(in crate::client) fn emit(&self, step: usize) -> Option<&StepEmit> {
        match &self.journey.all_steps().nth(step)?.action {
            StepAction::Emit { emit, .. } => Some(emit),
            StepAction::Request(_)
            | StepAction::Wait(_)
            | StepAction::Think { .. }
            | StepAction::Disconnect(_)
            | StepAction::Connect => None,
        }
    }

    pub(super) fn step(&self, list: StepList, place: usize) -> (&Step, &CompiledStep) {
        let compiled = &self.steps[self.journey.first_of(list) + place];
        (&self.journey.list(list)[place], compiled)
    }
}

fn compiled(step: &Step, label: &impl Fn(&str) -> LabelId) -> CompiledStep {
    let answer = CompiledAnswer {
        expect: Conditions::new(&step.expect),
        captures: CompiledCaptures::new(&step.captures),
    };
    let (ack, wait) = match &step.action {
        StepAction::Emit { emit, wait } => {
            let ack = CompiledAnswer {
                expect: Conditions::new(&emit.expect),
                captures: CompiledCaptures::new(&emit.captures),
            };
            (ack, wait.as_ref())
        }
        StepAction::Wait(wait) => (CompiledAnswer::default(), Some(wait)),
        StepAction::Request(_)
        | StepAction::Think { .. }
        | StepAction::Disconnect(_)
        | StepAction::Connect => (CompiledAnswer::default(), None),
    };
    CompiledStep {
        label: step.name.as_deref().map(label),
        answer,
        ack,
        wait: wait.map(CompiledWait::new),
    }
}

fn capture_names(population: &Population) -> Rc<[Box<str>]> {
    let steps = population.journey.all_steps().flat_map(|step| {
        let of_ack = match &step.action {
            StepAction::Emit { emit, .. } => &emit.captures[..],
            StepAction::Request(_)
            | StepAction::Wait(_)
            | StepAction::Think { .. }
            | StepAction::Disconnect(_)
            | StepAction::Connect => &[],
        };
        step.captures.iter().chain(of_ack)
    });
    let emits = population.emits.iter().flat_map(|emit| &emit.captures);
    let listens = population
        .listens
        .iter()
        .flat_map(|listen| &listen.captures);
    let mut names: Vec<Box<str>> = steps
        .chain(emits)
        .chain(listens)
        .map(|capture| capture.name.as_str().into())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}
