//! docs/doctor.md lists what the catalogue holds.

use std::fmt::Write as _;
use std::fs;

use sio_load::catalogue::{self, Finding};

use crate::results::{assert_committed, doc};

#[test]
fn the_findings_of_doctor_md_are_those_of_the_catalogue() {
    let text = fs::read_to_string(doc("doctor.md")).unwrap();
    let begin = "<!-- generated: findings -->\n";
    let (before, rest) = text.split_once(begin).expect("a place for the findings");
    let (_, after) = rest.split_once("<!-- end -->").expect("the end of it");
    let findings: String = catalogue::all().map(section).collect();
    assert_committed(
        "doctor.md",
        &format!("{before}{begin}\n{findings}<!-- end -->{after}"),
    );
}

fn section(finding: &Finding) -> String {
    let mut text = format!(
        "### {}\n\n**{}** ({})\n\n{}\n\n{}\n\n",
        finding.code, finding.title, finding.severity, finding.cause, finding.remedy
    );
    for setting in finding.settings {
        // What a scenario needs is written in words, with the keys marked already.
        let mark = if setting.text.contains('`') { "" } else { "`" };
        writeln!(
            text,
            "- {}: {mark}{}{mark}",
            setting.place.name(),
            setting.text
        )
        .unwrap();
    }
    if !finding.settings.is_empty() {
        text.push('\n');
    }
    if let Some(docs) = finding.docs {
        writeln!(text, "[Documentation]({docs})\n").unwrap();
    }
    text
}
