use std::time::Duration;

use super::super::server::command;
use super::super::{exclude, needs};
use crate::fault::Source;
use crate::scenario::problem::{Checked, Reported};
use crate::scenario::reader::Reader;
use crate::units::{ByteRate, ByteSize, Share};

impl Source for Reader<'_> {
    fn duration(&self, key: &str) -> Checked<Duration> {
        self.duration(key)
    }

    fn positive_duration(&self, key: &str) -> Checked<Duration> {
        let duration = self.duration(key)?;
        self.not_zero(key, duration)
    }

    fn size(&self, key: &str) -> Checked<ByteSize> {
        self.quantity(key)
    }

    fn byte_rate(&self, key: &str) -> Checked<ByteRate> {
        self.quantity(key)
    }

    fn share(&self, key: &str) -> Checked<Share> {
        self.share(key)
    }

    fn boolean(&self, key: &str) -> Checked<bool> {
        self.boolean(key)
    }

    fn integer(&self, key: &str) -> Checked<u16> {
        self.integer(key).map(narrow)
    }

    fn optional_integer(&self, key: &str) -> Checked<Option<u16>> {
        let number = self.optional_integer(key)?;
        Ok(number.map(narrow))
    }

    fn command(&self, key: &str, help: &str) -> Checked<Vec<String>> {
        let Some(argv) = command(self)? else {
            return Err(self.missing(key, help));
        };
        Ok(argv.into_iter().map(|(word, _)| word).collect())
    }

    fn text(&self, key: &str) -> Checked<Option<&'static str>> {
        self.optional_known_word(key)
    }

    fn missing(&self, key: &str, help: &str) -> Reported {
        self.missing(key, help)
    }

    fn exclude(&self, key: &str, other: &str, help: &str) -> Reported {
        exclude(self, key, other, help)
    }

    fn needs(&self, key: &str, other: &str, help: &str) -> Reported {
        needs(self, key, other, help)
    }
}

fn narrow(number: u64) -> u16 {
    u16::try_from(number).expect("no key of a fault takes more than 16 bits")
}
