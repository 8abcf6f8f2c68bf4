use std::path::Path;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::results::summary::{Aftermath, Restored, Verdict, samples};
use crate::results::sweep::SweepSetting;

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
    summary.faults[1].failed = Some("exit code 3".to_owned());
    let on_the_way = &mut summary.faults[2];
    (on_the_way.affected, on_the_way.restored) = (0, 0);
    (on_the_way.connections, on_the_way.restored_s) = (Some(1_024), Restored::default());
    insta::assert_snapshot!("many_faults", rendered(&summary, 80));
}

/// A sweep over the healthy run, with figures that differ.
fn sweep() -> SweepSummary {
    let run = |n: u64| {
        let mut summary = samples::healthy();
        let fault = &mut summary.faults[0];
        let storm = fault.storm.as_mut().unwrap();
        storm.peak_handshakes_per_s = 12_512 / (n + 1);
        storm.failed_attempts = 11_152 * n;
        fault.restored_s.p100 = (n < 3).then_some(7.2 + n as f64);
        match n {
            1 => storm.aftermath = Aftermath::Metastable,
            2 => storm.aftermath = Aftermath::TooShortToTell,
            3 => (summary.verdict, summary.exit_code) = (Verdict::Failed, 99),
            4 => summary.verdict = Verdict::GeneratorBound,
            5 => summary.verdict = Verdict::Interrupted,
            _ => {}
        }
        let setting = SweepSetting {
            delay_s: Some(0.5 * (n + 1) as f64),
            delay_max_s: Some(30.0),
            randomization: Some(0.5),
        };
        (setting, format!("run-{n}"), summary)
    };
    let runs: Vec<_> = (0..6).map(run).collect();
    SweepSummary::of("reconnect", 7, &runs, 105)
}

#[test]
fn a_sweep_is_a_table_and_the_two_that_stand_out() {
    let layout = Layout {
        width: 80,
        color: false,
        results: Some(Path::new("results/reconnect")),
    };
    let page = render_sweep(&sweep(), layout);
    assert!(page.lines().all(|line| line.width() <= 80), "{page}");
    insta::assert_snapshot!("sweep", page);
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
