use crate::fault::{self, AT, FAULT};
use crate::keys::{Key, TableSpec};

/// The table as long as its `fault` is not known.
pub(in crate::scenario) static CHAOS: TableSpec = TableSpec {
    title: "[[chaos]]",
    about: "A fault. Which keys it takes depends on `fault`.",
    keys: &[AT, FAULT],
};

/// The keys of all faults, in the order in which faults first have them.
pub(in crate::scenario) fn chaos_keys() -> Vec<&'static Key> {
    let mut keys: Vec<&Key> = Vec::new();
    for key in fault::all().flat_map(|spec| spec.table.keys) {
        let is_same = |known: &&Key| (known.name, known.about) == (key.name, key.about);
        if !keys.iter().any(is_same) {
            keys.push(key);
        }
    }
    keys
}
