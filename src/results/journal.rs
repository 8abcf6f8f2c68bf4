use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::append::Appender;
use super::folder::{FolderError, RunFolder};
use super::hgrm::hgrm;
use super::note::Note;
use super::summary::{Summary, Warning};
use super::{hlog, series, timeline};
use crate::event::Labels;
use crate::metrics::{Interval, Second, Totals};

/// The code of the warning that some results could not be written.
pub const RESULTS_INCOMPLETE: &str = "results_incomplete";

/// Writes a run's files while it goes, so that a crash loses its last interval at most.
///
/// A run never dies of a full disk: what cannot be written is counted, and told in the summary.
#[derive(Debug)]
pub struct Journal {
    folder: RunFolder,
    labels: Labels,
    /// Readings of watched servers, by second, until their row is written.
    watched: BTreeMap<u32, Vec<Option<f64>>>,
    events: Appender,
    timeline: Appender,
    histograms: Appender,
    failed: u64,
    first_failure: Option<String>,
}

impl Journal {
    /// Begins the files of a run whose time starts at `started` and whose metrics are split by these
    /// labels, and makes them the latest.
    /// Begins the files of a run whose time starts at `started`, and makes them the latest.
    /// `watched` are the series of watched servers.
    ///
    /// # Errors
    /// If one of them cannot be made.
    pub fn start(
        folder: RunFolder,
        started: SystemTime,
        labels: Labels,
        watched: &[String],
    ) -> Result<Self, FolderError> {
        let begin = |name: &str, head: &[u8]| {
            let path = folder.file(name);
            let begun = Appender::create(&path).and_then(|mut file| {
                file.append(head)?;
                Ok(file)
            });
            begun.map_err(|source| FolderError::Write { path, source })
        };
        let events = begin("events.jsonl", b"")?;
        let timeline = begin("timeline.csv", timeline::header(watched).as_bytes())?;
        let histograms = begin("histograms.hlog", &hlog::head(started))?;
        let latest = folder.become_latest();
        let mut journal = Self {
            failed: 0,
            first_failure: None,
            folder,
            labels,
            watched: BTreeMap::new(),
            events,
            timeline,
            histograms,
        };
        journal.keep("latest", latest);
        Ok(journal)
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Notes something that happened once, so long after the start.
    pub fn note(&mut self, at: Duration, note: &Note) {
        #[derive(Serialize)]
        struct Line<'a> {
            t_s: f64,
            #[serde(flatten)]
            note: &'a Note,
        }
        let line = Line {
            // Milliseconds are enough to order what people read.
            t_s: at.as_millis() as f64 / 1000.0,
            note,
        };
        let written = serde_json::to_vec(&line)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                self.events.append(&line)
            });
        self.keep("events.jsonl", written);
    }

    /// Keeps the readings of a second for its row, in the order of the series.
    pub fn keep_watched(&mut self, second: u32, readings: Vec<Option<f64>>) {
        self.watched.insert(second, readings);
    }

    /// Appends the seconds that [`Totals::close_seconds`] or [`Totals::close_all`] closed.
    pub fn record(&mut self, seconds: &[(Second, Interval)]) {
        if seconds.is_empty() {
            return;
        }
        // One write per file and call: a crash leaves whole lines behind.
        let mut rows = String::new();
        let mut log = Vec::new();
        let mut logged = Ok(());
        for (second, interval) in seconds {
            let watched = self.watched.remove(&second.second).unwrap_or_default();
            rows.push_str(&timeline::row(second, &watched));
            logged =
                logged.and_then(|()| hlog::write_second(&mut log, second, interval, &self.labels));
        }
        let written = self.timeline.append(rows.as_bytes());
        self.keep("timeline.csv", written);
        let written = logged.and_then(|()| self.histograms.append(&log));
        self.keep("histograms.hlog", written);
    }

    /// Replaces summary.json by what is known so far.
    pub fn checkpoint(&mut self, summary: &Summary) {
        let written = self.write_summary(summary);
        self.keep("summary.json", written);
    }

    /// Writes any other file of the run: scenario.toml, junit.xml.
    pub fn write(&mut self, name: &str, bytes: &[u8]) {
        let written = self.folder.write(name, bytes);
        self.keep(name, written);
    }

    /// Writes histograms/NAME.hgrm and the final summary.json.
    ///
    /// Where something could not be written, now or before, the summary gets a warning of it.
    pub fn finish(mut self, summary: &mut Summary, totals: &Totals) -> RunFolder {
        for (series, sample) in series::samples(totals, &self.labels) {
            let name = format!("histograms/{}.hgrm", series.file_name());
            self.write(&name, hgrm(&sample.all()).as_bytes());
        }
        for (name, file) in [
            ("events.jsonl", &mut self.events),
            ("timeline.csv", &mut self.timeline),
            ("histograms.hlog", &mut self.histograms),
        ] {
            let synced = file.finish();
            keep(&mut self.failed, &mut self.first_failure, name, synced);
        }
        let ordered = order_events(&self.folder);
        self.keep("events.jsonl", ordered);
        summary.warnings.extend(self.warning());
        let written = self.write_summary(summary);
        if written.is_err() {
            // The file that stands there is the last checkpoint; the caller's summary knows more.
            self.keep("summary.json", written);
            summary
                .warnings
                .retain(|warning| warning.code != RESULTS_INCOMPLETE);
            summary.warnings.extend(self.warning());
        }
        self.folder
    }

    /// What could not be written so far, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        self.first_failure.as_ref().map(|first| Warning {
            code: RESULTS_INCOMPLETE.to_owned(),
            message: format!(
                "{} writes of results failed; the first: {first}",
                self.failed
            ),
        })
    }

    fn write_summary(&self, summary: &Summary) -> io::Result<()> {
        let mut json = serde_json::to_vec_pretty(summary)?;
        json.push(b'\n');
        self.folder.write("summary.json", &json)
    }

    fn keep(&mut self, name: &str, written: io::Result<()>) {
        keep(&mut self.failed, &mut self.first_failure, name, written);
    }
}

fn keep(failed: &mut u64, first: &mut Option<String>, name: &str, written: io::Result<()>) {
    if let Err(error) = written {
        *failed += 1;
        first.get_or_insert_with(|| format!("{name}: {error}"));
    }
}

/// Puts events.jsonl in order of time. While the run goes on its lines come as they become known,
/// and what workers report comes up to two seconds after it happened.
fn order_events(folder: &RunFolder) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Line {
        t_s: f64,
    }
    let text = fs::read_to_string(folder.file("events.jsonl"))?;
    let time = |line: &str| serde_json::from_str::<Line>(line).map_or(0.0, |line| line.t_s);
    let mut lines: Vec<(f64, &str)> = text.lines().map(|line| (time(line), line)).collect();
    if lines.is_sorted_by(|one, next| one.0 <= next.0) {
        return Ok(());
    }
    // A stable sort: what happened at the same time stays in the order in which it became known.
    lines.sort_by(|one, next| one.0.total_cmp(&next.0));
    let mut ordered = String::with_capacity(text.len());
    for (_, line) in lines {
        ordered.push_str(line);
        ordered.push('\n');
    }
    folder.write("events.jsonl", ordered.as_bytes())
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::event::{Counter, HistogramMetric, Label, Series, StrikeId};
    use crate::results::summary::Verdict;
    use crate::results::{read, read_samples, sample, summarise};

    fn journal(base: &std::path::Path) -> Journal {
        let folder = RunFolder::create(base, "sample", sample::started()).unwrap();
        Journal::start(folder, sample::started(), sample::facts().labels, &[]).unwrap()
    }

    #[test]
    fn the_rows_of_the_timeline_add_up_to_the_counters() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        let mut totals = sample::totals();
        journal.record(&totals.close_seconds());
        journal.record(&totals.close_all());
        let text = fs::read_to_string(journal.folder().file("timeline.csv")).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 5);
        for counter in Counter::totals() {
            let Some(column) = heads.iter().position(|head| head == counter.name()) else {
                assert_eq!(counter, Counter::ClientsConnectedMax);
                continue;
            };
            let sum: u64 = rows
                .iter()
                .map(|row| row[column].parse::<u64>().unwrap())
                .sum();
            assert_eq!(sum, totals.counter(counter), "{counter}");
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_interval_log_gives_back_the_histograms_of_the_run() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        let mut totals = sample::totals();
        journal.record(&totals.close_all());
        let read = read_samples(journal.folder().path()).unwrap();
        assert_eq!(read, series::samples(&totals, &sample::facts().labels));
        let of_echo = Label::Event("echo".to_owned());
        assert!(read.contains_key(&Series::of(HistogramMetric::AckTime, of_echo)));
        let text = fs::read_to_string(journal.folder().file("histograms.hlog")).unwrap();
        assert!(
            text.starts_with("#[Histogram log format version 1.3]\n"),
            "{text}"
        );
        assert!(text.contains("#[StartTime: 1795474120.000"), "{text}");
        assert!(text.contains("\nTag=connect.time,0.000,1.000,"), "{text}");
    }

    #[test]
    fn a_log_that_a_crash_cut_off_is_read_up_to_its_last_whole_line() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        journal.record(&sample::totals().close_all());
        let path = journal.folder().file("histograms.hlog");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        assert!(read_samples(journal.folder().path()).unwrap().len() >= 5);
    }

    #[test]
    fn summary_json_is_whole_at_any_time_and_says_that_the_run_was_interrupted() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        let mut totals = sample::totals();
        let facts = sample::facts();
        let path = journal.folder().file("summary.json");
        journal.checkpoint(&summarise(&facts, &totals));
        assert_eq!(read(&path).unwrap().verdict, Verdict::Interrupted);
        let writer = std::thread::spawn(move || {
            for _ in 0..30 {
                journal.checkpoint(&summarise(&facts, &totals));
            }
            totals.close_all();
            let mut summary = summarise(&facts, &totals);
            summary.verdict = Verdict::Passed;
            journal.finish(&mut summary, &totals)
        });
        while !writer.is_finished() {
            let summary = read(&path).expect("never half a file");
            assert_eq!(summary.scenario, "sample");
        }
        let folder = writer.join().unwrap();
        let summary = read(folder.path()).unwrap();
        assert_eq!(summary.verdict, Verdict::Passed);
        assert_eq!(summary.warnings, []);
        assert!(folder.file("histograms/connect.time.hgrm").exists());
        assert!(folder.file("histograms/reconnect.attempts.hgrm").exists());
        assert!(!folder.file("histograms/upgrade.time.hgrm").exists());
        let latest = base.path().join("sample/latest");
        assert_eq!(read(&latest).unwrap(), summary);
    }

    #[test]
    fn a_disk_that_fills_up_costs_a_warning_and_not_the_run() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        let mut totals = sample::totals();
        journal.timeline = Appender::on_full_disk();
        journal.record(&totals.close_all());
        let mut summary = summarise(&sample::facts(), &totals);
        let folder = journal.finish(&mut summary, &totals);
        let [warning] = &summary.warnings[..] else {
            panic!("one warning, not {:?}", summary.warnings)
        };
        assert_eq!(warning.code, RESULTS_INCOMPLETE);
        assert!(
            warning.message.contains("timeline.csv"),
            "{}",
            warning.message
        );
        assert_eq!(read(folder.path()).unwrap().warnings, summary.warnings);
    }

    #[test]
    fn a_note_is_one_line_with_its_time_and_kind() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        journal.note(
            Duration::from_micros(1_500_400),
            &Note::FaultEnded { id: StrikeId(3) },
        );
        journal.note(Duration::from_secs(2), &Note::Interrupted);
        let text = fs::read_to_string(journal.folder().file("events.jsonl")).unwrap();
        assert_eq!(
            text,
            "{\"t_s\":1.5,\"kind\":\"fault_ended\",\"id\":3}\n\
             {\"t_s\":2.0,\"kind\":\"interrupted\"}\n"
        );
    }

    #[test]
    fn notes_that_became_known_late_stand_where_they_happened() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        let ended = Note::FaultEnded { id: StrikeId(3) };
        journal.note(Duration::from_secs(2), &Note::Interrupted);
        journal.note(Duration::from_secs(1), &ended);
        let mut totals = sample::totals();
        totals.close_all();
        let mut summary = summarise(&sample::facts(), &totals);
        let folder = journal.finish(&mut summary, &totals);
        let text = fs::read_to_string(folder.file("events.jsonl")).unwrap();
        let kinds: Vec<_> = text
            .lines()
            .map(|line| line.contains("fault_ended"))
            .collect();
        assert_eq!(kinds, [true, false]);
    }

    #[test]
    fn what_is_no_summary_is_refused_with_a_reason() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("summary.json");
        assert!(
            read(base.path())
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
        fs::write(&path, "{\"schema\":\"sio-load/summary/9\"}").unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .contains("sio-load/summary/9")
        );
        fs::write(&path, "<html>").unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .contains("not a summary")
        );
    }
}
