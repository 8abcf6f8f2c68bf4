//! Two sides of one scenario in turn, round by round, until their comparison is clear.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Finished, RunError, RunOptions, execute};
use crate::clock;
use crate::gate::comparison::{CompareError, Options, compare};
use crate::gate::exit_code;
use crate::report;
use crate::results::ReadError;
use crate::results::comparison::{Comparison, ComparisonVerdict};
use crate::results::recorded::{Detail, RecordedRun};
use crate::scenario::plan::Plan;

/// The page among the reports in the folder of a comparison.
pub const PAGE: &str = "comparison.html";

/// With fewer rounds nothing is known about how the runs of a side spread.
const FEWEST_TO_COMPARE: usize = 2;

/// How the rounds go.
#[derive(Debug, Clone, PartialEq)]
pub struct AbOptions {
    /// Rounds, of one run on each side; the first time that the comparison is judged.
    pub rounds: u32,
    /// Rounds at most: above `rounds`, they go on until the answer is clear.
    pub max_rounds: u32,
    /// Runs of each side before the first round that count for nothing.
    pub warm_up: u32,
    /// How the sides are judged.
    pub judge: Options,
}

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbSide {
    /// What is compared with.
    Base,
    /// What is judged.
    New,
}

impl AbSide {
    /// The word for people, and the name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::New => "new",
        }
    }
}

/// What a person hears on the way.
#[derive(Debug)]
pub enum AbStep<'a> {
    /// A run that does not count begins.
    WarmUp(AbSide),
    /// A run begins: its round from 1, and the most rounds that there may be.
    Round(u32, u32, AbSide),
    /// What the rounds so far say.
    SoFar(u32, &'a Comparison),
}

/// A comparison that came to an end.
#[derive(Debug)]
pub struct AbOutcome {
    /// What the rounds say; nothing if there were too few.
    pub comparison: Option<Comparison>,
    /// Holds the runs of each side in `base` and `new`, and the reports.
    pub folder: PathBuf,
    /// The run that ended it before its time: its exit code, and which one.
    pub ended_by: Option<(u8, String)>,
}

/// Why two sides could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum AbError {
    /// A run could not begin.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A run's results could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sides cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The reports could not be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Runs both sides in turn and compares them.
///
/// Odd rounds run the base first, even ones what is new (ABBA): a machine that gets slower or faster
/// meanwhile favours neither. Both runs of a round have the same seed.
///
/// # Errors
/// If a run cannot begin, or results cannot be written or read back.
pub fn ab(
    sides: &[(AbSide, Plan); 2],
    options: &RunOptions,
    ab: &AbOptions,
    mut tell: impl FnMut(AbStep<'_>),
) -> Result<AbOutcome, AbError> {
    let folder = create_folder(&options.out, &sides[0].1.name)?;
    for (side, plan) in sides {
        for _ in 0..ab.warm_up {
            tell(AbStep::WarmUp(*side));
            let finished = execute(plan.clone(), &into(&folder.join("warm-up"), options))?;
            if let Some(ended_by) = ended_by(&finished, "warm-up", *side) {
                return Ok(early(folder, None, ended_by));
            }
        }
    }
    let mut rounds = Rounds::new(ab);
    let mut comparison = None;
    for round in 1..=ab.max_rounds {
        let order = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for (side, plan) in order.map(|place| &sides[place]) {
            tell(AbStep::Round(round, ab.max_rounds, *side));
            let mut plan = plan.clone();
            plan.seed.0 = plan.seed.0.wrapping_add(u64::from(round - 1));
            let finished = execute(plan, &into(&folder.join(side.name()), options))?;
            if let Some(ended_by) = ended_by(&finished, &format!("round {round}"), *side) {
                return Ok(early(folder, comparison, ended_by));
            }
            rounds.add(*side, RecordedRun::read(&finished.folder, Detail::Whole)?);
        }
        if let Some(judged) = rounds.judge()? {
            rounds.write_reports(&folder, &judged)?;
            tell(AbStep::SoFar(round, &judged));
            let is_final = round >= ab.rounds && is_clear(&judged);
            comparison = Some(judged);
            if is_final {
                break;
            }
        }
    }
    Ok(AbOutcome {
        comparison,
        folder,
        ended_by: None,
    })
}

/// Runs of both sides so far.
struct Rounds<'a> {
    base: Vec<RecordedRun>,
    new: Vec<RecordedRun>,
    options: &'a AbOptions,
}

impl<'a> Rounds<'a> {
    fn new(options: &'a AbOptions) -> Self {
        Self {
            base: Vec::new(),
            new: Vec::new(),
            options,
        }
    }

    fn add(&mut self, side: AbSide, run: RecordedRun) {
        match side {
            AbSide::Base => self.base.push(run),
            AbSide::New => self.new.push(run),
        }
    }

    /// Nothing while there are too few, unless there will be no more.
    fn judge(&self) -> Result<Option<Comparison>, CompareError> {
        let will_be = self.options.max_rounds as usize;
        if self.new.len() < FEWEST_TO_COMPARE.min(will_be) {
            return Ok(None);
        }
        // Each time that it could end takes its share of the risk of a wrong answer.
        let looks = self.options.max_rounds.saturating_sub(self.options.rounds) + 1;
        let judge = Options {
            looks: looks as usize,
            ..self.options.judge.clone()
        };
        compare(&self.base, &self.new, &[], &judge).map(Some)
    }

    fn write_reports(&self, folder: &Path, comparison: &Comparison) -> Result<(), AbError> {
        let page = report::html::comparison::render(comparison, &self.base, &self.new);
        let reports = [
            (PAGE, page.into_bytes()),
            ("comparison.json", comparison.to_json()),
            (
                "comparison.md",
                report::comparison::markdown(comparison).into_bytes(),
            ),
            ("junit.xml", report::comparison::junit(comparison)),
        ];
        for (name, bytes) in reports {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(|source| AbError::Write { path, source })?;
        }
        Ok(())
    }
}

/// Whether further rounds would change nothing.
fn is_clear(comparison: &Comparison) -> bool {
    match comparison.verdict {
        ComparisonVerdict::Regression | ComparisonVerdict::NoRegression => true,
        ComparisonVerdict::Inconclusive | ComparisonVerdict::GeneratorBound => false,
    }
}

/// Why a run ends the whole, if it does: it was interrupted, or it measured nothing that counts.
fn ended_by(finished: &Finished, when: &str, side: AbSide) -> Option<(u8, String)> {
    let code = finished.summary.exit_code;
    let ends = [
        exit_code::RUN_FAILED,
        exit_code::WORKER_LOST,
        exit_code::INTERRUPTED,
    ];
    ends.contains(&code).then(|| {
        let folder = finished.folder.display();
        let side = side.name();
        (
            code,
            format!("{when} of the {side} side ended with exit code {code}; see {folder}"),
        )
    })
}

fn early(folder: PathBuf, comparison: Option<Comparison>, ended_by: (u8, String)) -> AbOutcome {
    AbOutcome {
        comparison,
        folder,
        ended_by: Some(ended_by),
    }
}

fn into(out: &Path, options: &RunOptions) -> RunOptions {
    RunOptions {
        out: out.to_owned(),
        ..options.clone()
    }
}

/// `<scenario>/ab-<UTC time>` below the results, never one that exists.
fn create_folder(out: &Path, scenario: &str) -> Result<PathBuf, AbError> {
    let started = Timestamp::try_from(clock::wall_now()).unwrap_or(Timestamp::UNIX_EPOCH);
    let name = started.strftime("ab-%Y-%m-%dT%H-%M-%SZ").to_string();
    let parent = out.join(scenario);
    let failed = |path: &Path, source| AbError::Write {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(&parent).map_err(|error| failed(&parent, error))?;
    let mut path = parent.join(&name);
    for number in 2.. {
        match fs::create_dir(&path) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = parent.join(format!("{name}-{number}"));
            }
            Err(error) => return Err(failed(&path, error)),
        }
    }
    Ok(path)
}
