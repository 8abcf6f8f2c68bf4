use super::page::{Ink, Page};
use crate::report::{number, words};
use crate::results::summary::{Summary, Verdict};

/// Writes the verdict with its reason, and what was run.
pub(super) fn write(page: &mut Page, summary: &Summary) {
    let ink = match summary.verdict {
        Verdict::Passed => Ink::Good,
        Verdict::Failed => Ink::Bad,
        Verdict::GeneratorBound | Verdict::Interrupted => Ink::Caution,
    };
    let word = words::verdict(summary.verdict).to_owned();
    let lead = [(ink, word), (Ink::Plain, "  ".to_owned())];
    let reason = format!("{} (exit {})", words::reason(summary), summary.exit_code);
    page.paragraph(&lead, (Ink::Bold, &reason));
    if let Some(unserved) = words::unserved(summary) {
        page.paragraph(&[], (Ink::Bad, &unserved));
    }
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
