use std::time::Duration;

use super::{exclude, needs};
use crate::scenario::plan::{Load, RampStage};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::{Reader, all};
use crate::units::Rate;

/// Who comes when: `count` with `arrive`, or `ramp`, or `arrivals` with `stay`.
pub(super) fn read(reader: &Reader<'_>) -> Checked<Load> {
    let clash = ["ramp", "arrivals"].into_iter().find_map(|shape| {
        let others = ["count", "arrive", "ramp", "arrivals", "stay"];
        let clash = |other: &&str| {
            *other != shape && reader.has(other) && !(shape == "arrivals" && *other == "stay")
        };
        let other = others.into_iter().find(clash)?;
        reader.has(shape).then_some((other, shape))
    });
    if let Some((other, shape)) = clash {
        let help =
            "a population has count (with or without arrive), or ramp, or arrivals with stay";
        return Err(exclude(reader, other, shape, help));
    }
    if reader.has("ramp") {
        return ramp(reader).map(Load::Ramp);
    }
    if reader.has("arrivals") {
        return open(reader);
    }
    if reader.has("stay") {
        let help = "clients of `count` stay until the end; write arrivals = \"50/s\" for others";
        return Err(needs(reader, "stay", "arrivals", help));
    }
    let count = reader.optional_integer("count");
    let rate = rate(reader, "arrive");
    let Some(count) = count? else {
        let help = "add count = 100, or ramp = [...], or arrivals = \"50/s\" with stay = \"30s\"";
        return Err(reader.missing("count", help));
    };
    Ok(Load::Arrive { count, rate: rate? })
}

/// A rate that no clock is too coarse for and no run too short.
fn rate(reader: &Reader<'_>, key: &str) -> Checked<Option<Rate>> {
    let rate: Option<Rate> = reader.optional_quantity(key)?;
    match (rate, reader.entry(key)) {
        (Some(rate), Some(entry)) if !(1e-6..=1e6).contains(&rate.per_second()) => Err(reader
            .report(
                Code::OutOfRange,
                entry.node.place,
                format!("`{key}` is beyond all bounds"),
                |d| {
                    d.label("expected from one in 1,000,000 s to 1,000,000/s")
                        .key(reader.path_of(key))
                },
            )),
        _ => Ok(rate),
    }
}

fn open(reader: &Reader<'_>) -> Checked<Load> {
    let arrivals = rate(reader, "arrivals");
    let stay = reader.optional_duration("stay");
    let Some(stay) = stay? else {
        let help = "add stay = \"30s\": how long each client stays";
        return Err(needs(reader, "arrivals", "stay", help));
    };
    let stay = reader.not_zero("stay", stay)?;
    let arrivals = arrivals?.expect("the caller saw the key");
    Ok(Load::Open { arrivals, stay })
}

fn ramp(reader: &Reader<'_>) -> Checked<Vec<RampStage>> {
    let stages = reader.children("ramp")?;
    if stages.is_empty() {
        let message = "`ramp` has no stages";
        return Err(
            reader.report(Code::OutOfRange, reader.place_of("ramp"), message, |d| {
                d.label("is empty")
                    .key(reader.path_of("ramp"))
                    .help("write ramp = [{ to = 1000, over = \"4s\" }, { hold = \"30s\" }]")
            }),
        );
    }
    all(stages.into_iter().map(|stage| self::stage(&stage?)))
}

fn stage(stage: &Reader<'_>) -> Checked<RampStage> {
    let to = stage.optional_integer("to");
    let over = stage.optional_duration("over");
    let hold = stage.optional_duration("hold");
    if stage.has("hold") {
        for key in ["to", "over"] {
            if stage.has(key) {
                let help = "make them two stages: { to = 1000, over = \"4s\" }, { hold = \"30s\" }";
                return Err(exclude(stage, "hold", key, help));
            }
        }
    }
    match (to?, over?, hold?) {
        (_, _, Some(hold)) => Ok(RampStage::Hold(hold)),
        (Some(clients), Some(over), None) => Ok(RampStage::To { clients, over }),
        (Some(_), None, None) => {
            let help = "add over = \"4s\": how long the stage takes";
            Err(needs(stage, "to", "over", help))
        }
        (None, _, None) => {
            let help = "write { to = 1000, over = \"4s\" } or { hold = \"30s\" }";
            Err(stage.missing("to", help))
        }
    }
}

/// What a load does not get done before the run ends.
pub(super) fn warning(name: &str, load: &Load, duration: Duration) -> Option<String> {
    match load {
        Load::Arrive {
            count,
            rate: Some(rate),
        } if *count > 0 && rate.due(count - 1) >= duration => {
            let arrived = (rate.per_second() * duration.as_secs_f64()).ceil();
            Some(format!(
                "population {name}: only {arrived} of {count} clients arrive before the end, at {rate}"
            ))
        }
        Load::Ramp(stages) => {
            let total: Duration = stages.iter().map(|stage| stage.duration()).sum();
            (total > duration).then(|| {
                let total = crate::units::format_duration(total);
                let duration = crate::units::format_duration(duration);
                format!("population {name}: its ramp takes {total}, the run ends after {duration}")
            })
        }
        Load::Arrive { .. } | Load::Open { .. } => None,
    }
}
