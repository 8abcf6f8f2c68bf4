use super::exit_code;
use crate::results::summary::Verdict;

/// What the verdict depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Whether the run was ended before its time.
    pub interrupted: bool,
    /// Whether any client had all its namespaces at any time.
    pub anyone_connected: bool,
    /// Whether the generator was the bottleneck, as [`crate::metrics::health::judge`] found.
    pub generator_bound: bool,
    /// How many thresholds did not hold, and the generator's lag does not explain it.
    pub thresholds_crossed: usize,
    /// How many did not hold because the generator lagged ([`GeneratorLag`](super::GeneratorLag)).
    pub crossed_by_lag: usize,
    /// Whether a part of the load was lost with the thread that made it.
    pub worker_lost: bool,
    /// How many faults could not be carried out, or not at every client that they had chosen, or had
    /// not struck by the end of the run.
    pub faults_failed: usize,
    /// How many servers of the run ended though no fault ended them.
    pub servers_died: usize,
    /// Whether results could not be written as they should have been.
    pub results_lost: bool,
}

/// The verdict and the exit code of a run; where several reasons apply, the first of these counts.
///
/// 1. *A worker was lost*: nobody knows what its clients would have met.
/// 2. *Interrupted*: part of the load never happened, so neither a held nor a crossed threshold
///    means what the scenario meant by it. Whoever pressed Ctrl-C knows why.
/// 3. *Nobody ever connected*, with all its namespaces: there is nothing to judge. A scenario without thresholds, or with
///    thresholds that hold on nothing (`clients.never_back`, `count == 0`), must not pass against
///    a server that is down; and how busy the generator was explains nothing.
/// 4. *Generator-bound*: a crossed threshold may be the generator's doing and a held one an
///    accident, so a job must not blame or clear the server by them. The thresholds are listed
///    all the same.
/// 5. *Thresholds crossed*: the server, or the network, is the one that did it.
/// 6. *Thresholds crossed by lag alone*: the generator is the one that did it, so this is
///    *generator-bound* too.
/// 7. *A fault failed*, or had not struck by the end of the run, or a server of the run died by
///    itself: what the thresholds held against was not what the scenario asked for.
/// 8. *Results lost*: what was measured is not all there.
/// 9. *Passed*.
#[must_use]
pub fn verdict(ending: Ending) -> (Verdict, u8) {
    if ending.worker_lost {
        return (Verdict::Failed, exit_code::WORKER_LOST);
    }
    if ending.interrupted {
        return (Verdict::Interrupted, exit_code::INTERRUPTED);
    }
    if !ending.anyone_connected {
        return (Verdict::Failed, exit_code::RUN_FAILED);
    }
    if ending.generator_bound {
        return (Verdict::GeneratorBound, exit_code::GENERATOR_BOUND);
    }
    if ending.thresholds_crossed > 0 {
        return (Verdict::Failed, exit_code::THRESHOLDS_CROSSED);
    }
    if ending.crossed_by_lag > 0 {
        return (Verdict::GeneratorBound, exit_code::GENERATOR_BOUND);
    }
    if ending.faults_failed + ending.servers_died > 0 || ending.results_lost {
        return (Verdict::Failed, exit_code::RUN_FAILED);
    }
    (Verdict::Passed, exit_code::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Ending = Ending {
        interrupted: false,
        anyone_connected: true,
        generator_bound: false,
        thresholds_crossed: 0,
        crossed_by_lag: 0,
        worker_lost: false,
        faults_failed: 0,
        servers_died: 0,
        results_lost: false,
    };

    #[test]
    fn each_reason_outranks_those_below_it() {
        let mut ending = FINE;
        assert_eq!(verdict(ending), (Verdict::Passed, 0));
        ending.results_lost = true;
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
        ending.faults_failed = 1;
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
        ending.faults_failed = 0;
        ending.servers_died = 1;
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
        ending.crossed_by_lag = 1;
        assert_eq!(verdict(ending), (Verdict::GeneratorBound, 92));
        ending.thresholds_crossed = 2;
        assert_eq!(verdict(ending), (Verdict::Failed, 99));
        ending.generator_bound = true;
        assert_eq!(verdict(ending), (Verdict::GeneratorBound, 92));
        ending.anyone_connected = false;
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
        ending.interrupted = true;
        assert_eq!(verdict(ending), (Verdict::Interrupted, 105));
        ending.worker_lost = true;
        assert_eq!(verdict(ending), (Verdict::Failed, 93));
    }

    #[test]
    fn a_run_without_thresholds_fails_all_the_same_when_nobody_connects() {
        let ending = Ending {
            anyone_connected: false,
            ..FINE
        };
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
    }
}
