use super::faults::{IN_FULL, ROWS, by_name};
use super::page::{Ink, Page, Piece};
use super::table::Table;
use crate::report::number;
use crate::results::summary::{Aftermath, DelayStripe, Distribution, FaultOutcome, Levels, Storm};

/// Writes the reconnect storms: what the herds did, and whether they came to rest.
pub(super) fn write(page: &mut Page, faults: &[FaultOutcome]) {
    let storms: Vec<(&FaultOutcome, &Storm)> = faults
        .iter()
        .filter_map(|fault| Some((fault, fault.storm.as_ref()?)))
        .collect();
    if storms.is_empty() {
        return;
    }
    page.heading("Reconnect storms");
    if storms.len() > IN_FULL {
        write_table(page, &storms);
        return;
    }
    for (fault, storm) in storms {
        write_in_full(page, fault, storm);
    }
}

fn write_in_full(page: &mut Page, fault: &FaultOutcome, storm: &Storm) {
    let struck = fault.applied_s.unwrap_or(fault.at_s);
    page.line(&[
        (Ink::Plain, format!("{:>3}. ", fault.id + 1)),
        (Ink::Bold, fault.fault.clone()),
        (Ink::Plain, format!(" at {}", number::seconds(struck))),
    ]);
    page.facts(5, "herd", &herd(fault, storm));
    page.facts(5, "peak", &peak(fault, storm));
    if !storm.first_delays.is_empty() {
        let stripes: Vec<Piece> = storm.first_delays.iter().map(stripe).collect();
        page.facts(5, "first delays", &stripes);
    }
    if storm.failed_attempts > 0 || !storm.failures.is_empty() {
        page.facts(5, "failures", &failures(storm));
    }
    page.facts(5, "afterwards", &afterwards(storm));
}

fn herd(fault: &FaultOutcome, storm: &Storm) -> Vec<Piece> {
    let length = number::seconds(storm.duration_s);
    let mut facts = vec![
        (Ink::Plain, number::counted(storm.herd, "client")),
        match fault.never_back {
            0 => (Ink::Plain, format!("all back after {length}")),
            lost => (
                Ink::Bad,
                format!("{} not back after {length}", number::count(lost)),
            ),
        },
    ];
    let shares = [
        ("50 %", fault.restored_s.p50),
        ("95 %", fault.restored_s.p95),
        ("99 %", fault.restored_s.p99),
    ];
    facts.extend(shares.into_iter().filter_map(|(share, after)| {
        let after = number::seconds(after?);
        Some((Ink::Plain, format!("{share} in {after}")))
    }));
    facts
}

fn peak(fault: &FaultOutcome, storm: &Storm) -> Vec<Piece> {
    let rate = number::count(storm.peak_handshakes_per_s);
    let mut facts = vec![(Ink::Plain, format!("{rate} handshakes/s"))];
    facts.extend(storm.peak_at_s.map(|at| {
        let text = format!("in second {}", number::count(at as u64));
        (Ink::Plain, text)
    }));
    facts.extend(
        fault
            .attempts
            .as_ref()
            .map(|attempts| (Ink::Plain, attempts_each(attempts))),
    );
    facts
}

fn attempts_each(attempts: &Distribution) -> String {
    if attempts.min == attempts.max {
        return format!("{} each", number::counted(attempts.max, "attempt"));
    }
    format!(
        "{} each (p50), {} (p99), {} (max)",
        number::counted(attempts.p50, "attempt"),
        attempts.p99,
        attempts.max
    )
}

/// `551-600 ms 98`: what was drawn, and how often.
fn stripe(stripe: &DelayStripe) -> Piece {
    let range = if stripe.from_ms == stripe.to_ms {
        format!("{} ms", number::count(stripe.from_ms))
    } else {
        format!(
            "{}–{} ms",
            number::count(stripe.from_ms),
            number::count(stripe.to_ms)
        )
    };
    (
        Ink::Plain,
        format!("{range}: {}", number::count(stripe.clients)),
    )
}

fn failures(storm: &Storm) -> Vec<Piece> {
    let mut facts = vec![(
        Ink::Plain,
        number::counted(storm.failed_attempts, "failed attempt"),
    )];
    if storm.failed_attempts_during_fault > 0 {
        let during = number::count(storm.failed_attempts_during_fault);
        facts.push((Ink::Plain, format!("{during} while the fault lasted")));
    }
    facts.extend(by_name(&storm.failures));
    facts
}

fn afterwards(storm: &Storm) -> Vec<Piece> {
    let mut facts = vec![verdict(storm.aftermath)];
    let rates = [
        ("handshakes/s", storm.handshakes_per_s),
        ("errors/s", storm.errors_per_s),
    ];
    facts.extend(
        rates
            .map(|(name, levels)| level(name, levels))
            .into_iter()
            .flatten(),
    );
    facts
}

fn verdict(aftermath: Aftermath) -> Piece {
    let ink = match aftermath {
        Aftermath::Recovered => Ink::Good,
        Aftermath::Metastable => Ink::Bad,
        Aftermath::TooShortToTell => Ink::Dim,
    };
    (ink, aftermath.words().to_owned())
}

fn level(name: &str, levels: Levels) -> Option<Piece> {
    let (before, after) = (levels.before?, levels.after?);
    let (before, after) = (number::rate(before), number::rate(after));
    let text = format!("{name} {before} before, {after} after");
    Some((Ink::Plain, text))
}

fn write_table(page: &mut Page, storms: &[(&FaultOutcome, &Storm)]) {
    let head = ["", "herd", "lasted   ", "peak/s", "failed", "afterwards"];
    let mut table = Table::of_numbers(head);
    for (fault, storm) in storms.iter().take(ROWS) {
        table.row(vec![
            (Ink::Plain, format!("{:>3}. {}", fault.id + 1, fault.fault)),
            (Ink::Plain, number::count(storm.herd)),
            (Ink::Plain, number::padded_time(storm.duration_s * 1e6)),
            (Ink::Plain, number::count(storm.peak_handshakes_per_s)),
            (Ink::Plain, number::count(storm.failed_attempts)),
            verdict(storm.aftermath),
        ]);
    }
    page.table(2, &table);
    if let Some(more) = storms.len().checked_sub(ROWS).filter(|more| *more > 0) {
        page.line(&[(Ink::Dim, format!("  … and {more} more in summary.json"))]);
    }
}
