//! What each fault did, and the storm that came after it.

use maud::{Markup, html};

use crate::report::{number, words};
use crate::results::summary::{Aftermath, DelayStripe, FaultOutcome, Levels, Storm};

/// The faults and the storms; nothing if the scenario has none.
pub(super) fn section(faults: &[FaultOutcome]) -> Markup {
    if faults.is_empty() {
        return html! {};
    }
    let storms: Vec<(&FaultOutcome, &Storm)> = faults
        .iter()
        .filter_map(|fault| Some((fault, fault.storm.as_ref()?)))
        .collect();
    html! {
        section {
            h2 { "Faults" }
            table {
                thead {
                    tr {
                        th.n { "#" } th { "fault" } th.n { "at" } th.n { "affected" }
                        th { "noticed" } th.n { "after (p50)" }
                        th.n { "50 % back" } th.n { "95 %" } th.n { "99 %" } th.n { "all" }
                        th.n { "never back" } th.n { "handshakes/s" }
                    }
                }
                tbody { @for fault in faults { (row(fault)) } }
            }
        }
        @if !storms.is_empty() {
            section {
                h2 { "Reconnect storms" }
                table {
                    thead {
                        tr {
                            th.n { "#" } th { "fault" } th.n { "herd" } th.n { "lasted" }
                            th.n { "peak" } th.n { "attempts (p50, max)" } th.n { "failed" }
                            th.n { "while it lasted" } th { "first delays" } th { "afterwards" }
                        }
                    }
                    tbody { @for (fault, storm) in storms { (storm_row(fault, storm)) } }
                }
            }
        }
    }
}

fn row(fault: &FaultOutcome) -> Markup {
    let restored = fault.restored_s;
    let shares = [restored.p50, restored.p95, restored.p99, restored.p100];
    html! {
        tr {
            td.n { (fault.id + 1) }
            td {
                strong { (fault.fault) } " " span.dim { (fault.detail) }
                @if let Some(reason) = &fault.failed { p.bad { "Failed: " (reason) } }
                @for fact in facts(fault) { p.dim { (fact) } }
            }
            td.n {
                @match fault.applied_s {
                    Some(at) => (number::seconds(at)),
                    None => span.caution title="the run ended before its time came" { "skipped" },
                }
            }
            td.n { (number::count(fault.affected)) }
            td { @for (reason, count) in words::by_count(&fault.disconnects) { div { (reason) " " (count) } } }
            td.n { @if let Some(detect) = &fault.detect { (number::time(detect.p50 as f64)) } }
            @for after in shares {
                td.n {
                    @match after {
                        Some(after) => (number::seconds(after)),
                        None if fault.affected == 0 => "–",
                        None => span.bad { "never" },
                    }
                }
            }
            td.n.bad[fault.never_back > 0] { (number::count(fault.never_back)) }
            td.n { (number::count(fault.peak_handshakes_per_s)) }
        }
    }
}

/// What else is known of a fault.
fn facts(fault: &FaultOutcome) -> Vec<String> {
    let touched = [
        (fault.connections, "connection"),
        (fault.requests, "request"),
    ]
    .into_iter()
    .filter_map(|(count, what)| Some(format!("{} touched", number::counted(count?, what))));
    let transports = words::by_count(&fault.transports)
        .map(|(transport, count)| format!("{count} back on {transport}"));
    let recovered = fault
        .recovered
        .map(|sessions| format!("{} recovered", number::counted(sessions, "session")));
    touched
        .chain(words::missed(fault))
        .chain(transports)
        .chain(recovered)
        .collect()
}

fn storm_row(fault: &FaultOutcome, storm: &Storm) -> Markup {
    let attempts = fault.attempts.as_ref();
    html! {
        tr {
            td.n { (fault.id + 1) }
            td { strong { (fault.fault) } }
            td.n { (number::count(storm.herd)) }
            td.n { (number::seconds(storm.duration_s)) }
            td.n { (number::count(storm.peak_handshakes_per_s)) "/s" }
            td.n {
                @if let Some(attempts) = attempts {
                    (number::count(attempts.p50)) ", " (number::count(attempts.max))
                }
            }
            td.n.bad[storm.failed_attempts > 0] { (number::count(storm.failed_attempts)) }
            td.n { (number::count(storm.failed_attempts_during_fault)) }
            td { (stripes(&storm.first_delays)) }
            td { (afterwards(storm)) }
        }
    }
}

/// The first delays that were drawn, as bars of how many clients drew each stripe.
fn stripes(stripes: &[DelayStripe]) -> Markup {
    const WIDTH: f64 = 160.0;
    const HEIGHT: f64 = 34.0;
    let (Some(first), Some(last)) = (stripes.first(), stripes.last()) else {
        return html! {};
    };
    let span = (last.to_ms.saturating_sub(first.from_ms)).max(1) as f64;
    let most = stripes.iter().map(|stripe| stripe.clients).max();
    let most = most.unwrap_or(0).max(1) as f64;
    let bar = |stripe: &DelayStripe| {
        let from = (stripe.from_ms - first.from_ms) as f64 / span * WIDTH;
        let width = (stripe.to_ms - stripe.from_ms) as f64 / span * WIDTH;
        let height = stripe.clients as f64 / most * HEIGHT;
        let title = format!(
            "{}–{} ms: {}",
            number::count(stripe.from_ms),
            number::count(stripe.to_ms),
            number::counted(stripe.clients, "client")
        );
        html! {
            rect.stripe x=(format!("{from:.1}")) width=(format!("{:.1}", width.max(2.0)))
                y=(format!("{:.1}", HEIGHT - height)) height=(format!("{height:.1}")) {
                title { (title) }
            }
        }
    };
    html! {
        svg.stripes viewBox=(format!("0 0 {} {HEIGHT}", WIDTH + 2.0)) role="img"
            aria-label="first delays" { @for stripe in stripes { (bar(stripe)) } }
        div.dim {
            (number::count(first.from_ms)) "–" (number::count(last.to_ms)) " ms, "
            (number::counted(stripes.len() as u64, "stripe"))
        }
    }
}

fn afterwards(storm: &Storm) -> Markup {
    let class = match storm.aftermath {
        Aftermath::Recovered => "good",
        Aftermath::Metastable => "bad",
        Aftermath::TooShortToTell => "dim",
    };
    let levels = [
        ("handshakes/s", storm.handshakes_per_s),
        ("errors/s", storm.errors_per_s),
    ];
    html! {
        span class=(class) { (storm.aftermath.words()) }
        @for (name, Levels { before, after }) in levels {
            @if let (Some(before), Some(after)) = (before, after) {
                div.dim { (name) " " (number::rate(before)) " → " (number::rate(after)) }
            }
        }
    }
}
