//! What `--verbose` adds: every check, its timings and facts, and every request.

use std::collections::BTreeMap;

use crate::catalogue::Severity;
use crate::doctor::report::{CheckReport, Report, Step};
use crate::report::number;
use crate::report::terminal::{Ink, Page, Piece};

/// Columns of the names of checks.
const NAME: usize = 11;
/// Columns of the bars of the waterfall.
const BAR: usize = 24;
/// Writes every check, and every request.
pub(super) fn write(page: &mut Page, report: &Report) {
    page.heading("Checks");
    for check in &report.checks {
        write_check(page, check);
    }
    write_requests(page, report);
    page.line(&[]);
}

fn write_check(page: &mut Page, check: &CheckReport) {
    let (ink, mark) = match (&check.skipped, check.worst) {
        (Some(_), _) => (Ink::Dim, "–"),
        (None, Some(Severity::Error)) => (Ink::Bad, "✗"),
        (None, Some(Severity::Warning)) => (Ink::Caution, "!"),
        (None, Some(Severity::Info) | None) => (Ink::Good, "✓"),
    };
    page.line(&[]);
    let name = (Ink::Bold, format!("{:NAME$}", check.name));
    let head = [(ink, format!("{mark} ")), name];
    if let Some(reason) = &check.skipped {
        page.paragraph(&head, (Ink::Dim, &format!("skipped: {reason}")));
        return;
    }
    let took = number::time(check.took_ms * 1e3);
    page.line(&[head[0].clone(), head[1].clone(), (Ink::Dim, took)]);
    write_steps(page, &check.steps);
    for fact in &check.facts {
        page.paragraph(&[lead(2)], (Ink::Plain, fact));
    }
}

/// The waterfall: when each step began and how long it took, on one scale.
fn write_steps(page: &mut Page, steps: &[Step]) {
    let end = steps.iter().map(|step| step.began_ms + step.took_ms);
    let end = end.fold(0.0, f64::max).max(f64::EPSILON);
    for (index, step) in steps.iter().enumerate() {
        let ink = if step.ok { Ink::Good } else { Ink::Bad };
        page.line(&[
            (Ink::Plain, format!("  {} {:37}", index + 1, step.name)),
            (ink, bar(step, end)),
            (
                Ink::Plain,
                format!(" {:>9}", number::padded_time(step.took_ms * 1e3)),
            ),
        ]);
        let phases = [
            ("dns", step.dns_ms),
            ("tcp", step.tcp_ms),
            ("tls", step.tls_ms),
        ];
        let phases: Vec<String> = phases
            .into_iter()
            .filter_map(|(name, ms)| Some(format!("{name} {}", number::time(ms? * 1e3))))
            .collect();
        let detail = match phases.is_empty() {
            true => step.detail.clone(),
            false => format!("{}; {}", step.detail, phases.join(", ")),
        };
        page.paragraph(&[lead(4)], (Ink::Dim, &detail));
    }
}

fn bar(step: &Step, end: f64) -> String {
    // Positions on a page: rounding is what is wanted.
    let place = |ms: f64| ((ms / end * BAR as f64).round() as usize).min(BAR);
    let from = place(step.began_ms).min(BAR - 1);
    let to = place(step.began_ms + step.took_ms).max(from + 1);
    format!(
        "{}{}{}",
        "·".repeat(from),
        "█".repeat(to - from),
        "·".repeat(BAR - to)
    )
}

/// Which requests were sent, those that are alike but for their session together.
fn write_requests(page: &mut Page, report: &Report) {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for exchange in &report.exchanges {
        *kinds.entry(exchange.kind()).or_default() += 1;
    }
    page.heading("Requests");
    for (request, count) in kinds {
        let lead = (Ink::Plain, format!("{count:>5} × "));
        page.paragraph(&[lead], (Ink::Dim, &request));
    }
}

fn lead(columns: usize) -> Piece {
    (Ink::Plain, " ".repeat(columns))
}
