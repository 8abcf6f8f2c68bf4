use super::{Context, needs, steps};
use crate::scenario::plan::{Journey, OnDisconnect, Step, StepList};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::{Reader, all};

/// The steps of a population.
pub(super) fn read(
    population: &Reader<'_>,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
) -> Checked<Journey> {
    let mut taken = Vec::new();
    let mut list = |list| read_list(population, list, namespaces, context, &mut taken);
    let before_connect = list(StepList::BeforeConnect);
    let on_connect = list(StepList::OnConnect);
    let on_rejected = list(StepList::OnRejected);
    let steps = list(StepList::Steps);
    let pace = population.optional_duration("pace").and_then(|pace| {
        pace.map(|pace| population.not_zero("pace", pace))
            .transpose()
    });
    let iterations = population.optional_integer("iterations");
    let on_disconnect = population.word::<OnDisconnect>("on_disconnect");
    for key in ["pace", "iterations", "on_disconnect"] {
        if population.has(key) && !population.has("steps") {
            let help = "add [[clients.steps]]: what an iteration consists of";
            return Err(needs(population, key, "steps", help));
        }
    }
    let lists = [&before_connect, &on_connect, &on_rejected, &steps];
    check_number(population, lists.into_iter().flatten().map(Vec::len).sum())?;
    let steps = steps.and_then(|steps| check_pauses(population, steps, pace == Ok(None)));
    Ok(Journey {
        before_connect: before_connect?,
        on_connect: on_connect?,
        on_rejected: on_rejected?,
        steps: steps?,
        pace: pace?,
        iterations: iterations?,
        on_disconnect: on_disconnect?,
    })
}

fn read_list(
    population: &Reader<'_>,
    list: StepList,
    namespaces: Option<&[String]>,
    context: &Context<'_>,
    taken: &mut Vec<(String, crate::diagnostic::Place)>,
) -> Checked<Vec<Step>> {
    let tables = population.children(list.key())?;
    all(tables.into_iter().map(|table| {
        let table = table?;
        let step = steps::read(&table, list, namespaces, context)?;
        let Some(name) = &step.name else {
            return Ok(step);
        };
        let place = ["name", "request", "emit", "wait"]
            .into_iter()
            .find(|key| table.has(key))
            .map_or(table.place, |key| table.place_of(key));
        if let Some((_, first)) = taken.iter().find(|(other, _)| other == name) {
            let message = format!("two steps are called {name:?}");
            return Err(table.report(Code::DuplicateName, place, message, |d| {
                d.label("the name is taken")
                    .key(table.path_of("name"))
                    .related(*first, "by this one")
                    .help("give the step a name of its own: name = \"...\"")
            }));
        }
        taken.push((name.clone(), place));
        Ok(step)
    }))
}

/// An ack's tag has room for the places of so many steps.
const MOST_STEPS: usize = 2048;

fn check_number(population: &Reader<'_>, steps: usize) -> Checked<()> {
    if steps <= MOST_STEPS {
        return Ok(());
    }
    let message = format!("the population has {steps} steps");
    Err(population.report(
        Code::OutOfRange,
        population.place_of("steps"),
        message,
        |d| {
            d.label(format!("at most {MOST_STEPS} are possible"))
                .key(population.path_of("steps"))
        },
    ))
}

/// Steps that neither wait nor think would spin without a pace.
fn check_pauses(population: &Reader<'_>, steps: Vec<Step>, unpaced: bool) -> Checked<Vec<Step>> {
    let is_endless = unpaced && !steps.is_empty() && !steps.iter().any(Step::takes_time);
    if !is_endless || population.has("iterations") {
        return Ok(steps);
    }
    let message = "iterations of `steps` follow each other without a pause";
    Err(
        population.report(Code::BadStep, population.place_of("steps"), message, |d| {
            d.label("no step waits for anything")
                .key(population.path_of("steps"))
                .help("add pace = \"30s\", a think step, or an ack or a wait to one that is always done")
        }),
    )
}
