//! When each client of a population comes and goes.
//!
//! Every time is computed from the origin of its stage, never from the client before it, so that
//! nothing drifts.

use std::time::Duration;

use crate::event::{ClientId, PopulationId};
use crate::scenario::plan::{Load, Plan, RampStage};

/// One client's place in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Its number over the whole run.
    pub client: ClientId,
    /// The population that it belongs to.
    pub population: PopulationId,
    /// Intended start, from the start of the run.
    pub start: Duration,
    /// When it leaves; never later than the end of the run.
    pub end: Duration,
}

impl Stay {
    /// Whether the client is meant to be there at `at`.
    #[must_use]
    pub fn covers(&self, at: Duration) -> bool {
        self.start <= at && at < self.end
    }
}

/// The stays of all clients of a plan, in order of client number.
#[must_use]
pub fn stays(plan: &Plan) -> Vec<Stay> {
    let mut stays = Vec::new();
    for (index, population) in plan.populations.iter().enumerate() {
        for (start, end) in spans(&population.load, plan.duration) {
            stays.push(Stay {
                client: ClientId(stays.len() as u64),
                population: PopulationId(index as u16),
                start,
                end,
            });
        }
    }
    stays
}

/// Start and end of each client of one population, in order of start.
fn spans(load: &Load, duration: Duration) -> Vec<(Duration, Duration)> {
    match load {
        Load::Arrive { count, rate } => (0..*count)
            .map(|n| rate.map_or(Duration::ZERO, |rate| rate.due(n)))
            .take_while(|start| *start < duration)
            .map(|start| (start, duration))
            .collect(),
        Load::Open { arrivals, stay } => (0..)
            .map(|n| arrivals.due(n))
            .take_while(|start| *start < duration)
            .map(|start| (start, duration.min(start + *stay)))
            .collect(),
        Load::Ramp(stages) => ramp(stages, duration),
    }
}

/// Clients along a line; on the way down those who came last leave first.
fn ramp(stages: &[RampStage], duration: Duration) -> Vec<(Duration, Duration)> {
    let mut spans: Vec<(Duration, Duration)> = Vec::new();
    let mut present: Vec<usize> = Vec::new();
    let mut origin = Duration::ZERO;
    for stage in stages {
        match *stage {
            RampStage::Hold(time) => origin += time,
            RampStage::To { clients, over } => {
                let before = present.len() as u64;
                let step = over.div_f64(before.abs_diff(clients).max(1) as f64);
                for n in 0..clients.saturating_sub(before) {
                    let start = origin + step.mul_f64(n as f64);
                    present.push(spans.len());
                    spans.push((start, duration));
                }
                for n in 0..before.saturating_sub(clients) {
                    let end = origin + step.mul_f64((n + 1) as f64);
                    if let Some(leaving) = present.pop() {
                        spans[leaving].1 = duration.min(end);
                    }
                }
                origin += over;
            }
        }
    }
    spans.retain(|(start, _)| *start < duration);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_secs(10);

    fn seconds(spans: &[(Duration, Duration)]) -> Vec<(f64, f64)> {
        spans
            .iter()
            .map(|(start, end)| (start.as_secs_f64(), end.as_secs_f64()))
            .collect()
    }

    #[test]
    fn without_a_rate_all_arrive_at_once() {
        let load = Load::Arrive {
            count: 3,
            rate: None,
        };
        assert_eq!(seconds(&spans(&load, RUN)), [(0.0, 10.0); 3]);
    }

    #[test]
    fn arrivals_after_the_end_never_happen() {
        let rate = "1/s".parse().ok();
        let load = Load::Arrive { count: 100, rate };
        let spans = spans(&load, RUN);
        assert_eq!(spans.len(), 10);
        assert_eq!(spans[9].0, Duration::from_secs(9));
    }

    #[test]
    fn an_open_population_comes_at_its_rate_and_stays_its_time() {
        let load = Load::Open {
            arrivals: "2/s".parse().unwrap(),
            stay: Duration::from_secs(3),
        };
        let spans = spans(&load, RUN);
        assert_eq!(spans.len(), 20);
        assert_eq!(seconds(&spans[..2]), [(0.0, 3.0), (0.5, 3.5)]);
        assert_eq!(seconds(&spans[19..]), [(9.5, 10.0)]);
    }

    #[test]
    fn a_ramp_follows_its_line_up_and_down() {
        let load = Load::Ramp(vec![
            RampStage::To {
                clients: 4,
                over: Duration::from_secs(4),
            },
            RampStage::Hold(Duration::from_secs(1)),
            RampStage::To {
                clients: 2,
                over: Duration::from_secs(2),
            },
            RampStage::To {
                clients: 3,
                over: Duration::from_secs(1),
            },
        ]);
        let spans = spans(&load, RUN);
        assert_eq!(
            seconds(&spans),
            [
                (0.0, 10.0),
                (1.0, 10.0),
                (2.0, 7.0),
                (3.0, 6.0),
                (7.0, 10.0)
            ]
        );
    }
}
