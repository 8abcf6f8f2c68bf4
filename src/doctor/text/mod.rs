//! The report as text for people: what is wrong first, and what to do.

mod details;

use super::exchange::Exchange;
use super::problem::Problem;
use super::report::{CheckReport, Found, Report};
use crate::catalogue::{Place, Setting, Severity};
use crate::report::number;
use crate::report::terminal::{Ink, Page, Piece};

/// The narrowest page that a report is made for.
const NARROWEST: usize = 40;
/// The most lines that one problem takes: those of a small terminal.
const SCREEN: usize = 24;
/// The most characters of one quotation.
const LONGEST: usize = 220;

/// How much of a problem is shown.
#[derive(Debug, Clone, Copy)]
struct Detail {
    /// Findings that are quoted.
    findings: usize,
    /// Whether the request behind the problem is shown.
    shows_request: bool,
    /// Settings that are shown.
    settings: usize,
}

impl Detail {
    /// From the most to the least: the first that fits the screen is used.
    const ALL: [Self; 4] = [
        Self::of(2, true, 3),
        Self::of(2, true, 2),
        Self::of(1, false, 2),
        Self::of(1, false, 1),
    ];

    const fn of(findings: usize, shows_request: bool, settings: usize) -> Self {
        Self {
            findings,
            shows_request,
            settings,
        }
    }
}

/// How a report is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The most columns of a line.
    pub width: usize,
    /// Whether to colour it with ANSI escapes.
    pub color: bool,
    /// Whether passed checks, timings and requests are shown too.
    pub verbose: bool,
}

/// Renders a report; no line is wider than the layout's width, or than 40 columns if that is less.
#[must_use]
pub fn render(report: &Report, layout: Layout) -> String {
    let fits = |text: &String| {
        layout.verbose || report.problems.len() != 1 || text.lines().count() <= SCREEN
    };
    let mut texts = Detail::ALL
        .map(|detail| render_with(report, layout, detail))
        .into_iter();
    let mut last = texts.next().unwrap_or_default();
    while !fits(&last) {
        match texts.next() {
            Some(shorter) => last = shorter,
            None => break,
        }
    }
    last
}

fn render_with(report: &Report, layout: Layout, detail: Detail) -> String {
    let mut page = Page::new(layout.width.max(NARROWEST), layout.color);
    write_diagnosis(&mut page, report);
    let many = report.problems.len() > 1;
    for (number, problem) in report.problems.iter().enumerate() {
        page.line(&[]);
        let number = many.then_some(number + 1);
        write_problem(&mut page, report, problem, (number, detail));
    }
    page.line(&[]);
    write_passed(&mut page, report);
    write_skipped(&mut page, report);
    write_info(&mut page, report);
    if layout.verbose {
        details::write(&mut page, report);
    }
    write_end(&mut page, report, layout.verbose);
    page.finish()
}

/// The first line: what is wrong and what to do, or that nothing is.
fn write_diagnosis(page: &mut Page, report: &Report) {
    let Some(first) = report.problems.first() else {
        let url = format!("  {}{}", report.url, at(report));
        page.paragraph(&[], (Ink::Good, &format!("All is well.{url}")));
        return;
    };
    let finding = report.findings[first.findings[0]].finding;
    let count = number::counted(report.problems.len() as u64, "problem");
    let remedy = first_sentence(finding.remedy);
    let ink = ink_of(first.severity);
    let text = format!("{count}: {}. {remedy}", finding.title);
    page.paragraph(&[], (ink, &text));
    page.paragraph(&[], (Ink::Dim, &format!("{}{}", report.url, at(report))));
}

fn at(report: &Report) -> String {
    format!("  path {}, namespace {}", report.path, report.namespace)
}

fn ink_of(severity: Severity) -> Ink {
    match severity {
        Severity::Error => Ink::Bad,
        Severity::Warning => Ink::Caution,
        Severity::Info => Ink::Dim,
    }
}

fn first_sentence(text: &str) -> &str {
    match text.find(". ") {
        Some(end) => &text[..=end],
        None => text,
    }
}

/// One problem: its evidence, its cause, what to do, and where that is documented.
fn write_problem(
    page: &mut Page,
    report: &Report,
    problem: &Problem,
    (number, detail): (Option<usize>, Detail),
) {
    let found: Vec<&Found> = problem
        .findings
        .iter()
        .map(|at| &report.findings[*at])
        .collect();
    let lead = found[0];
    let finding = lead.finding;
    let mark = match problem.severity {
        Severity::Error => "✗ ",
        Severity::Warning | Severity::Info => "! ",
    };
    let count = number.map_or_else(String::new, |number| format!("{number}. "));
    let title = format!("{count}{} ({})", finding.title, finding.code);
    page.paragraph(
        &[(ink_of(problem.severity), mark.to_owned())],
        (Ink::Bold, &title),
    );
    for found in found.iter().take(detail.findings) {
        section(page, "seen", &shortened(&found.seen));
    }
    let shown_by = lead.evidence.first().filter(|_| detail.shows_request);
    if let Some(exchange) = shown_by.and_then(|id| report.exchanges.get(*id)) {
        write_evidence(page, exchange, &lead.seen);
    }
    section(page, "why", finding.cause);
    // The first line of the report says the first sentence already.
    if number.is_some() || first_sentence(finding.remedy) != finding.remedy {
        section(page, "do", finding.remedy);
    }
    for setting in shown(finding.settings, detail.settings) {
        section(page, setting.place.name(), setting.text);
    }
    if let Some(docs) = finding.docs {
        page.reference(2, docs);
    }
    let others: Vec<&str> = found[1..].iter().map(|one| one.finding.code).collect();
    let others: Vec<&str> = others
        .iter()
        .enumerate()
        .filter(|(at, code)| **code != finding.code && !others[..*at].contains(code))
        .map(|(_, code)| *code)
        .collect();
    if !others.is_empty() {
        section(page, "also", &others.join(", "));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A paragraph under a short label.
fn section(page: &mut Page, label: &str, text: &str) {
    let label = format!("  {label}: ");
    page.paragraph(&[(Ink::Dim, label)], (Ink::Plain, text));
}

/// The server's own setting first, then those of what stands in front of it.
fn shown(settings: &[Setting], most: usize) -> Vec<Setting> {
    let rank = |setting: &Setting| match setting.place {
        Place::Server => 0,
        Place::Nginx => 1,
        Place::Client => 2,
        Place::Haproxy => 3,
        Place::Apache => 4,
        Place::Alb => 5,
        Place::System => 6,
        Place::SioLoad => 7,
    };
    let mut settings = settings.to_vec();
    settings.sort_by_key(rank);
    settings.truncate(most);
    settings
}

/// The request behind a finding and its answer, unless the finding quotes them already.
fn write_evidence(page: &mut Page, exchange: &Exchange, seen: &str) {
    let request = exchange.kind();
    if seen.contains(&request) {
        return;
    }
    let answer = match (&exchange.answer, &exchange.failure) {
        (Some(answer), _) => {
            let said = super::said::said(answer.body.as_bytes());
            let status = answer.status;
            match said.is_empty() || seen.contains(&said) {
                true => status.to_string(),
                false => format!("{status} {said}"),
            }
        }
        (None, Some(failure)) if !seen.contains(failure.as_str()) => failure.clone(),
        (None, _) => return,
    };
    let time = number::time(exchange.times.total_ms * 1e3);
    let text = shortened(&format!("{request} → {answer} ({time})"));
    section(page, "shown by", &text);
}

/// The checks that found nothing wrong, in one line.
fn write_passed(page: &mut Page, report: &Report) {
    let passed = |check: &&CheckReport| {
        let is_fine = check.worst.is_none_or(|worst| worst == Severity::Info);
        check.skipped.is_none() && is_fine && !is_stuck(report, check)
    };
    let names: Vec<&str> = report
        .checks
        .iter()
        .filter(passed)
        .map(|one| one.name)
        .collect();
    if !names.is_empty() {
        let lead: Piece = (Ink::Good, "✓ ".to_owned());
        page.paragraph(
            &[lead],
            (Ink::Plain, &format!("passed: {}", names.join(", "))),
        );
    }
}

/// Whether a check without findings of its own belongs to what is wrong all the same.
fn is_stuck(report: &Report, check: &CheckReport) -> bool {
    check.name == "websocket" && report.is_stuck
}

/// The checks that were not made, each with the reason; those with one reason together.
fn write_skipped(page: &mut Page, report: &Report) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in &report.checks {
        let Some(reason) = check.skipped.as_deref() else {
            continue;
        };
        // A plain URL asks for no TLS: nothing was left out.
        if check.name == "tls" && !report.url.starts_with("https") {
            continue;
        }
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(check.name),
            None => reasons.push((reason, vec![check.name])),
        }
    }
    for (reason, names) in reasons {
        let text = format!("skipped: {} ({reason})", names.join(", "));
        page.paragraph(&[(Ink::Dim, "– ".to_owned())], (Ink::Dim, &text));
    }
}

/// What is worth knowing, on a healthy server only: beside a problem it would only distract.
fn write_info(page: &mut Page, report: &Report) {
    if !report.well {
        return;
    }
    for found in &report.findings {
        let text = format!("{} ({})", found.finding.title, found.finding.code);
        page.paragraph(&[(Ink::Dim, "i ".to_owned())], (Ink::Dim, &text));
    }
}

fn write_end(page: &mut Page, report: &Report, verbose: bool) {
    if report.left_open > 0 {
        let left = number::counted(report.left_open as u64, "session");
        let text = format!("{left} could not be closed and will time out.");
        page.paragraph(&[], (Ink::Caution, &text));
    }
    let requests = number::counted(report.exchanges.len() as u64, "request");
    let took = number::time(report.took_ms * 1e3);
    let more = match verbose {
        true => "",
        false => " --verbose shows each of them.",
    };
    page.paragraph(&[], (Ink::Dim, &format!("{requests} in {took}.{more}")));
}
