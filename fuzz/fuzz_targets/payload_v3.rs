//! Payloads of revision 3.
#![no_main]

mod payload;

use libfuzzer_sys::fuzz_target;
use sio_load::event::EngineRevision;

fuzz_target!(|data: &[u8]| payload::survives_being_sent(EngineRevision::V3, data));
