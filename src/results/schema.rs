//! The JSON Schemas of what a run writes, generated from its types.

use super::capacity::CapacityReport;
use super::comparison::Comparison;
use super::note::Note;
use super::summary::Summary;
use super::sweep::SweepSummary;

/// The text of docs/summary.schema.json.
#[must_use]
pub fn summary_schema() -> String {
    text(&schemars::schema_for!(Summary))
}

/// The text of docs/comparison.schema.json.
#[must_use]
pub fn comparison_schema() -> String {
    text(&schemars::schema_for!(Comparison))
}

/// The text of docs/capacity.schema.json.
#[must_use]
pub fn capacity_schema() -> String {
    text(&schemars::schema_for!(CapacityReport))
}

/// The schema of sweep.json.
#[must_use]
pub fn sweep_schema() -> String {
    text(&schemars::schema_for!(SweepSummary))
}

/// The schema of a line of events.jsonl, but for its `t_s`.
#[must_use]
pub fn note_schema() -> String {
    text(&schemars::schema_for!(Note))
}

fn text(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
