use super::exit_code;
use crate::results::summary::Verdict;

/// What the verdict depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Whether the run was ended before its time.
    pub interrupted: bool,
    /// Whether any client was connected at any time.
    pub anyone_connected: bool,
    /// Whether the generator was the bottleneck, as [`crate::metrics::health::judge`] found.
    pub generator_bound: bool,
    /// How many thresholds did not hold.
    pub thresholds_crossed: usize,
}

/// The verdict and the exit code of a run; where several reasons apply, the first of these counts.
///
/// 1. *Interrupted*: part of the load never happened, so neither a held nor a crossed threshold
///    means what the scenario meant by it. Whoever pressed Ctrl-C knows why.
/// 2. *Nobody ever connected*: there is nothing to judge. A scenario without thresholds, or with
///    thresholds that hold on nothing (`clients.never_back`, `count == 0`), must not pass against
///    a server that is down; and how busy the generator was explains nothing.
/// 3. *Generator-bound*: a crossed threshold may be the generator's doing and a held one an
///    accident, so a job must not blame or clear the server by them. The thresholds are listed
///    all the same.
/// 4. *Thresholds crossed*: the server, or the network, is the one that did it.
/// 5. *Passed*.
#[must_use]
pub fn verdict(ending: Ending) -> (Verdict, u8) {
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
    };

    #[test]
    fn each_reason_outranks_those_below_it() {
        let mut ending = FINE;
        assert_eq!(verdict(ending), (Verdict::Passed, 0));
        ending.thresholds_crossed = 2;
        assert_eq!(verdict(ending), (Verdict::Failed, 99));
        ending.generator_bound = true;
        assert_eq!(verdict(ending), (Verdict::GeneratorBound, 92));
        ending.anyone_connected = false;
        assert_eq!(verdict(ending), (Verdict::Failed, 1));
        ending.interrupted = true;
        assert_eq!(verdict(ending), (Verdict::Interrupted, 105));
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
