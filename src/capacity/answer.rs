//! What the levels of a search amount to.

use std::time::Instant;

use super::planning::Wanted;
use super::search::{self, Settings};
use super::{machine, measured, model, planning, runner};
use crate::event::{HistogramMetric, Unit};
use crate::gate::exit_code;
use crate::report::number;
use crate::results::capacity::{
    CapacityReport, Conclusion, Estimate, GeneratorLimit, Level, Model, Outcome, Recommendation,
    SCHEMA, SearchResult, SearchSettings, TimeBound, Varied,
};
use crate::results::summary::{Provenance, Warning};
use crate::run::RunOptions;
use crate::run::preflight::ClientLimit;
use crate::scenario::plan::{Plan, Vary};
use crate::scenario::threshold::{Metric, Threshold};

/// What a search was asked.
pub(super) struct Question<'a> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a RunOptions,
    pub(super) settings: Settings,
    /// What the generator's machine leaves room for.
    pub(super) limits: Vec<ClientLimit>,
    /// When it began.
    pub(super) begun: Instant,
}

/// The result of one search, as far as its levels go.
pub(super) fn result(question: &Question<'_>, plan: &Plan, levels: Vec<Level>) -> SearchResult {
    let trials: Vec<_> = levels.iter().map(measured::trial).collect();
    let answer = search::stop(&question.settings, &trials);
    let model = if levels.is_empty() {
        Model::default()
    } else {
        model::fit(&levels, latency_metric(plan).as_deref())
    };
    let mut result = SearchResult {
        server_instances: plan.server.as_ref().map(|server| server.instances),
        with_faults: !plan.chaos.is_empty(),
        capacity: answer.capacity,
        fails_at: answer.fails_at,
        conclusion: answer.conclusion,
        limit: None,
        model,
        not_monotonic: search::not_monotonic(&trials),
        rss_per_client: rss_per_client(&levels, answer.capacity),
        memory_before: None,
        levels,
    };
    result.limit = planning::limit(&result, &machine::of_servers(plan));
    result
}

/// The time that stands for the others: the first that a threshold bounds.
fn latency_metric(plan: &Plan) -> Option<String> {
    let mut bounded = plan
        .thresholds
        .iter()
        .filter_map(|threshold| match threshold.metric {
            Metric::Time(metric) if !is_of_arrivals(metric) => Some(metric.name().to_owned()),
            Metric::Time(_) | Metric::Counter(_) | Metric::Rate(_) => None,
        });
    bounded.next()
}

/// Whether a time is only there while clients arrive.
fn is_of_arrivals(metric: HistogramMetric) -> bool {
    metric.name().starts_with("connect.")
}

/// From the levels that held at the capacity: the one with the smallest error.
fn rss_per_client(levels: &[Level], capacity: Option<u64>) -> Option<Estimate> {
    let at_capacity = levels
        .iter()
        .filter(|level| Some(level.load) == capacity && level.outcome == Outcome::Held);
    at_capacity
        .filter_map(|level| level.rss_per_client)
        .min_by(|a, b| a.error.total_cmp(&b.error))
}

/// The whole report; `end` is why the search ended before it was over.
pub(super) fn report(
    question: &Question<'_>,
    mut results: Vec<SearchResult>,
    end: Option<u8>,
    arrive_per_s: f64,
) -> CapacityReport {
    let Question { plan, options, .. } = question;
    let vary = varied(plan.capacity.vary);
    let main = results.remove(0);
    let mut others = results.into_iter();
    let without_faults = (plan.capacity.also_without_faults && !plan.chaos.is_empty())
        .then(|| others.next())
        .flatten();
    let wanted = wanted(plan, arrive_per_s);
    let recommendation = planning::recommend(&main, vary, &wanted);
    let exit_code = end.unwrap_or_else(|| exit_code_of(main.conclusion));
    let instances = others.collect();
    let warnings = warnings(question, &main, end);
    let mut report = CapacityReport {
        schema: SCHEMA.to_owned(),
        scenario: plan.name.clone(),
        description: plan.description.clone(),
        seed: plan.seed.0,
        vary,
        sentence: String::new(),
        answer: main,
        without_faults,
        instances,
        recommendation,
        bounds: bounds(plan),
        settings: search_settings(question),
        generator_limits: generator_limits(&question.limits),
        warnings,
        exit_code,
        provenance: Provenance {
            command: options.command.clone(),
            scenario_file: options.scenario_file.display().to_string(),
            ..Provenance::of_this_machine(crate::clock::wall_now())
        },
    };
    report.sentence = sentence(&report, plan);
    report
}

fn bounds(plan: &Plan) -> Vec<TimeBound> {
    let bound = |threshold: &Threshold| match threshold.metric {
        Metric::Time(metric) if metric.unit() == Unit::Microseconds => Some(TimeBound {
            metric: metric.name().to_owned(),
            expression: threshold.text.clone(),
            bound_us: threshold.bound,
        }),
        Metric::Time(_) | Metric::Counter(_) | Metric::Rate(_) => None,
    };
    plan.thresholds.iter().filter_map(bound).collect()
}

fn wanted(plan: &Plan, arrive_per_s: f64) -> Wanted {
    Wanted {
        headroom: plan.capacity.headroom.fraction(),
        nodes_for: plan.capacity.nodes_for,
        return_per_s: arrive_per_s,
        has_faults: !plan.chaos.is_empty(),
    }
}

fn varied(vary: Vary) -> Varied {
    match vary {
        Vary::Clients => Varied::Clients,
        Vary::Arrivals => Varied::Arrivals,
        Vary::Emits => Varied::Emits,
    }
}

fn exit_code_of(conclusion: Conclusion) -> u8 {
    match conclusion {
        Conclusion::Found | Conclusion::Range | Conclusion::AtLeast => exit_code::SUCCESS,
        Conclusion::GeneratorBound => exit_code::GENERATOR_BOUND,
        Conclusion::BelowFrom => exit_code::THRESHOLDS_CROSSED,
        Conclusion::NotRecovered | Conclusion::Unfinished => exit_code::RUN_FAILED,
    }
}

fn generator_limits(limits: &[ClientLimit]) -> Vec<GeneratorLimit> {
    let limit = |limit: &ClientLimit| GeneratorLimit {
        what: limit.what.to_owned(),
        clients: limit.clients,
        advice: limit.advice.to_owned(),
    };
    limits.iter().map(limit).collect()
}

fn search_settings(question: &Question<'_>) -> SearchSettings {
    let (settings, capacity) = (&question.settings, &question.plan.capacity);
    SearchSettings {
        from: settings.from,
        to: settings.to,
        growth: settings.growth,
        precision: settings.precision,
        settle_s: capacity.settle.as_secs_f64(),
        hold_s: capacity.hold.as_secs_f64(),
        confirm: settings.confirm,
        fresh_server: !settings.server_is_kept,
        budget_s: capacity.budget.map(|budget| budget.as_secs_f64()),
        took_s: runner::since(question.begun).as_secs_f64(),
    }
}

fn warnings(question: &Question<'_>, main: &SearchResult, end: Option<u8>) -> Vec<Warning> {
    let unit = varied(question.plan.capacity.vary).unit();
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String| {
        warnings.push(Warning {
            code: code.to_owned(),
            message,
        });
    };
    if end == Some(exit_code::RUN_FAILED) {
        let message = "the budget was used up before the search was over: the capacity is not \
                       confirmed";
        warn("unfinished", message.to_owned());
    }
    if !main.not_monotonic.is_empty() {
        let loads: Vec<_> = main
            .not_monotonic
            .iter()
            .map(|n| number::count(*n))
            .collect();
        let message = format!(
            "levels failed at {} {unit} although a greater one held: outcomes are noisy, or \
             something else used the machines",
            loads.join(", ")
        );
        warn("not_monotonic", message);
    }
    let held = main
        .levels
        .iter()
        .filter(|level| level.outcome == Outcome::Held);
    let restless = held.filter(|level| !level.steady).count();
    if restless > 0 {
        let message = format!(
            "{} that held did not become steady within the settling time: a longer --settle and \
             --hold would show whether times still grow",
            number::counted(restless as u64, "level")
        );
        warn("not_steady", message);
    }
    if question.plan.server.is_some() {
        let message = "server and generator share this machine's cores: the capacity is that of \
                       this machine with the generator beside it";
        warn("shared_machine", message.to_owned());
    }
    warnings
}

/// The answer in one sentence.
fn sentence(report: &CapacityReport, plan: &Plan) -> String {
    let unit = report.vary.unit();
    let main = &report.answer;
    let load = |load: u64| format!("{} {unit}", number::count(load));
    let name = &report.scenario;
    let Some(capacity) = main.capacity else {
        return match main.conclusion {
            Conclusion::GeneratorBound => format!(
                "The generator reached its own limit at {}: nothing is known about the server.",
                load(report.settings.from)
            ),
            Conclusion::Found
            | Conclusion::Range
            | Conclusion::AtLeast
            | Conclusion::BelowFrom
            | Conclusion::NotRecovered
            | Conclusion::Unfinished => format!(
                "{name} does not even carry {} within its thresholds{}.",
                load(report.settings.from),
                gave_way(main)
            ),
        };
    };
    let while_faults = faults(plan);
    let carries = load(capacity);
    let next = main.fails_at.map(load).unwrap_or_default();
    let advice = advice(report);
    match main.conclusion {
        Conclusion::Found => format!(
            "{name} carries {carries} within its thresholds{while_faults}; at {next} it does not\
             {}{advice}.",
            gave_way(main)
        ),
        Conclusion::Range => format!(
            "{name} carries between {carries} and {next} within its thresholds{while_faults}: the \
             first held every time, the second about as often as not{advice}."
        ),
        Conclusion::AtLeast => format!(
            "{name} carries at least {carries} within its thresholds{while_faults}, the most that \
             was tried{advice}."
        ),
        Conclusion::GeneratorBound => format!(
            "{name} carries at least {carries} within its thresholds{while_faults}; there the \
             generator, not the server, reached its limit{advice}."
        ),
        Conclusion::NotRecovered => format!(
            "{name} carried {carries} within its thresholds{while_faults}, but no more after a \
             level that failed: it did not recover."
        ),
        Conclusion::BelowFrom | Conclusion::Unfinished => format!(
            "{name} carried {carries} within its thresholds{while_faults} once; the search ended \
             before that was confirmed."
        ),
    }
}

fn advice(report: &CapacityReport) -> String {
    let Some(Recommendation { headroom, load, .. }) = &report.recommendation else {
        return String::new();
    };
    let (headroom, run) = (number::share(*headroom), number::count(*load));
    let unit = report.vary.unit();
    format!(". With {headroom} headroom, plan {run} {unit} for it")
}

fn faults(plan: &Plan) -> String {
    let mut names: Vec<&str> = plan.chaos.iter().map(|fault| fault.kind.name()).collect();
    names.dedup();
    if names.is_empty() {
        String::new()
    } else {
        format!(" while {} strikes", names.join(" and "))
    }
}

/// What gave way at the least level that failed.
fn gave_way(main: &SearchResult) -> String {
    let failed = main
        .levels
        .iter()
        .rev()
        .find(|level| Some(level.load) == main.fails_at && level.outcome == Outcome::Failed);
    let reason = failed.and_then(|level| level.gave_way.as_ref().or_else(|| level.reasons.first()));
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}
