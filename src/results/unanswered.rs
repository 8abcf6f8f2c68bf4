//! Warnings about requests of one side that the other side did not grant or did not answer.

use super::facts::PopulationFacts;
use super::summary::Warning;
use crate::catalogue;
use crate::event::{Counter, PopulationId};
use crate::metrics::{Tally, Totals};

/// For each population: CONNECTs without a reply, clients without all their namespaces, and acks
/// that the server waits for in vain.
pub(super) fn warnings(facts: &[PopulationFacts], totals: &Totals) -> Vec<Warning> {
    let each = facts.iter().enumerate().filter_map(|(place, facts)| {
        let population = PopulationId(u16::try_from(place).ok()?);
        Some((facts, totals.population(population)?))
    });
    each.flat_map(|(facts, tally)| {
        let found = [
            connect_unanswered(&facts.name, tally),
            partly_connected(&facts.name, tally),
            acks_owed(&facts.name, tally),
        ];
        found.into_iter().flatten()
    })
    .collect()
}

/// Clients wait for a reply to CONNECT for ever, and nothing else would tell. A CONNECT whose request
/// failed on its way is none of these: the failure is reported.
fn connect_unanswered(name: &str, tally: &Tally) -> Option<Warning> {
    let count = |counter| tally.counters.value(counter);
    let asked = count(Counter::NamespaceAttempts);
    let answered = count(Counter::Connects) + count(Counter::NamespaceErrors);
    let unanswered = count(Counter::NamespaceUnanswered);
    // Those still on their way at the end of a run are no pattern.
    (answered == 0 && unanswered > 0 && unanswered * 2 >= asked).then(|| Warning {
        code: "connect_unanswered".to_owned(),
        message: format!(
            "{unanswered} of the {asked} CONNECTs of `{name}` were not answered, and none was \
             accepted: a middleware of the server that never calls `next()`, or a server with \
             another parser ({} and {})",
            catalogue::CONNECT_UNANSWERED.code,
            catalogue::CONNECT_DROPPED.code,
        ),
    })
}

fn partly_connected(name: &str, tally: &Tally) -> Option<Warning> {
    let count = |counter| tally.counters.value(counter);
    let partial = count(Counter::ClientsPartial);
    (partial > 0).then(|| Warning {
        code: "partly_connected".to_owned(),
        message: format!(
            "{partial} of the {} clients of `{name}` had some of their namespaces but never all: \
             {} CONNECTs were refused and {} not answered; these clients emit in the namespaces \
             that they have",
            count(Counter::ClientsStarted),
            count(Counter::NamespaceErrors),
            count(Counter::NamespaceUnanswered),
        ),
    })
}

fn acks_owed(name: &str, tally: &Tally) -> Option<Warning> {
    let owed = tally.counters.value(Counter::AcksOwed);
    (owed > 0).then(|| Warning {
        code: "acks_owed".to_owned(),
        message: format!(
            "the server asked clients of `{name}` for {owed} acks that nothing answers: add \
             `reply` to the `[[clients.listen]]` table of the event"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(Counter, u64)]) -> Tally {
        let mut tally = Tally::default();
        for (counter, count) in counts {
            tally.counters.add(*counter, *count);
        }
        tally
    }

    #[test]
    fn connects_that_failed_on_their_way_are_not_unanswered() {
        let refused_by_http = tally(&[
            (Counter::NamespaceAttempts, 30),
            (Counter::NamespaceUnanswered, 3),
        ]);
        assert_eq!(connect_unanswered("web", &refused_by_http), None);
        let silent = tally(&[
            (Counter::NamespaceAttempts, 30),
            (Counter::NamespaceUnanswered, 30),
        ]);
        let warning = connect_unanswered("web", &silent).unwrap();
        assert!(
            warning
                .message
                .starts_with("30 of the 30 CONNECTs of `web`")
        );
    }

    #[test]
    fn what_was_granted_in_part_and_what_is_owed_is_said() {
        let partial = tally(&[
            (Counter::ClientsStarted, 10),
            (Counter::ClientsPartial, 10),
            (Counter::NamespaceErrors, 10),
            (Counter::AcksOwed, 25),
        ]);
        let message = partly_connected("web", &partial).unwrap().message;
        assert!(message.contains("10 of the 10 clients"), "{message}");
        assert!(message.contains("10 CONNECTs were refused and 0 not answered"));
        let message = acks_owed("web", &partial).unwrap().message;
        assert!(message.contains("25 acks"), "{message}");
        assert_eq!(partly_connected("web", &tally(&[])), None);
        assert_eq!(acks_owed("web", &tally(&[])), None);
    }
}
