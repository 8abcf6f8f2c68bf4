use super::page::{Ink, Page, Piece};
use super::table::Table;
use super::times;
use crate::event::{Counter, HistogramMetric};
use crate::report::{number, words};
use crate::results::summary::{PopulationSummary, Summary};

/// Writes who connected, and what that took.
pub(super) fn write_clients(page: &mut Page, summary: &Summary) {
    page.heading("Load");
    let count = |counter: Counter| counted(summary, counter);
    let mut clients = vec![
        fact(count(Counter::ClientsStarted), "started"),
        fact(count(Counter::ClientsConnectedMax), "connected at once"),
    ];
    clients.extend(lost(summary));
    page.facts(2, "clients", &clients);
    write_handshakes(page, summary);
    if count(Counter::Upgrades) + count(Counter::UpgradeErrors) > 0 {
        let failed = count(Counter::UpgradeErrors);
        let upgrades = [
            fact(count(Counter::Upgrades), "to WebSocket"),
            (
                Ink::bad_if(failed > 0),
                format!("{} failed", number::count(failed)),
            ),
        ];
        page.facts(2, "upgrades", &upgrades);
    }
    let traffic = [
        (Counter::BytesSent, "sent"),
        (Counter::BytesReceived, "received"),
    ]
    .map(|(counter, what)| {
        (
            Ink::Plain,
            format!("{} {what}", number::bytes(count(counter))),
        )
    });
    page.facts(2, "traffic", &traffic);
}

/// Clients that are not what they should be, by kind; the two that matter most also at zero.
fn lost(summary: &Summary) -> Vec<Piece> {
    let always = [
        (Counter::ClientsNeverConnected, "never connected"),
        (Counter::ClientsNeverBack, "never back"),
    ];
    let if_any = [
        (Counter::ClientsRejected, "rejected"),
        (Counter::ClientsKicked, "kicked by the server"),
        (Counter::ClientsGaveUp, "gave up reconnecting"),
    ];
    let if_any = if_any
        .into_iter()
        .filter(|(counter, _)| counted(summary, *counter) > 0);
    always
        .into_iter()
        .chain(if_any)
        .map(|(counter, what)| {
            let count = counted(summary, counter);
            (
                Ink::bad_if(count > 0),
                format!("{} {what}", number::count(count)),
            )
        })
        .collect()
}

fn write_handshakes(page: &mut Page, summary: &Summary) {
    let failed = counted(summary, Counter::HandshakeErrors);
    let rate = summary.rates.get("handshake.error_rate").copied().flatten();
    let share = rate
        .filter(|_| failed > 0)
        .map_or_else(String::new, |rate| {
            format!(" ({})", number::percentage(rate))
        });
    let mut handshakes = vec![
        fact(counted(summary, Counter::HandshakeAttempts), "attempts"),
        (
            Ink::bad_if(failed > 0),
            format!("{} failed{share}", number::count(failed)),
        ),
    ];
    let zombies = counted(summary, Counter::HandshakeZombies);
    if zombies > 0 {
        handshakes.push((
            Ink::Caution,
            format!("{} left as zombies", number::count(zombies)),
        ));
    }
    page.facts(2, "handshakes", &handshakes);
    let refused = counted(summary, Counter::NamespaceErrors);
    if refused > 0 {
        let connects = [
            fact(counted(summary, Counter::NamespaceAttempts), "attempts"),
            (Ink::Bad, format!("{} refused", number::count(refused))),
        ];
        page.facts(2, "namespaces", &connects);
    }
}

/// Writes what was sent and came in; nothing if the scenario sends and expects nothing.
pub(super) fn write_events(page: &mut Page, summary: &Summary) {
    let emits = counted(summary, Counter::Emits);
    let events = counted(summary, Counter::Events);
    let dropped = counted(summary, Counter::EmitsDropped);
    let unsent = counted(summary, Counter::EmitsUnsent);
    let beats = summary
        .metrics
        .contains_key(HistogramMetric::HeartbeatLateness.name());
    if emits + events + dropped + unsent == 0 && !beats {
        return;
    }
    page.heading("Events");
    let mut sent = vec![fact(emits, "emitted")];
    sent.extend(if_any(dropped, "dropped unsent"));
    sent.extend(if_any(unsent, "due and never sent"));
    sent.extend(if_any(counted(summary, Counter::EmitRetries), "sent again"));
    page.facts(2, "emits", &sent);
    let acks = [
        Counter::Acks,
        Counter::AckTimeouts,
        Counter::AckLost,
        Counter::AckUnanswered,
    ]
    .map(|counter| counted(summary, counter));
    if acks.iter().sum::<u64>() > 0 {
        let [came, late, lost, unanswered] = acks;
        let mut acks = vec![
            fact(came, "came"),
            (
                Ink::bad_if(late > 0),
                format!("{} timed out", number::count(late)),
            ),
            (
                Ink::bad_if(lost > 0),
                format!("{} lost with their connection", number::count(lost)),
            ),
        ];
        acks.extend(if_any(unanswered, "unanswered at the end"));
        page.facts(2, "acks", &acks);
    }
    if events > 0 {
        page.facts(2, "received", &[fact(events, "events")]);
    }
    write_listens(page, summary);
    let metrics = [
        HistogramMetric::AckTime,
        HistogramMetric::AckServiceTime,
        HistogramMetric::EventTime,
        HistogramMetric::HeartbeatLateness,
    ];
    if metrics
        .iter()
        .any(|metric| summary.metrics.contains_key(metric.name()))
    {
        page.line(&[]);
        times::write_table(page, summary, &metrics);
    }
}

fn write_listens(page: &mut Page, summary: &Summary) {
    for (population, PopulationSummary { listens, .. }) in &summary.populations {
        for listen in listens {
            let mut facts = vec![
                (Ink::Plain, format!("{} by {population}", listen.event)),
                fact(listen.received, "received"),
            ];
            if let Some(expected) = listen.expected {
                let ink = Ink::bad_if(listen.received != expected);
                facts.push((ink, format!("{} expected", number::count(expected))));
                let wrong = [(listen.missing, "missing"), (listen.surplus, "too many")];
                for (count, what) in wrong {
                    if let Some(count) = count.filter(|count| *count > 0) {
                        facts.push((Ink::Bad, format!("{} {what}", number::count(count))));
                    }
                }
            }
            page.facts(2, "listen", &facts);
        }
    }
}

/// Writes the populations beside each other; nothing if there is but one.
pub(super) fn write_populations(page: &mut Page, summary: &Summary) {
    if summary.populations.len() < 2 {
        return;
    }
    page.heading("Populations");
    let mut table = Table::of_numbers([
        "",
        "clients",
        "at once",
        "never back",
        "connect p99",
        "reconnect p99",
    ]);
    for (name, population) in &summary.populations {
        let count = |counter: Counter| {
            population
                .counters
                .get(counter.name())
                .copied()
                .unwrap_or(0)
        };
        let plain = |counter: Counter| (Ink::Plain, number::count(count(counter)));
        let p99 = |metric: HistogramMetric| match population.metrics.get(metric.name()) {
            Some(distribution) => {
                let p99 = number::padded_time(distribution.p99 as f64);
                (Ink::Plain, words::percentile(distribution, "p99", &p99))
            }
            None => (Ink::Dim, "–   ".to_owned()),
        };
        let never_back = count(Counter::ClientsNeverBack);
        table.row(vec![
            (Ink::Plain, name.clone()),
            plain(Counter::ClientsStarted),
            plain(Counter::ClientsConnectedMax),
            (Ink::bad_if(never_back > 0), number::count(never_back)),
            p99(HistogramMetric::ConnectTime),
            p99(HistogramMetric::ReconnectTime),
        ]);
    }
    page.table(2, &table);
}

fn counted(summary: &Summary, counter: Counter) -> u64 {
    summary.counters.get(counter.name()).copied().unwrap_or(0)
}

fn fact(count: u64, what: &str) -> Piece {
    (Ink::Plain, format!("{} {what}", number::count(count)))
}

fn if_any(count: u64, what: &str) -> Option<Piece> {
    (count > 0).then(|| (Ink::Caution, format!("{} {what}", number::count(count))))
}
