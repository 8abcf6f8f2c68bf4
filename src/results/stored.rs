use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::hgrm::{self, PercentileStep};
use super::reader::{self, ReadError};
use super::summary::Summary;
use super::timeline::Timeline;
use crate::event::{HistogramMetric, Series};
use crate::metrics::Sample;

/// A run as its folder keeps it: what a page about it is made of.
#[derive(Debug, Clone)]
pub struct StoredRun {
    /// summary.json.
    pub summary: Summary,
    /// timeline.csv; empty if the folder has none.
    pub timeline: Timeline,
    /// The percentile distribution of each metric and label, censored values at their age, from
    /// histograms.hlog; empty if there is none.
    pub distributions: BTreeMap<Series<HistogramMetric>, Vec<PercentileStep>>,
    /// scenario.toml as it ran, if the folder has it.
    pub scenario: Option<String>,
}

impl StoredRun {
    /// Reads a run from its folder, from `latest`, or a summary.json alone.
    ///
    /// # Errors
    /// If there is no summary, another version wrote it, or a file that is there is damaged.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let summary = reader::read(path)?;
        let samples = if path.join("histograms.hlog").exists() {
            reader::read_samples(path)?
        } else {
            BTreeMap::new()
        };
        Self::of(path, summary, &samples)
    }

    /// A run whose summary and values are known; the rest is read from its folder.
    ///
    /// # Errors
    /// If a file that is there is damaged.
    pub fn of(
        folder: &Path,
        summary: Summary,
        samples: &BTreeMap<Series<HistogramMetric>, Sample>,
    ) -> Result<Self, ReadError> {
        let timeline = optional(folder, "timeline.csv")?;
        Ok(Self {
            summary,
            timeline: timeline.map_or_else(Timeline::default, |text| Timeline::read(&text)),
            distributions: samples
                .iter()
                .map(|(series, sample)| (series.clone(), hgrm::steps(&sample.all())))
                .collect(),
            scenario: optional(folder, "scenario.toml")?,
        })
    }
}

/// A text that may not be there.
fn optional(folder: &Path, name: &str) -> Result<Option<String>, ReadError> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

/// Not there, or not in a folder: beside a summary.json that stands for itself.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
