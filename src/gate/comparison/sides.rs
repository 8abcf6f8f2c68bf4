use crate::results::comparison::{ComparedRun, ComparedSide};
use crate::results::recorded::RecordedRun;
use crate::results::summary::Warning;

/// With fewer runs left, a side cannot do without those that the generator limited.
const FEWEST_LEFT: usize = 2;

/// Both sides of a comparison, and what may help to judge them.
pub(super) struct Sides<'a> {
    pub(super) base: Side<'a>,
    pub(super) new: Side<'a>,
    /// Earlier runs of the same kind, whole and not limited by the generator.
    pub(super) history: Vec<&'a RecordedRun>,
}

/// The runs of one side.
pub(super) struct Side<'a> {
    /// `base` or `new`.
    name: &'static str,
    all: &'a [RecordedRun],
    /// Those that the figures rest on.
    pub(super) used: Vec<&'a RecordedRun>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(
        base: &'a [RecordedRun],
        new: &'a [RecordedRun],
        history: &'a [RecordedRun],
    ) -> Self {
        let sound = |run: &&RecordedRun| !run.is_partial() && !run.is_generator_bound();
        Self {
            base: Side::new("base", base),
            new: Side::new("new", new),
            history: history.iter().filter(sound).collect(),
        }
    }

    pub(super) fn both(&self) -> [&Side<'a>; 2] {
        [&self.base, &self.new]
    }

    /// The scenario's name; both names if they differ.
    pub(super) fn scenario(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for run in self.both().into_iter().flat_map(|side| side.all) {
            let name = run.summary.scenario.as_str();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" / ")
    }

    /// Whether each side is one run, so that the spread from run to run is unknown.
    pub(super) fn is_one_to_one(&self) -> bool {
        self.both().iter().all(|side| side.used.len() == 1)
    }

    /// Which run the verdict needs although the generator limited it.
    pub(super) fn generator_bound(&self) -> Option<String> {
        let bound = |side: &&Side<'_>| side.used.iter().any(|run| run.is_generator_bound());
        let side = self.both().into_iter().find(bound)?;
        Some(format!(
            "the generator, not the server, was the bottleneck in runs of the {} side that the \
             verdict needs",
            side.name
        ))
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.both()
            .into_iter()
            .flat_map(|side| [side.partial_warning(), side.left_out_warning()])
            .flatten()
            .collect()
    }
}

impl<'a> Side<'a> {
    fn new(name: &'static str, all: &'a [RecordedRun]) -> Self {
        let sound: Vec<&RecordedRun> = all.iter().filter(|run| !run.is_generator_bound()).collect();
        let suffices = sound.len() >= FEWEST_LEFT && sound.len() * 2 >= all.len();
        let used = if suffices || sound.len() == all.len() {
            sound
        } else {
            all.iter().collect()
        };
        Self { name, all, used }
    }

    pub(super) fn described(&self) -> ComparedSide {
        let is_used = |run: &RecordedRun| self.used.iter().any(|used| std::ptr::eq(*used, run));
        let runs = self.all.iter().map(|run| ComparedRun {
            folder: run.folder.display().to_string(),
            started: run.summary.provenance.started.clone(),
            tool: run.summary.provenance.tool.clone(),
            verdict: run.summary.verdict.clone(),
            exit_code: run.summary.exit_code,
            seed: run.summary.seed,
            partial: run.is_partial(),
            used: is_used(run),
        });
        ComparedSide {
            runs: runs.collect(),
        }
    }

    fn partial_warning(&self) -> Option<Warning> {
        let partial = self.used.iter().filter(|run| run.is_partial()).count();
        (partial > 0).then(|| Warning {
            code: "partial_run".to_owned(),
            message: format!(
                "{partial} of {} runs of the {} side ended before their time: part of their load \
                 never happened, and their counts are not judged",
                self.used.len(),
                self.name
            ),
        })
    }

    fn left_out_warning(&self) -> Option<Warning> {
        let left_out = self.all.len() - self.used.len();
        (left_out > 0).then(|| Warning {
            code: "generator_bound_run".to_owned(),
            message: format!(
                "{left_out} of {} runs of the {} side were limited by the generator and are left out",
                self.all.len(),
                self.name
            ),
        })
    }
}
