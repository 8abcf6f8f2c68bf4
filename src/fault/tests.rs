use std::collections::BTreeSet;

use super::*;

#[test]
fn every_fault_has_a_name_of_its_own_and_the_keys_that_all_faults_have() {
    let mut names = BTreeSet::new();
    for spec in all() {
        assert!(names.insert(spec.name), "{} is there twice", spec.name);
        for key in ["at", "fault", "every"] {
            assert!(spec.has(key), "{} has no `{key}`", spec.name);
        }
        let keys = spec.table.keys.iter().map(|key| key.name);
        let distinct: BTreeSet<_> = keys.clone().collect();
        assert_eq!(distinct.len(), keys.count(), "{} repeats a key", spec.name);
    }
    assert_eq!(names.len(), 30);
}

#[test]
fn a_fault_lasts_as_long_as_its_own_rule_says() {
    let seconds = Duration::from_secs;
    let span = |lasts| Span {
        lasts,
        run: seconds(60),
        instances: 3,
    };
    let length = |fault: &FaultKind, lasts| fault.length(span(lasts));
    let mute = FaultKind::Client(ClientFault::Condition(condition::Mute.into()));
    assert_eq!(length(&mute, Some(seconds(5))), seconds(5));
    assert_eq!(length(&mute, None), seconds(60));
    let garbage = FaultKind::Client(ClientFault::Impulse(impulse::Garbage.into()));
    assert_eq!(length(&garbage, None), Duration::ZERO);
    let restart = FaultKind::Path(PathFault::Listener(listener::Restart.into()));
    assert_eq!(length(&restart, None), Duration::ZERO);
    let rolling = process::RollingRestart {
        signal: process::Signal::SigTerm,
        grace: seconds(30),
        down: seconds(1),
        drain: seconds(2),
        pause: seconds(3),
    };
    assert_eq!(
        length(&FaultKind::Process(rolling.into()), None),
        seconds(18)
    );
    let kill = process::ServerKill {
        signal: process::Signal::SigKill,
        grace: seconds(30),
        instance: None,
    };
    assert_eq!(length(&FaultKind::Process(kill.into()), None), seconds(60));
}

#[test]
fn a_server_that_was_killed_may_be_started_again_and_not_the_other_way_round() {
    let (signal, grace) = (process::Signal::SigKill, Duration::ZERO);
    let kill = |instance| {
        let kill = process::ServerKill {
            signal,
            grace,
            instance,
        };
        FaultKind::Process(kill.into())
    };
    let restart = process::ServerRestart {
        signal,
        grace,
        down: Duration::ZERO,
        instance: Some(1),
    };
    let restart = FaultKind::Process(restart.into());
    let clash = |one: &FaultKind, other: &FaultKind| Some(one.conflict(other)?.clash);
    assert_eq!(clash(&restart, &kill(None)), None);
    assert_eq!(clash(&kill(None), &restart), Some(Clash::Beginning));
    assert_eq!(clash(&kill(Some(0)), &restart), None, "another instance");
    assert_eq!(clash(&restart, &restart), Some(Clash::Meeting));
}
