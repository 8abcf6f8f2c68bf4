use super::chart::bar;
use super::page::{Ink, Page, Piece};
use super::table::Table;
use crate::report::number;
use crate::results::capacity::{
    CapacityReport, Conclusion, Level, Outcome, Purpose, SearchResult, ThroughputFit, Varied,
};

/// Writes a search: its answer first, then how it was found.
pub(super) fn write(page: &mut Page, report: &CapacityReport) {
    let ink = match report.answer.conclusion {
        Conclusion::Found | Conclusion::AtLeast => Ink::Good,
        Conclusion::Range
        | Conclusion::GeneratorBound
        | Conclusion::NotRecovered
        | Conclusion::Unfinished => Ink::Caution,
        Conclusion::BelowFrom => Ink::Bad,
    };
    page.paragraph(&[], (ink, &report.sentence));
    write_answer(page, report);
    if let Some(calm) = &report.without_faults {
        let facts = [(Ink::Plain, carried(calm, report.vary))];
        page.facts(2, "no faults", &facts);
    }
    for other in &report.instances {
        let count = u64::from(other.server_instances.unwrap_or(0));
        let facts = [
            (Ink::Plain, number::counted(count, "instance")),
            (Ink::Plain, carried(other, report.vary)),
        ];
        page.facts(2, "scaled", &facts);
    }
    page.heading("Levels");
    page.table(2, &levels(&report.answer.levels));
    write_curve(page, report);
    write_model(page, report);
}

fn write_answer(page: &mut Page, report: &CapacityReport) {
    let answer = &report.answer;
    page.heading("Capacity");
    page.facts(2, "carries", &[(Ink::Bold, carried(answer, report.vary))]);
    if let Some(limit) = &answer.limit {
        page.facts(2, "limit", &[(Ink::Plain, limit.evidence.clone())]);
    }
    if let Some(advice) = &report.recommendation {
        let mut facts = vec![(
            Ink::Plain,
            format!(
                "{} {} with {} headroom",
                number::count(advice.load),
                report.vary.unit(),
                number::share(advice.headroom)
            ),
        )];
        let memory = advice.memory_bytes.map(|bytes| bytes as u64);
        facts.extend(memory.map(|m| (Ink::Plain, format!("{} of memory", number::bytes(m)))));
        page.facts(2, "plan for", &facts);
        if let Some(nodes) = &advice.nodes {
            let facts = [
                (
                    Ink::Plain,
                    format!(
                        "{} for {}",
                        number::counted(nodes.needed, "node"),
                        number::count(nodes.load)
                    ),
                ),
                (
                    Ink::Plain,
                    format!("{} to lose one", number::count(nodes.with_one_lost)),
                ),
            ];
            page.facts(2, "nodes", &facts);
            let lead = [(Ink::Plain, " ".repeat(2 + Page::LABEL_WIDTH))];
            page.paragraph(&lead, (Ink::Dim, &nodes.storm));
        }
    }
    if let Some(memory) = answer.rss_per_client {
        let each = format!(
            "{} for each client (± {})",
            number::bytes(memory.value.max(0.0) as u64),
            number::bytes(memory.error as u64)
        );
        page.facts(2, "memory", &[(Ink::Plain, each)]);
    }
    if let Some(least) = report.generator_limits.iter().min_by_key(|l| l.clients) {
        let room = format!(
            "{} clients at most ({})",
            number::count(least.clients),
            least.what
        );
        page.facts(2, "generator", &[(Ink::Plain, room)]);
    }
}

fn carried(result: &SearchResult, vary: Varied) -> String {
    let unit = vary.unit();
    match (result.capacity, result.fails_at) {
        (Some(holds), Some(fails)) => format!(
            "{} {unit}, not {}",
            number::count(holds),
            number::count(fails)
        ),
        (Some(holds), None) => format!("{} {unit} or more", number::count(holds)),
        (None, Some(fails)) => format!("less than {} {unit}", number::count(fails)),
        (None, None) => "not known".to_owned(),
    }
}

fn levels(levels: &[Level]) -> Table {
    let mut table = Table::of_numbers([
        "", "load", "done/s", "p50", "p99", "cpu", "errors", "outcome",
    ]);
    for level in levels {
        let time = level
            .times
            .get("ack.time")
            .or_else(|| level.times.values().next());
        let padded = |of: fn(&crate::results::capacity::LevelTimes) -> u64| match time {
            Some(time) => (Ink::Plain, number::padded_time(of(time) as f64)),
            None => (Ink::Dim, "–   ".to_owned()),
        };
        let cpu = level
            .server
            .get("server.cpu")
            .map(|cpu| number::percentage(cpu.mean));
        table.row(vec![
            (
                Ink::Dim,
                format!("{} {}", level.number, purpose(level.purpose)),
            ),
            (Ink::Plain, number::count(level.load)),
            (
                Ink::Plain,
                level
                    .throughput_per_s
                    .map_or_else(|| "–".to_owned(), number::decimal),
            ),
            padded(|time| time.p50),
            padded(|time| time.p99),
            (Ink::Plain, cpu.unwrap_or_else(|| "–".to_owned())),
            (Ink::bad_if(level.errors > 0), number::count(level.errors)),
            outcome(level),
        ]);
    }
    table
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Grow => "grow",
        Purpose::Repeat => "repeat",
        Purpose::Recheck => "recheck",
        Purpose::Bisect => "bisect",
        Purpose::Confirm => "confirm",
        Purpose::Beyond => "beyond",
    }
}

fn outcome(level: &Level) -> Piece {
    match level.outcome {
        Outcome::Held => (Ink::Good, "held".to_owned()),
        Outcome::Failed => (Ink::Bad, "failed".to_owned()),
        Outcome::GeneratorBound => (Ink::Caution, "gen. bound".to_owned()),
    }
}

/// A line for a level that has just ended.
#[must_use]
pub fn level_line(level: &Level, vary: Varied) -> String {
    let what = match level.outcome {
        Outcome::Held => "held".to_owned(),
        Outcome::Failed => format!("failed: {}", level.reasons.join("; ")),
        Outcome::GeneratorBound => {
            format!(
                "the generator was the bottleneck: {}",
                level.reasons.join("; ")
            )
        }
    };
    format!(
        "level {} ({}): {} {} {what}",
        level.number,
        purpose(level.purpose),
        number::count(level.load),
        vary.unit()
    )
}

/// Percentile 99 over load, as bars: where they jump is the knee.
fn write_curve(page: &mut Page, report: &CapacityReport) {
    let Some(metric) = report.bounds.first().map(|bound| &bound.metric) else {
        return;
    };
    let mut points: Vec<(u64, u64, Outcome)> = report
        .answer
        .levels
        .iter()
        .filter_map(|level| Some((level.load, level.times.get(metric)?.p99, level.outcome)))
        .collect();
    points.sort_by_key(|(load, p99, _)| (*load, std::cmp::Reverse(*p99)));
    points.dedup_by_key(|(load, _, _)| *load);
    let greatest = points.iter().map(|(_, p99, _)| *p99).max().unwrap_or(0);
    if points.len() < 3 || greatest == 0 {
        return;
    }
    page.heading(&format!("{metric} p99 over load"));
    let room = page.width().saturating_sub(32).min(60);
    for (load, p99, outcome) in points {
        let ink = match outcome {
            Outcome::Held => Ink::Good,
            Outcome::Failed => Ink::Bad,
            Outcome::GeneratorBound => Ink::Caution,
        };
        page.line(&[
            (Ink::Dim, format!("  {:>12}  ", number::count(load))),
            (
                Ink::Plain,
                format!("{:>11}  ", number::padded_time(p99 as f64)),
            ),
            (ink, bar(p99 as f64 / greatest as f64, room)),
        ]);
    }
}

fn write_model(page: &mut Page, report: &CapacityReport) {
    let model = &report.answer.model;
    if model.throughput.is_none() && model.latency.is_none() && model.refused.is_empty() {
        return;
    }
    page.heading("Model");
    if let Some(fit) = &model.throughput {
        page.facts(2, "throughput", &throughput(fit, report.vary));
    }
    if let Some(fit) = &model.latency {
        let facts = [
            (
                Ink::Plain,
                format!(
                    "{} saturates at {} {}",
                    fit.metric,
                    number::count(fit.saturation.value as u64),
                    report.vary.unit()
                ),
            ),
            (
                Ink::Plain,
                format!("knee at {}", number::count(fit.knee as u64)),
            ),
        ];
        page.facts(2, "latency", &facts);
    }
    for refused in &model.refused {
        page.paragraph(&[(Ink::Plain, "  ".to_owned())], (Ink::Dim, refused));
    }
}

fn throughput(fit: &ThroughputFit, vary: Varied) -> Vec<Piece> {
    let mut facts = vec![(
        Ink::Plain,
        format!(
            "peaks at {}/s (± {})",
            number::decimal(fit.peak_throughput_per_s),
            number::decimal(fit.peak_error)
        ),
    )];
    facts.extend(fit.peak_load.map(|load| {
        let at = format!("at {} {}", number::count(load as u64), vary.unit());
        (Ink::Plain, at)
    }));
    facts.push((
        Ink::Plain,
        format!(
            "contention {:.2e}, coherency {:.2e}, R² {:.3}",
            fit.sigma.value, fit.kappa.value, fit.r_squared
        ),
    ));
    facts
}
