//! The report as text for people.

use std::collections::BTreeMap;

use super::exchange::Exchange;
use super::report::{CheckReport, Found, Report, Step};
use crate::catalogue::Severity;
use crate::report::number;
use crate::report::terminal::{Ink, Page, Piece};

/// The narrowest page that a report is made for.
const NARROWEST: usize = 72;
/// Columns of the names of checks.
const NAME: usize = 11;
/// Columns of the bars of the waterfall.
const BAR: usize = 24;
/// Where the text of a finding begins.
const INDENT: usize = 11;

/// Renders a report; no line is wider than `width`, or than 72 columns if that is less.
#[must_use]
pub fn render(report: &Report, width: usize, color: bool) -> String {
    let mut page = Page::new(width.max(NARROWEST), color);
    page.line(&[
        (Ink::Bold, report.url.clone()),
        (
            Ink::Dim,
            format!("  path {}, namespace {}", report.path, report.namespace),
        ),
    ]);
    for check in &report.checks {
        write_check(&mut page, check);
    }
    if !report.findings.is_empty() {
        page.heading("Findings");
        for found in &report.findings {
            write_found(&mut page, found, &report.exchanges);
        }
    }
    write_requests(&mut page, report);
    write_verdict(&mut page, report);
    page.finish()
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
        page.paragraph(&head, (Ink::Dim, &format!("not made: {reason}")));
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

fn write_found(page: &mut Page, found: &Found, exchanges: &[Exchange]) {
    let finding = found.finding;
    let ink = match finding.severity {
        Severity::Error => Ink::Bad,
        Severity::Warning => Ink::Caution,
        Severity::Info => Ink::Dim,
    };
    page.line(&[]);
    let severity = (ink, format!("  {:9}", finding.severity.name()));
    let title = format!("{} {}", finding.code, finding.title);
    page.paragraph(&[severity], (Ink::Bold, &title));
    page.paragraph(&[lead(INDENT)], (Ink::Plain, &found.seen));
    if finding.severity == Severity::Info {
        page.paragraph(&[lead(INDENT)], (Ink::Dim, finding.cause));
        return;
    }
    for id in &found.evidence {
        if let Some(exchange) = exchanges.get(*id) {
            write_evidence(page, exchange);
        }
    }
    page.paragraph(
        &[lead(INDENT), (Ink::Dim, "why: ".to_owned())],
        (Ink::Plain, finding.cause),
    );
    page.paragraph(
        &[lead(INDENT), (Ink::Dim, "do:  ".to_owned())],
        (Ink::Plain, finding.remedy),
    );
    for setting in finding.settings {
        let place = format!("{}: ", setting.place.name());
        page.paragraph(
            &[lead(INDENT + 5), (Ink::Dim, place)],
            (Ink::Plain, setting.text),
        );
    }
    if let Some(docs) = finding.docs {
        page.reference(INDENT, docs);
    }
}

fn write_evidence(page: &mut Page, exchange: &Exchange) {
    let piece = |sign: &str| (Ink::Dim, format!("{sign} "));
    page.paragraph(&[lead(INDENT), piece(">")], (Ink::Dim, &exchange.request));
    if let Some(sent) = &exchange.sent {
        page.paragraph(&[lead(INDENT), piece(">")], (Ink::Dim, sent));
    }
    if let Some(answer) = &exchange.answer {
        let mut text = answer.status.to_string();
        for (name, value) in &answer.headers {
            if name.eq_ignore_ascii_case("content-length") {
                continue;
            }
            text.push_str(&format_header(name, value));
        }
        page.paragraph(&[lead(INDENT), piece("<")], (Ink::Dim, &text));
        if !answer.body.is_empty() {
            page.paragraph(&[lead(INDENT), piece("<")], (Ink::Dim, &answer.body));
        }
    }
    if let Some(failure) = &exchange.failure {
        page.paragraph(&[lead(INDENT), piece("!")], (Ink::Dim, failure));
    }
}

fn format_header(name: &str, value: &str) -> String {
    format!("  {name}: {value}")
}

/// Which requests were sent, those that are alike but for their session together.
fn write_requests(page: &mut Page, report: &Report) {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for exchange in &report.exchanges {
        *kinds.entry(without_sid(&exchange.request)).or_default() += 1;
    }
    page.heading("Requests");
    for (request, count) in kinds {
        let lead = (Ink::Plain, format!("{count:>5} × "));
        page.paragraph(&[lead], (Ink::Dim, &request));
    }
    if report.left_open > 0 {
        let left = number::counted(report.left_open as u64, "session");
        let text = format!("{left} could not be closed and will time out.");
        page.paragraph(&[lead(2)], (Ink::Caution, &text));
    }
}

/// A session's id tells sessions apart, not requests.
fn without_sid(request: &str) -> String {
    match request.split_once("&sid=") {
        Some((before, rest)) => {
            let after = rest.find('&').map_or("", |end| &rest[end..]);
            format!("{before}&sid=…{after}")
        }
        None => request.to_owned(),
    }
}

fn write_verdict(page: &mut Page, report: &Report) {
    let (ink, verdict) = if report.well {
        (Ink::Good, "All is well.".to_owned())
    } else {
        let count = |severity: Severity| {
            let noun = severity.name();
            number::counted(report.count(severity) as u64, noun)
        };
        let found = format!("{}, {}.", count(Severity::Error), count(Severity::Warning));
        (Ink::Bad, found)
    };
    let requests = number::counted(report.exchanges.len() as u64, "request");
    let took = number::time(report.took_ms * 1e3);
    page.line(&[]);
    page.line(&[(ink, verdict), (Ink::Dim, format!(" {requests} in {took}"))]);
}

fn lead(columns: usize) -> Piece {
    (Ink::Plain, " ".repeat(columns))
}
