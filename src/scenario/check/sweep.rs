use crate::scenario::plan::Sweep;
use crate::scenario::problem::Checked;
use crate::scenario::reader::Reader;

/// `[sweep]`.
pub(super) fn read(top: &Reader<'_>) -> Checked<Sweep> {
    let Some(table) = top.child("sweep")? else {
        return Ok(Sweep::default());
    };
    let (delay, delay_max) = (table.durations("delay"), table.durations("delay_max"));
    let randomization = table.fractions("randomization");
    Ok(Sweep {
        delay: delay?,
        delay_max: delay_max?,
        randomization: randomization?,
    })
}
