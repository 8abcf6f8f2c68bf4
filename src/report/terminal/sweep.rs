use super::page::{Ink, Page, Piece};
use super::table::Table;
use crate::report::number;
use crate::results::summary::{Aftermath, Verdict};
use crate::results::sweep::{SweepRun, SweepSetting, SweepSummary};

/// Writes a sweep: its runs as a table, and the two that stand out.
pub(super) fn write(page: &mut Page, sweep: &SweepSummary) {
    let runs = number::counted(sweep.runs.len() as u64, "run");
    page.line(&[
        (Ink::Bold, sweep.scenario.clone()),
        (Ink::Plain, format!(" · {runs} · seed {}", sweep.seed)),
    ]);
    let Some((id, fault)) = sweep.fault_id.zip(sweep.fault.as_ref()) else {
        page.line(&[(Ink::Caution, "no fault cut off any client".to_owned())]);
        return;
    };
    let title = format!("Reconnect storms after fault {}, {fault}", id + 1);
    page.heading(&title);
    page.table(0, &table(sweep));
    page.line(&[]);
    if let Some(run) = sweep.fastest.and_then(|place| sweep.runs.get(place)) {
        let seconds = number::seconds(run.restored_s.p100.unwrap_or_default());
        say(page, "fastest", run, &format!("all back in {seconds}"));
    }
    if let Some(run) = sweep.lowest_peak.and_then(|place| sweep.runs.get(place)) {
        let peak = number::count(run.peak_handshakes_per_s);
        say(page, "lowest peak", run, &format!("{peak} handshakes/s"));
    }
}

fn say(page: &mut Page, label: &str, run: &SweepRun, figure: &str) {
    let facts = [
        (Ink::Bold, run.setting.to_string()),
        (Ink::Plain, figure.to_owned()),
    ];
    page.facts(0, label, &facts);
}

fn table(sweep: &SweepSummary) -> Table {
    let head = [
        head(&sweep.runs),
        "peak/s".to_owned(),
        "50 %   ".to_owned(),
        "95 %   ".to_owned(),
        "99 %   ".to_owned(),
        "all   ".to_owned(),
        "failed".to_owned(),
        "verdict".to_owned(),
    ];
    let mut table = Table::of_numbers(head.iter().map(String::as_str));
    for run in &sweep.runs {
        let restored = run.restored_s;
        let mut cells = vec![
            (Ink::Plain, values(&run.setting).join(" ")),
            (Ink::Plain, number::count(run.peak_handshakes_per_s)),
        ];
        let shares = [restored.p50, restored.p95, restored.p99, restored.p100];
        cells.extend(shares.map(|after| restored_cell(run, after)));
        cells.push((Ink::Plain, number::count(run.failed_attempts)));
        cells.push(verdict(run));
        table.row(cells);
    }
    table
}

/// The short names of what was varied, as they stand in the first column.
fn head(runs: &[SweepRun]) -> String {
    let Some(run) = runs.first() else {
        return String::new();
    };
    let setting = run.setting;
    let names = [
        ("delay", setting.delay_s.is_some()),
        ("max", setting.delay_max_s.is_some()),
        ("rand.", setting.randomization.is_some()),
    ];
    let varied = names.iter().filter(|(_, varied)| *varied);
    varied.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

fn values(setting: &SweepSetting) -> Vec<String> {
    let time = |seconds: f64| {
        let time = std::time::Duration::from_secs_f64(seconds);
        crate::units::format_duration(time).replace(' ', "")
    };
    [
        setting.delay_s.map(time),
        setting.delay_max_s.map(time),
        setting.randomization.map(|fraction| fraction.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn restored_cell(run: &SweepRun, after: Option<f64>) -> Piece {
    match after {
        Some(seconds) => (Ink::Plain, number::padded_time(seconds * 1e6)),
        None if run.herd == 0 => (Ink::Dim, "–   ".to_owned()),
        None => (Ink::Bad, "never   ".to_owned()),
    }
}

/// What became of the storm; of a run whose figures cannot be used, or that crossed a threshold,
/// that.
fn verdict(run: &SweepRun) -> Piece {
    match (run.verdict, run.aftermath) {
        (Verdict::Interrupted, _) => (Ink::Caution, "stopped".to_owned()),
        (Verdict::GeneratorBound, _) => (Ink::Caution, "gen. bound".to_owned()),
        (Verdict::Failed, _) => (Ink::Bad, format!("failed {}", run.exit_code)),
        (Verdict::Passed, Some(Aftermath::Recovered)) => (Ink::Good, "recovered".to_owned()),
        (Verdict::Passed, Some(Aftermath::Metastable)) => (Ink::Bad, "metastable".to_owned()),
        (Verdict::Passed, Some(Aftermath::TooShortToTell)) => (Ink::Dim, "too short".to_owned()),
        (Verdict::Passed, None) => (Ink::Dim, "no storm".to_owned()),
    }
}
