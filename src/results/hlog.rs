use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use super::series;
use crate::event::{HistogramMetric, Labels};
use crate::metrics::{Histogram, Interval, Second};

/// The head of histograms.hlog: its version, and when the run started.
///
/// With a base time the intervals carry seconds of the run, as timeline.csv does.
pub(super) fn head(started: SystemTime) -> Vec<u8> {
    let mut head = Vec::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(
            "[sio-load: one tag per metric and label, one interval per second; times in microseconds]",
        )
        .with_start_time(started)
        .with_base_time(started)
        .begin_log_with(&mut head, &mut V2DeflateSerializer::new())
        .expect("writing to a vector does not fail");
    head
}

/// What stands before a series' tag where the ages of censored values follow.
pub(super) const CENSORED: &str = "censored:";

/// Writes the histograms of one second, each under its series' tag.
pub(super) fn write_second(
    out: &mut impl Write,
    second: &Second,
    interval: &Interval,
    labels: &Labels,
) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new().begin_log_with(out, &mut serializer)?;
    let start = Duration::from_secs(u64::from(second.second));
    let mut write = |tag: &str, histogram: &Histogram| {
        log.write_histogram(
            histogram.hdr(),
            start,
            Duration::from_secs(1),
            Tag::new(tag),
        )
        .map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
        })
    };
    for (series, sample) in series::of(&interval.total(), labels) {
        let tag = series.tag();
        if !sample.completed().is_empty() {
            write(&tag, sample.completed())?;
        }
        if let Some(ages) = sample.censored() {
            write(&format!("{CENSORED}{tag}"), ages)?;
        }
    }
    if !interval.lag.is_empty() {
        write(HistogramMetric::GeneratorLag.name(), &interval.lag)?;
    }
    Ok(())
}
