//! Carries a search out: level after level, each a run of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::answer::{self, Question};
use super::level::{self, Shape, VaryError};
use super::measured;
use super::search::{self, Settings, Step};
use crate::clock;
use crate::gate::exit_code;
use crate::report::html;
use crate::report::progress::Display;
use crate::results::capacity::{CapacityReport, FILE, Level, Purpose, SearchResult};
use crate::results::summary::Verdict;
use crate::results::{FolderError, RunFolder};
use crate::run::preflight::{self, ClientLimit};
use crate::run::{Finished, LevelRun, RunError, RunOptions, Testbed};
use crate::scenario::plan::{Plan, Vary};

/// The first level is this share of the scenario's own load.
const FIRST_SHARE: u64 = 8;

/// How fast clients arrive at the first level, per second, where nothing says it.
const FIRST_ARRIVALS: f64 = 100.0;

/// The fastest ramp that a search tries by itself.
const FASTEST_ARRIVALS: f64 = 2_000.0;

/// The slowest one.
const SLOWEST_ARRIVALS: f64 = 10.0;

/// A ramp was too fast if percentile 99 of `connect.time` was longer than this.
const SLOW_CONNECT_US: u64 = 1_000_000;

/// Why a search could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// Nothing says what a level has to hold.
    #[error("the scenario has no [thresholds]: nothing says which load is too much")]
    NoThresholds,
    /// The scenario has nothing of what is to be varied.
    #[error(transparent)]
    Vary(#[from] VaryError),
    /// A fault would strike after the end of every level.
    #[error(
        "the fault {fault} strikes {at} after the start of the hold, which is {hold} long: in a \
         capacity search `at` counts from there; give the fault an earlier time, or --hold more"
    )]
    FaultAfterHold {
        /// Its word.
        fault: String,
        /// Its time.
        at: String,
        /// The hold.
        hold: String,
    },
    /// The first level is more than may be tried.
    #[error("the search would begin at {from} and end at {to}: lower --from{why}")]
    NothingToTry {
        /// The first level.
        from: u64,
        /// The last level.
        to: u64,
        /// Where the last level comes from.
        why: String,
    },
    /// Numbers of instances of a server that the run does not start.
    #[error("--instances needs a [server]: the run does not start the server at the URL")]
    NoServer,
    /// Results cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A level could not begin.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What is told while a search goes on.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// A search begins: with so many instances, or without faults.
    Search(&'a str),
    /// A level begins.
    Begins {
        /// From 1.
        number: u32,
        /// How much load.
        load: u64,
        /// Why.
        purpose: Purpose,
        /// About how long the search still takes; nothing while no level has failed.
        left: Option<Duration>,
    },
    /// A level is over.
    Ended(&'a Level),
}

/// A search that came to its end.
#[derive(Debug)]
pub struct Searched {
    /// What it found out.
    pub report: CapacityReport,
    /// Where everything is.
    pub folder: PathBuf,
    /// What of it could not be written.
    pub unwritten: Option<std::io::Error>,
}

/// Searches for the largest load that holds a plan's thresholds; blocks until it is over.
///
/// capacity.json is brought up to date after each level.
///
/// # Errors
/// If the plan cannot be varied, or a level cannot begin.
pub fn search(
    plan: &Plan,
    options: &RunOptions,
    mut tell: impl FnMut(News<'_>),
) -> Result<Searched, CapacityError> {
    check(plan)?;
    let limits = client_limits(plan);
    let settings = settings(plan, &limits)?;
    let begun = clock::now();
    let folder = RunFolder::create(&options.out, &plan.name, clock::wall_now())?;
    // That there is no link is no reason to give up the search.
    let _ = folder.become_latest();
    let question = Question {
        plan,
        options,
        settings,
        limits,
        begun,
    };
    let mut course = Course {
        question: &question,
        folder: &folder,
        arrive_per_s: plan
            .capacity
            .arrive
            .map_or(FIRST_ARRIVALS, |rate| rate.per_second()),
        levels_run: 0,
        end: None,
    };
    let mut variants = vec![(plan.clone(), String::new())];
    if plan.capacity.also_without_faults && !plan.chaos.is_empty() {
        let mut calm = plan.clone();
        calm.chaos.clear();
        variants.push((calm, "without faults".to_owned()));
    }
    let own = plan.server.as_ref().map(|server| server.instances);
    let others = plan.capacity.instances.iter().copied();
    for instances in others.filter(|count| Some(*count) != own) {
        let mut other = plan.clone();
        if let Some(server) = &mut other.server {
            server.instances = instances;
        }
        variants.push((other, format!("with {instances} instances")));
    }
    let mut results: Vec<SearchResult> = Vec::new();
    for (variant, title) in &variants {
        if !title.is_empty() {
            tell(News::Search(title));
        }
        let result = course.run(variant, &results, &mut tell)?;
        results.push(result);
        if course.end.is_some() {
            break;
        }
    }
    let report = answer::report(&question, results, course.end, course.arrive_per_s);
    let written = folder
        .write(FILE, &report.to_json())
        .and_then(|()| folder.write("capacity.html", html::capacity(&report).as_bytes()));
    Ok(Searched {
        report,
        folder: folder.path().to_owned(),
        unwritten: written.err(),
    })
}

fn check(plan: &Plan) -> Result<(), CapacityError> {
    if plan.thresholds.is_empty() && plan.watch_bounds.is_empty() {
        return Err(CapacityError::NoThresholds);
    }
    level::check(plan, plan.capacity.vary)?;
    if !plan.capacity.instances.is_empty() && plan.server.is_none() {
        return Err(CapacityError::NoServer);
    }
    let hold = plan.capacity.hold;
    match plan.chaos.iter().find(|fault| fault.at >= hold) {
        Some(fault) => Err(CapacityError::FaultAfterHold {
            fault: fault.kind.name().to_owned(),
            at: crate::units::format_duration(fault.at),
            hold: crate::units::format_duration(hold),
        }),
        None => Ok(()),
    }
}

fn client_limits(plan: &Plan) -> Vec<ClientLimit> {
    if plan.capacity.vary != Vary::Clients {
        return Vec::new();
    }
    preflight::client_limits(|clients| level::with_clients(plan, clients))
}

fn settings(plan: &Plan, limits: &[ClientLimit]) -> Result<Settings, CapacityError> {
    let capacity = &plan.capacity;
    let room = limits.iter().min_by_key(|limit| limit.clients);
    let most = room.map_or(u64::MAX, |limit| limit.clients);
    let to = capacity.to.unwrap_or(most).min(most);
    let own = level::own_load(plan, capacity.vary);
    let first = (own / FIRST_SHARE).max(1).min(to);
    let from = capacity.from.unwrap_or(first);
    if from > to || to == 0 {
        let why = room.filter(|room| room.clients == to).map_or_else(
            || " or raise --to".to_owned(),
            |room| {
                format!(
                    "; this machine has {} for no more: {}",
                    room.what, room.advice
                )
            },
        );
        return Err(CapacityError::NothingToTry { from, to, why });
    }
    let is_fresh = capacity.fresh_server.unwrap_or(true) && plan.server.is_some();
    Ok(Settings {
        from,
        to,
        growth: capacity.growth,
        precision: capacity.precision.fraction(),
        confirm: capacity.confirm,
        server_is_kept: !is_fresh,
    })
}

/// A search on its way.
struct Course<'a> {
    question: &'a Question<'a>,
    folder: &'a RunFolder,
    arrive_per_s: f64,
    levels_run: u32,
    /// Why it ended before it was over, as an exit code.
    end: Option<u8>,
}

impl Course<'_> {
    /// Searches one variant of the plan to its end.
    fn run(
        &mut self,
        plan: &Plan,
        before: &[SearchResult],
        tell: &mut impl FnMut(News<'_>),
    ) -> Result<SearchResult, CapacityError> {
        let mut testbed = Testbed::new()?;
        let mut levels: Vec<Level> = Vec::new();
        let mut base_rss = None;
        let settings = &self.question.settings;
        loop {
            let trials: Vec<_> = levels.iter().map(measured::trial).collect();
            let Step::Try(load, purpose) = search::next(settings, &trials) else {
                break;
            };
            if self.is_over_budget() {
                self.end = Some(exit_code::RUN_FAILED);
                break;
            }
            self.levels_run += 1;
            let number = self.levels_run;
            let left = search::levels_left(settings, &trials);
            tell(News::Begins {
                number,
                load,
                purpose,
                left: left.map(|left| self.time_for(left)),
            });
            let finished = self.try_level(&mut testbed, plan, load)?;
            base_rss = base_rss.or_else(|| finished.watched.memory_before());
            self.adapt(&finished);
            let interrupted = match finished.summary.verdict {
                Verdict::Interrupted => Some(exit_code::INTERRUPTED),
                Verdict::Failed if finished.summary.exit_code == exit_code::WORKER_LOST => {
                    Some(exit_code::WORKER_LOST)
                }
                Verdict::Passed | Verdict::Failed | Verdict::GeneratorBound => None,
            };
            if interrupted.is_some() {
                self.end = interrupted;
                break;
            }
            levels.extend(measured::level(number, (load, purpose), &finished));
            if let Some(level) = levels.last() {
                tell(News::Ended(level));
            }
            self.keep(plan, &levels, before);
        }
        testbed.stop_servers();
        let mut result = answer::result(self.question, plan, levels);
        result.memory_before = base_rss;
        Ok(result)
    }

    fn try_level(
        &self,
        testbed: &mut Testbed,
        plan: &Plan,
        load: u64,
    ) -> Result<Finished, CapacityError> {
        let capacity = &plan.capacity;
        let shape = Shape {
            vary: capacity.vary,
            arrive_per_s: self.arrive_per_s,
            settle: capacity.settle,
            hold: capacity.hold,
        };
        let (plan, hold) = level::at(plan, load, &shape);
        let run = LevelRun {
            folder: level_folder(self.folder.path(), self.levels_run, load),
            hold,
            keep_servers: self.question.settings.server_is_kept,
        };
        let mut options = self.question.options.clone();
        // Without a terminal the search has a line for each level.
        if options.display == Display::Notices {
            options.display = Display::Silent;
        }
        Ok(testbed.run(plan, &options, Some(&run))?)
    }

    /// Ramps faster as long as connects stay fast, and slower once they do not.
    fn adapt(&mut self, finished: &Finished) {
        let capacity = &self.question.plan.capacity;
        if capacity.arrive.is_some() || capacity.vary == Vary::Arrivals {
            return;
        }
        let connects = finished.summary.metrics.get("connect.time");
        let is_fast = connects.is_some_and(|time| time.p99 <= SLOW_CONNECT_US);
        let has_all = finished
            .hold
            .as_ref()
            .is_some_and(|hold| hold.from.is_some());
        let factor = if is_fast && has_all { 2.0 } else { 0.5 };
        self.arrive_per_s = (self.arrive_per_s * factor).clamp(SLOWEST_ARRIVALS, FASTEST_ARRIVALS);
    }

    fn elapsed(&self) -> Duration {
        clock::now() - self.question.begun
    }

    /// How long so many levels take, as long as those before them.
    fn time_for(&self, levels: u32) -> Duration {
        let done = self.levels_run.saturating_sub(1).max(1);
        self.elapsed() / done * levels
    }

    /// Whether the next level would end after the budget.
    fn is_over_budget(&self) -> bool {
        let Some(budget) = self.question.plan.capacity.budget else {
            return false;
        };
        let one = if self.levels_run == 0 {
            Duration::ZERO
        } else {
            self.elapsed() / self.levels_run
        };
        self.elapsed() + one > budget
    }

    /// Writes down what is known so far.
    fn keep(&self, plan: &Plan, levels: &[Level], before: &[SearchResult]) {
        let mut results = before.to_vec();
        results.push(answer::result(self.question, plan, levels.to_vec()));
        let end = Some(exit_code::INTERRUPTED);
        let report = answer::report(self.question, results, end, self.arrive_per_s);
        // What cannot be written now is written, or told, at the end.
        let _ = self.folder.write(FILE, &report.to_json());
    }
}

fn level_folder(folder: &Path, number: u32, load: u64) -> PathBuf {
    folder.join(format!("level-{number:02}-{load}"))
}

/// How long ago a search began.
pub(super) fn since(begun: Instant) -> Duration {
    clock::now() - begun
}
