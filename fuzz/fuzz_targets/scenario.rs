//! Any text as a scenario: all its problems are told, and none is a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sio_load::scenario::{Overrides, STARTER, parse};

fuzz_target!(|text: &str| {
    let overrides = Overrides::default();
    // The starter's tables are there for it to break.
    for text in [text.to_owned(), format!("{STARTER}\n{text}")] {
        if let Err(problems) = parse(&text, "fuzz.toml", &overrides) {
            let _ = problems.to_string();
        }
    }
});
