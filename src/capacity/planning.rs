//! From a capacity to what to run: headroom, nodes, what ran out.

use crate::report::number;
use crate::results::capacity::{
    Conclusion, Estimate, Level, Limit, Nodes, Outcome, Recommendation, Resource, SearchResult,
    Varied,
};

/// A process is out of CPU from so many cores on for each core that it can use; the sampling and the
/// scheduler take the rest.
const BUSY_CORE: f64 = 0.9;

/// A machine is out of memory from this share on.
const FULL_MEMORY: f64 = 0.9;

/// A process is out of descriptors from this share of its limit on.
const FULL_DESCRIPTORS: f64 = 0.95;

/// What is asked of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wanted {
    /// The share to keep free.
    pub(super) headroom: f64,
    /// The load to plan nodes for.
    pub(super) nodes_for: Option<u64>,
    /// How fast clients came back to a node, per second, as the levels ramped.
    pub(super) return_per_s: f64,
    /// Whether the scenario's faults struck at every level.
    pub(super) has_faults: bool,
}

/// What to run for a search's answer; nothing without a capacity.
pub(super) fn recommend(
    answer: &SearchResult,
    vary: Varied,
    wanted: &Wanted,
) -> Option<Recommendation> {
    let capacity = answer.capacity?;
    let load = (capacity as f64 * (1.0 - wanted.headroom)).floor() as u64;
    let instances = u64::from(answer.server_instances.unwrap_or(1).max(1));
    let memory = |per_client: Estimate| {
        // The upper end of the interval: too little memory is worse than too much.
        let per_client = per_client.value + per_client.error;
        answer.memory_before.unwrap_or(0.0) + per_client * load as f64
    };
    let memory_bytes = answer
        .rss_per_client
        .filter(|_| vary == Varied::Clients)
        .map(memory);
    let nodes = wanted.nodes_for.filter(|_| load >= instances).map(|total| {
        nodes(
            total,
            (capacity / instances, load / instances),
            vary,
            wanted,
        )
    });
    Some(Recommendation {
        headroom: wanted.headroom,
        load,
        memory_bytes,
        nodes,
    })
}

/// Nodes for `total`, each of which carries so much at most, and so much with headroom.
fn nodes(total: u64, (most, with_headroom): (u64, u64), vary: Varied, wanted: &Wanted) -> Nodes {
    let needed = total.div_ceil(with_headroom.max(1)).max(1);
    // Measured under faults, the capacity includes what a storm costs; otherwise the headroom has
    // to pay for it.
    let after_loss = if wanted.has_faults {
        most
    } else {
        with_headroom
    };
    let with_one_lost = needed.max(total.div_ceil(after_loss.max(1)) + 1);
    let storm = if vary == Varied::Clients {
        let returning = total.div_ceil(with_one_lost * (with_one_lost - 1).max(1));
        let seconds = returning as f64 / wanted.return_per_s.max(1e-9);
        let measured = if wanted.has_faults {
            "the capacity was measured while the scenario's faults struck, returning clients included"
        } else {
            "the cost of their return was not measured and comes out of the headroom; add a fault \
             such as server_restart to the scenario to measure it"
        };
        format!(
            "when one of {} is lost, each of the others takes back {}, {seconds:.0} s at the {:.0}/s \
             at which levels ramped; {measured}",
            number::counted(with_one_lost, "node"),
            number::counted(returning, "client"),
            wanted.return_per_s,
        )
    } else {
        "the load of a lost node goes to the others at once".to_owned()
    };
    Nodes {
        load: total,
        needed,
        with_one_lost,
        storm,
    }
}

/// What the machine of the server has, where it is this one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Machine {
    /// Cores.
    pub(super) cores: Option<u64>,
    /// Memory, in bytes.
    pub(super) memory_bytes: Option<u64>,
    /// Descriptors that a server process may have.
    pub(super) descriptors: Option<u64>,
    /// Instances of the server.
    pub(super) instances: u16,
    /// Whether one instance can use more than one core; Node, Python and the embedded server
    /// cannot.
    pub(super) threads_share_load: bool,
}

/// What ran out first at the level above the capacity.
pub(super) fn limit(answer: &SearchResult, machine: &Machine) -> Option<Limit> {
    if answer.conclusion == Conclusion::GeneratorBound {
        let level = last(answer, |level| level.outcome == Outcome::GeneratorBound)?;
        return Some(Limit {
            resource: Resource::Generator,
            evidence: level.reasons.join("; "),
        });
    }
    let fails_at = answer.fails_at?;
    let failed = |level: &Level| level.outcome == Outcome::Failed && level.load == fails_at;
    let level = last(answer, failed)?;
    let found = died(level)
        .or_else(|| cpu(level, machine))
        .or_else(|| descriptors(level, machine))
        .or_else(|| memory(level, machine))
        .or_else(|| errors(level));
    Some(found.unwrap_or_else(|| Limit {
        resource: Resource::Latency,
        evidence: level.gave_way.as_ref().map_or_else(
            || level.reasons.join("; "),
            |gave| format!("{gave} gave way"),
        ),
    }))
}

fn last(answer: &SearchResult, wanted: impl Fn(&Level) -> bool) -> Option<&Level> {
    answer.levels.iter().rev().find(|level| wanted(level))
}

fn died(level: &Level) -> Option<Limit> {
    let reason = level
        .reasons
        .iter()
        .find(|reason| reason.starts_with("server"))?;
    Some(Limit {
        resource: Resource::ServerDied,
        evidence: reason.clone(),
    })
}

fn cpu(level: &Level, machine: &Machine) -> Option<Limit> {
    let used = level.server.get("server.cpu")?.mean;
    let instances = f64::from(machine.instances.max(1));
    let cores = machine.cores.map_or(f64::INFINITY, |cores| cores as f64);
    let usable = if machine.threads_share_load {
        cores
    } else {
        instances.min(cores)
    };
    (used >= BUSY_CORE * usable).then(|| Limit {
        resource: Resource::ServerCpu,
        evidence: format!(
            "server.cpu was {} on average, of {} that its event loops can use",
            number::percentage(used),
            number::percentage(usable)
        ),
    })
}

fn descriptors(level: &Level, machine: &Machine) -> Option<Limit> {
    let used = level.server.get("server.fds")?.max / f64::from(machine.instances.max(1));
    let limit = machine.descriptors? as f64;
    (used >= FULL_DESCRIPTORS * limit).then(|| Limit {
        resource: Resource::ServerDescriptors,
        evidence: format!("{used:.0} descriptors were open in a server that may have {limit:.0}"),
    })
}

fn memory(level: &Level, machine: &Machine) -> Option<Limit> {
    let used = level.server.get("server.rss")?.max;
    let memory = machine.memory_bytes? as f64;
    (used >= FULL_MEMORY * memory).then(|| Limit {
        resource: Resource::ServerMemory,
        evidence: format!(
            "server.rss reached {} of the machine's {}",
            number::bytes(used as u64),
            number::bytes(memory as u64)
        ),
    })
}

fn errors(level: &Level) -> Option<Limit> {
    let is_of_errors = |metric: &str| {
        metric.contains("error") || metric.contains("rejected") || metric.contains("never_")
    };
    let of_errors = level.gave_way.as_deref().is_some_and(is_of_errors);
    let are_missing = level
        .reasons
        .iter()
        .any(|reason| reason.contains("connected"));
    ((of_errors || are_missing) && level.errors > 0).then(|| Limit {
        resource: Resource::Errors,
        evidence: format!(
            "{}: {}",
            number::counted(level.errors, "failure"),
            level.reasons.join("; ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::capacity::LevelGauge;
    use crate::results::capacity::samples::{found, level};

    const WANTED: Wanted = Wanted {
        headroom: 0.3,
        nodes_for: Some(250_000),
        return_per_s: 100.0,
        has_faults: false,
    };

    #[test]
    fn nodes_carry_the_load_with_headroom_and_with_one_of_them_lost() {
        let answer = found(2_400, 2_500);
        let advice = recommend(&answer, Varied::Clients, &WANTED).unwrap();
        assert_eq!(advice.load, 1_680);
        let nodes = advice.nodes.unwrap();
        assert_eq!((nodes.needed, nodes.with_one_lost), (149, 150));
        assert!(
            nodes.storm.contains("comes out of the headroom"),
            "{}",
            nodes.storm
        );
        let with_faults = Wanted {
            has_faults: true,
            ..WANTED
        };
        let advice = recommend(&answer, Varied::Clients, &with_faults).unwrap();
        let nodes = advice.nodes.unwrap();
        // 105 + 1 at full capacity are fewer than what headroom asks for anyway.
        assert_eq!((nodes.needed, nodes.with_one_lost), (149, 149));
    }

    #[test]
    fn memory_is_planned_at_the_upper_end_of_its_interval() {
        let mut answer = found(1_000, 1_050);
        answer.rss_per_client = Some(Estimate {
            value: 40_000.0,
            error: 1_000.0,
        });
        answer.memory_before = Some(50e6);
        let advice = recommend(&answer, Varied::Clients, &WANTED).unwrap();
        assert_eq!(advice.memory_bytes, Some(50e6 + 700.0 * 41_000.0));
        let emits = recommend(&answer, Varied::Emits, &WANTED).unwrap();
        assert_eq!(emits.memory_bytes, None, "more emits need no more clients");
    }

    #[test]
    fn what_ran_out_is_named_by_what_shows_it() {
        let machine = Machine {
            cores: Some(8),
            memory_bytes: Some(8 << 30),
            descriptors: Some(1_024),
            instances: 1,
            threads_share_load: false,
        };
        let named = |change: &dyn Fn(&mut Level)| {
            let mut failed = Level {
                reasons: vec!["ack.time: p(99) < 250ms was 400 ms".to_owned()],
                gave_way: Some("ack.time: p(99) < 250ms".to_owned()),
                ..level(1_050, Outcome::Failed)
            };
            change(&mut failed);
            let mut answer = found(1_000, 1_050);
            answer.levels = vec![failed];
            limit(&answer, &machine).unwrap()
        };
        let gauge = |level: &mut Level, name: &str, value: f64| {
            let gauge = LevelGauge {
                mean: value,
                max: value,
            };
            level.server.insert(name.to_owned(), gauge);
        };
        assert_eq!(named(&|_| {}).resource, Resource::Latency);
        let busy = named(&|level| gauge(level, "server.cpu", 0.97));
        assert_eq!(busy.resource, Resource::ServerCpu);
        assert!(busy.evidence.contains("97"), "{}", busy.evidence);
        let idle = named(&|level| gauge(level, "server.cpu", 0.4));
        assert_eq!(idle.resource, Resource::Latency);
        let open = named(&|level| gauge(level, "server.fds", 1_020.0));
        assert_eq!(open.resource, Resource::ServerDescriptors);
        let full = named(&|level| gauge(level, "server.rss", 8e9));
        assert_eq!(full.resource, Resource::ServerMemory);
        let dead = named(&|level| level.reasons = vec!["server 0 ended by itself".to_owned()]);
        assert_eq!(dead.resource, Resource::ServerDied);
        let errors = named(&|level| {
            level.errors = 12;
            level.gave_way = Some("handshake.error_rate: rate < 1%".to_owned());
        });
        assert_eq!(errors.resource, Resource::Errors);
    }
}
