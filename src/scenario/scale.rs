//! `--clients`: all populations in proportion, with the sum exactly as asked.

use std::time::Duration;

use super::check;
use super::keys::MOST_CLIENTS;
use super::plan::{Load, Plan, RampStage};
use super::problem::{Checked, Code, Problems};
use crate::diagnostic::Place;
use crate::units::Rate;

/// Scales the plan's populations, by the most clients that each can have at once.
///
/// Rates of `arrive` stay: they say how hard the server is hit, not how many come.
pub(super) fn scale(
    plan: &mut Plan,
    clients: u64,
    place: Place,
    problems: &Problems,
) -> Checked<()> {
    let peaks: Vec<u64> = plan
        .populations
        .iter()
        .map(|population| population.load.peak_clients(plan.duration))
        .collect();
    if clients == 0 {
        return Err(check::no_clients(problems, place));
    }
    if clients > MOST_CLIENTS {
        let message = format!("there cannot be {clients} clients");
        return Err(problems.report(Code::OutOfRange, place, message, |d| {
            d.label(format!("at most {MOST_CLIENTS}"))
        }));
    }
    let shares = share_out(clients, &peaks);
    for ((population, peak), share) in plan.populations.iter_mut().zip(peaks).zip(shares) {
        match &mut population.load {
            Load::Arrive { count, .. } => *count = share,
            Load::Ramp(stages) => {
                for stage in stages {
                    if let RampStage::To { clients, .. } = stage {
                        *clients = in_proportion(*clients, share, peak);
                    }
                }
            }
            Load::Open { arrivals, stay } => {
                let seconds = (*stay).min(plan.duration).as_secs_f64();
                // A hair less, so that rounding up to whole clients does not add one.
                let per_second = share as f64 / seconds * (1.0 - 1e-12);
                match Rate::new(per_second, Duration::from_secs(1)) {
                    Some(rate) => *arrivals = rate,
                    None => {
                        population.load = Load::Arrive {
                            count: 0,
                            rate: None,
                        }
                    }
                }
            }
        }
    }
    check::check_all_clients(plan, place, problems)
}

/// `value` of `whole`, rounded to the nearest, on the scale of `total`.
fn in_proportion(value: u64, total: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let product = u128::from(value) * u128::from(total);
    ((product + u128::from(whole / 2)) / u128::from(whole)) as u64
}

/// Largest remainders: everyone gets the whole part of what is due, and what is left over goes to
/// those who lost most by the rounding, the earlier ones first.
pub(crate) fn share_out(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let due = |weight: u64| u128::from(weight) * u128::from(total);
    let mut shares: Vec<u64> = weights.iter().map(|w| (due(*w) / sum) as u64).collect();
    let mut by_loss: Vec<usize> = (0..weights.len()).collect();
    by_loss.sort_by_key(|i| std::cmp::Reverse(due(weights[*i]) % sum));
    let left = total - shares.iter().sum::<u64>();
    for i in by_loss.into_iter().take(left as usize) {
        shares[i] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn remainders_go_to_those_who_lost_most() {
        assert_eq!(share_out(10, &[950, 50]), [10, 0]);
        assert_eq!(share_out(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(share_out(7, &[0, 0]), [0, 0]);
    }

    proptest! {
        #[test]
        fn the_shares_sum_to_the_total_and_miss_no_due_by_a_client(
            total in 0u64..1_000_000, weights in prop::collection::vec(0u64..10_000, 1..20),
        ) {
            let sum: u64 = weights.iter().sum();
            prop_assume!(sum > 0);
            let shares = share_out(total, &weights);
            prop_assert_eq!(shares.iter().sum::<u64>(), total);
            for (share, weight) in shares.iter().zip(&weights) {
                let due = total as f64 * *weight as f64 / sum as f64;
                prop_assert!((*share as f64 - due).abs() < 1.0);
            }
        }
    }
}
