use crate::scenario::plan::Capacity;
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::Reader;

/// `[capacity]`.
pub(super) fn read(top: &Reader<'_>) -> Checked<Capacity> {
    let Some(table) = top.child("capacity")? else {
        return Ok(Capacity::default());
    };
    let (from, to) = (table.optional_integer("from"), table.optional_integer("to"));
    let whole = |key| {
        table
            .duration(key)
            .and_then(|time| table.not_zero(key, time))
    };
    let (hold, settle) = (whole("hold"), table.duration("settle"));
    let (vary, growth) = (table.word("vary"), table.factor("growth"));
    let (precision, headroom) = (table.share("precision"), headroom(&table));
    let (confirm, nodes_for) = (table.integer("confirm"), table.optional_integer("for"));
    let arrive = table.optional_quantity("arrive");
    let fresh_server = table.optional_boolean("fresh_server");
    let instances = table.counts("instances");
    let also_without_faults = table.boolean("also_without_faults");
    let budget = table.optional_duration("budget");
    let (from, to) = (from?, to?);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        let message = format!("the search would end at {to}, before it begins at {from}");
        return Err(
            table.report(Code::Contradiction, table.place_of("to"), message, |d| {
                d.label("is less than `from`").key(table.path_of("to"))
            }),
        );
    }
    Ok(Capacity {
        vary: vary?,
        from,
        to,
        precision: precision?,
        growth: growth?,
        hold: hold?,
        settle: settle?,
        confirm: confirm? as u32,
        arrive: arrive?,
        fresh_server: fresh_server?,
        headroom: headroom?,
        nodes_for: nodes_for?,
        instances: instances?.into_iter().map(|count| count as u16).collect(),
        also_without_faults: also_without_faults?,
        budget: budget?,
    })
}

/// A share that leaves something.
fn headroom(table: &Reader<'_>) -> Checked<crate::units::Share> {
    let share = table.share("headroom")?;
    if !share.is_all() {
        return Ok(share);
    }
    let message = "`headroom` keeps all of the capacity free";
    Err(
        table.report(Code::OutOfRange, table.place_of("headroom"), message, |d| {
            d.label("leaves nothing to run")
                .key(table.path_of("headroom"))
        }),
    )
}

#[cfg(test)]
mod tests {
    use crate::scenario::plan::Capacity;
    use crate::scenario::{Overrides, parse};

    #[test]
    fn an_empty_table_means_the_same_as_none() {
        let text = "duration = \"1s\"\ntarget.url = \"http://127.0.0.1:1/\"\n\
                    clients = [{ count = 1 }]\ncapacity = {}\n";
        let plan = parse(text, "a.toml", &Overrides::default()).unwrap();
        assert_eq!(plan.capacity, Capacity::default());
    }
}
