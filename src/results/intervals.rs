use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::reader::ReadError;
use crate::metrics::Histogram;

/// The histograms of one tag of histograms.hlog.
#[derive(Debug, Clone, Default)]
pub struct TaggedHistograms {
    /// Of the whole run.
    pub whole: Histogram,
    /// Of each second that has values, in their order; empty unless asked for.
    pub seconds: Vec<(u64, Histogram)>,
}

/// Reads histograms.hlog by tag, whatever version wrote it; what a crash cut off is left out.
///
/// `keep_seconds` keeps each second's histogram beside the sum, which takes memory.
///
/// # Errors
/// If there is none, or a line before the last is damaged.
pub(super) fn read_intervals(
    path: &Path,
    keep_seconds: bool,
) -> Result<BTreeMap<String, TaggedHistograms>, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })?;
    let whole_lines = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut tags: BTreeMap<String, TaggedHistograms> = BTreeMap::new();
    let mut intervals = 0;
    for entry in IntervalLogIterator::new(&bytes[..whole_lines]) {
        let damaged = || ReadError::Log {
            path: path.to_owned(),
            intervals,
        };
        let LogEntry::Interval(interval) = entry.map_err(|_| damaged())? else {
            continue;
        };
        let Some(tag) = interval.tag() else { continue };
        let histogram = BASE64
            .decode(interval.encoded_histogram())
            .ok()
            .and_then(|bytes| Histogram::from_bytes(&bytes))
            .ok_or_else(damaged)?;
        if !tags.contains_key(tag.as_str()) {
            tags.insert(tag.as_str().to_owned(), TaggedHistograms::default());
        }
        let kept = tags.get_mut(tag.as_str()).expect("it has been inserted");
        kept.whole.merge(&histogram);
        if keep_seconds {
            let second = interval.start_timestamp().as_secs();
            kept.seconds.push((second, histogram));
        }
        intervals += 1;
    }
    Ok(tags)
}
