use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, EVERY, FAULT, FOR};
use crate::fault::setting::Source;
use crate::keys::{Checked, Key};

/// The balancer forgets which session belongs to which instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonSticky;

impl Definition for NonSticky {
    const NAME: &'static str = "non_sticky";
    const ABOUT: &'static str = "The built-in balancer forgets which session belongs to which instance. Needs `instances` above 1 and `balance = \"sticky\"`.";
    const KEYS: &'static [Key] = &[AT, FAULT, EVERY, FOR];

    fn read(_source: &dyn Source) -> Checked<Self> {
        Ok(Self)
    }
}
