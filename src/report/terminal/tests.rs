use std::path::Path;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::results::summary::samples;

fn rendered(summary: &Summary, width: usize) -> String {
    let layout = Layout {
        width,
        color: false,
        results: Some(Path::new("results/reconnect/2026-03-01T09-14-07Z")),
    };
    render(summary, layout)
}

fn all() -> [(&'static str, Summary); 6] {
    [
        ("healthy", samples::healthy()),
        ("failing", samples::failing()),
        ("interrupted", samples::interrupted()),
        ("generator_bound", samples::generator_bound()),
        ("unreachable", samples::unreachable()),
        ("empty", samples::empty()),
    ]
}

#[test]
fn a_person_reads_it_at_80_columns() {
    for (name, summary) in all() {
        insta::assert_snapshot!(name, rendered(&summary, 80));
    }
}

#[test]
fn more_figures_are_shown_at_120_columns() {
    insta::assert_snapshot!("healthy_at_120", rendered(&samples::healthy(), 120));
}

#[test]
fn many_faults_are_a_table() {
    let mut summary = samples::healthy();
    let template = summary.faults[1].clone();
    summary.faults = (0..50)
        .map(|id| crate::results::summary::FaultOutcome {
            id,
            at_s: f64::from(id),
            applied_s: (id < 30).then(|| f64::from(id)),
            ..template.clone()
        })
        .collect();
    insta::assert_snapshot!("many_faults", rendered(&summary, 80));
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    for (_, summary) in all() {
        let layout = Layout {
            width: 80,
            color: true,
            results: None,
        };
        let colored = render(&summary, layout);
        let plain = render(
            &summary,
            Layout {
                color: false,
                ..layout
            },
        );
        assert!(colored.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_page(
        width in Layout::NARROWEST..200usize,
        name in "\\PC{0,90}",
        hint in "\\PC{0,300}",
    ) {
        for (_, mut summary) in all() {
            summary.scenario.clone_from(&name);
            summary.description.clone_from(&hint);
            if let Some(population) = summary.populations.pop_first() {
                summary.populations.insert(name.clone(), population.1);
            }
            for error in &mut summary.errors {
                error.hint.clone_from(&hint);
                error.message = Some(name.clone());
            }
            for threshold in &mut summary.thresholds {
                threshold.metric.clone_from(&name);
            }
            for fault in &mut summary.faults {
                fault.detail.clone_from(&hint);
            }
            for line in rendered(&summary, width).lines() {
                prop_assert!(line.width() <= width, "{} columns: {line}", line.width());
            }
        }
    }
}
