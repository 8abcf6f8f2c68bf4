use super::page::{Ink, Page};
use crate::report::number;
use crate::results::summary::{Summary, Verdict};

/// Writes the verdict with its reason, and what was run.
pub(super) fn write(page: &mut Page, summary: &Summary) {
    let (word, ink) = match summary.verdict {
        Verdict::Passed => ("PASSED", Ink::Good),
        Verdict::Failed => ("FAILED", Ink::Bad),
        Verdict::GeneratorBound => ("GENERATOR-BOUND", Ink::Caution),
        Verdict::Interrupted => ("INTERRUPTED", Ink::Caution),
    };
    let lead = [(ink, word.to_owned()), (Ink::Plain, "  ".to_owned())];
    let reason = format!("{} (exit {})", reason(summary), summary.exit_code);
    page.paragraph(&lead, (Ink::Bold, &reason));
    let mut facts = vec![
        summary.scenario.clone(),
        number::seconds(summary.duration_s),
        format!("seed {}", summary.seed),
    ];
    let server = summary.provenance.server.get("url");
    facts.extend(server.and_then(|url| url.as_str()).map(str::to_owned));
    facts.extend([&summary.provenance.started, &summary.provenance.tool].map(String::clone));
    facts.retain(|fact| !fact.is_empty());
    page.enumeration(&facts);
    if !summary.description.is_empty() {
        page.paragraph(&[], (Ink::Dim, &summary.description));
    }
}

/// Why the verdict is what it is.
fn reason(summary: &Summary) -> String {
    match summary.verdict {
        Verdict::Interrupted => {
            format!(
                "ended after {}, before its time; what was measured is here",
                number::seconds(summary.duration_s)
            )
        }
        Verdict::GeneratorBound => "the generator, not the server, was the bottleneck".to_owned(),
        Verdict::Failed if summary.counters.get("clients.connected_max") == Some(&0) => {
            "no client ever connected".to_owned()
        }
        Verdict::Failed if summary.thresholds.iter().all(|threshold| threshold.passed) => {
            failed_faults(summary)
        }
        Verdict::Failed | Verdict::Passed => thresholds(summary),
    }
}

/// Why a run failed that had clients and held its thresholds.
fn failed_faults(summary: &Summary) -> String {
    match summary.faults.iter().filter(|f| f.failed.is_some()).count() {
        0 => "a part of the load was lost with its worker thread".to_owned(),
        1 => "a fault could not be carried out".to_owned(),
        faults => format!("{faults} faults could not be carried out"),
    }
}

fn thresholds(summary: &Summary) -> String {
    let all = summary.thresholds.len();
    let crossed = summary.thresholds.iter().filter(|t| !t.passed).count();
    match (all, crossed) {
        (0, _) => "the run ended in order; it sets no thresholds".to_owned(),
        (1, 0) => "the threshold held".to_owned(),
        (1, _) => "the threshold was crossed".to_owned(),
        (all, 0) => format!("all {all} thresholds held"),
        (all, 1) => format!("1 of {all} thresholds was crossed"),
        (all, crossed) => format!("{crossed} of {all} thresholds were crossed"),
    }
}
