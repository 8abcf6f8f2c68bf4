use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::hlog;
use super::summary::{SCHEMA, Summary};
use crate::event::{HistogramMetric, Series};
use crate::metrics::{Histogram, Sample};

/// Why stored results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is not there, or not readable.
    #[error("{path} cannot be read")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what its name says.
    #[error("{path} is not a summary of a run")]
    Format {
        /// Which.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// Another version wrote it.
    #[error("{path} has schema {found:?}, and this version reads {expected:?}")]
    Schema {
        /// Which.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What can be read.
        expected: &'static str,
    },
    /// A line of the interval log is damaged.
    #[error("{path} holds a line that is no interval of a histogram, after {intervals} good ones")]
    Log {
        /// Which.
        path: PathBuf,
        /// How many came before.
        intervals: usize,
    },
}

/// Reads the summary of a run: from its folder, from `latest`, or from summary.json itself.
///
/// # Errors
/// If there is none, or another version wrote it.
pub fn read(path: &Path) -> Result<Summary, ReadError> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    let path = within(path, "summary.json");
    let text = load(&path)?;
    let format = |source| ReadError::Format {
        path: path.clone(),
        source,
    };
    let head: Head = serde_json::from_slice(&text).map_err(format)?;
    if head.schema != SCHEMA {
        return Err(ReadError::Schema {
            path,
            found: head.schema,
            expected: SCHEMA,
        });
    }
    serde_json::from_slice(&text).map_err(format)
}

/// Reads the values of every metric of a whole run from its histograms.hlog.
///
/// A last line that a crash cut off is left out.
///
/// # Errors
/// If there is none, or a line before the last is damaged.
pub fn read_samples(folder: &Path) -> Result<BTreeMap<Series<HistogramMetric>, Sample>, ReadError> {
    let path = within(folder, "histograms.hlog");
    let bytes = load(&path)?;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut samples: BTreeMap<Series<HistogramMetric>, Sample> = BTreeMap::new();
    let mut intervals = 0;
    for entry in IntervalLogIterator::new(&bytes[..whole]) {
        let damaged = || ReadError::Log {
            path: path.clone(),
            intervals,
        };
        let LogEntry::Interval(interval) = entry.map_err(|_| damaged())? else {
            continue;
        };
        let tag = interval.tag();
        let tag = tag.as_ref().map_or("", |tag| tag.as_str());
        let (tag, is_censored) = match tag.strip_prefix(hlog::CENSORED) {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        // A metric of another version is no damage.
        let Some(series) = Series::from_name(tag) else {
            continue;
        };
        let histogram = BASE64
            .decode(interval.encoded_histogram())
            .ok()
            .and_then(|bytes| Histogram::from_bytes(&bytes))
            .ok_or_else(damaged)?;
        let sample = samples.entry(series).or_default();
        if is_censored {
            sample.merge_censored(&histogram);
        } else {
            sample.merge(&histogram.into());
        }
        intervals += 1;
    }
    Ok(samples)
}

fn within(path: &Path, name: &str) -> PathBuf {
    if path.is_dir() {
        path.join(name)
    } else {
        path.to_owned()
    }
}

fn load(path: &Path) -> Result<Vec<u8>, ReadError> {
    fs::read(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })
}
