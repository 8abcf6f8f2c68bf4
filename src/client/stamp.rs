//! Finds the sender's time in the arguments of an event.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::scenario::plan::StampPath;

/// The time that stands at `path` in `arguments` (JSON text, separated by commas, without brackets),
/// since the Unix epoch.
///
/// A number below 10^11 counts seconds, below 10^14 milliseconds (`Date.now()`), else microseconds
/// (`{{now}}`); it may stand in a string.
#[must_use]
pub(super) fn read_stamp(arguments: &[u8], path: &StampPath) -> Option<Duration> {
    let mut value = argument(arguments, path.argument)?;
    for key in &path.keys {
        value = member(value, key)?;
    }
    let number: f64 = value.get().trim_matches('"').parse().ok()?;
    (number > 0.0).then(|| {
        if number < 1e11 {
            Duration::from_secs_f64(number)
        } else if number < 1e14 {
            Duration::from_nanos((number * 1e6) as u64)
        } else {
            Duration::from_micros(number as u64)
        }
    })
}

/// Argument number `index`; what comes after it is not looked at.
fn argument(mut arguments: &[u8], index: usize) -> Option<&RawValue> {
    for _ in 0..index {
        let (_, rest) = first(arguments)?;
        arguments = rest.trim_ascii_start().strip_prefix(b",")?;
    }
    first(arguments).map(|(value, _)| value)
}

/// The first value, and what follows it.
fn first(text: &[u8]) -> Option<(&RawValue, &[u8])> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

fn member<'a>(value: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    let members: std::collections::BTreeMap<std::borrow::Cow<'a, str>, &'a RawValue> =
        serde_json::from_str(value.get()).ok()?;
    members.get(key).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(argument: usize, keys: &[&str]) -> StampPath {
        StampPath {
            argument,
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    #[test]
    fn a_stamp_is_found_by_argument_and_key_in_the_unit_that_its_size_tells() {
        let arguments = br#""x",{"sent":{"at":"1700000000000000"}} , 1700000000000,1700000000.5"#;
        let second = Duration::from_secs(1_700_000_000);
        assert_eq!(
            read_stamp(arguments, &path(1, &["sent", "at"])),
            Some(second)
        );
        assert_eq!(read_stamp(arguments, &path(2, &[])), Some(second));
        let half = second + Duration::from_millis(500);
        assert_eq!(read_stamp(arguments, &path(3, &[])), Some(half));
    }

    #[test]
    fn what_is_no_stamp_gives_none() {
        let arguments = br#""x",{"a":null},-5"#;
        for path in [
            path(0, &[]),
            path(1, &["a"]),
            path(1, &["b"]),
            path(2, &[]),
            path(9, &[]),
        ] {
            assert_eq!(read_stamp(arguments, &path), None);
        }
        assert_eq!(read_stamp(b"", &path(0, &[])), None);
        assert_eq!(read_stamp(b"1 2", &path(1, &[])), None);
    }
}
