//! report.html: a run on one page that needs nothing else, neither scripts nor another file.
//!
//! A [`StoredRun`] comes in, a document goes out. What is on it is in the other files of the run
//! too; here it is seen together: the timeline with the faults behind it, how times are spread, and
//! what went wrong with what to do about it.

mod capacity;
mod chart;
pub mod comparison;
mod distributions;
mod faults;
mod servers;
mod tables;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{number, words};
use crate::results::StoredRun;
use crate::results::summary::{Summary, Verdict};

const STYLE: &str = include_str!("style.css");

pub use capacity::render as capacity;

/// Renders a run.
#[must_use]
pub fn render(run: &StoredRun) -> String {
    let summary = &run.summary;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing that a server said can make the page load or run anything.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (words::verdict(summary.verdict)) " · " (summary.scenario) " · sio-load" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(summary))
                main {
                    (tables::warnings(&summary.warnings))
                    (tables::tiles(summary))
                    (tables::thresholds(&summary.thresholds))
                    (timeline::section(run))
                    (faults::section(&summary.faults))
                    (distributions::section(run))
                    (tables::errors(&summary.errors))
                    (tables::disconnects(&summary.disconnects))
                    (tables::populations(&summary.populations))
                    (tables::generator(&summary.generator))
                    (tables::provenance(&summary.provenance, summary.seed, run.scenario.as_deref()))
                    (tables::counters(&summary.counters))
                }
            }
        }
    };
    page.into_string()
}

fn head(summary: &Summary) -> Markup {
    let class = match summary.verdict {
        Verdict::Passed => "good",
        Verdict::Failed => "bad",
        Verdict::GeneratorBound | Verdict::Interrupted => "caution",
    };
    let server = summary
        .provenance
        .server
        .get("url")
        .and_then(|url| url.as_str());
    html! {
        header {
            h1 { (summary.scenario) }
            p.verdict {
                strong class=(class) { (words::verdict(summary.verdict)) }
                " " (words::reason(summary)) " (exit " (summary.exit_code) ")"
            }
            @if let Some(unserved) = words::unserved(summary) { p { strong.bad { (unserved) } } }
            @if !summary.description.is_empty() { p { (summary.description) } }
            p.dim {
                (number::seconds(summary.duration_s))
                @if let Some(server) = server { " against " (server) }
                " · " (summary.provenance.started) " · seed " (summary.seed)
                " · " (summary.provenance.tool)
            }
        }
    }
}

#[cfg(test)]
mod tests;
