//! The servers of a run and what its scenario watches besides, as a log of readings.

use std::time::Duration;

use tokio::sync::mpsc;

use super::hold::ServerFigures;
use super::target::Target;
use crate::clock::Clock;
use crate::results::watched::{SERVER_RSS, WatchLog, WatchUnit};
use crate::scenario::plan::{Plan, Watch, WatchSource};
use crate::watch::{Pid, Reading, ReadingOf, Subject, Usage, Watcher};

/// CPU of the run's servers together.
const SERVER_CPU: &str = "server.cpu";

/// What a process shows, in the order of its series.
const OF_PROCESS: [(&str, WatchUnit); 5] = [
    ("rss", WatchUnit::Bytes),
    ("cpu", WatchUnit::Cores),
    ("fds", WatchUnit::Count),
    ("threads", WatchUnit::Count),
    ("pss", WatchUnit::Bytes),
];

/// Where the proportional set size stands in [`OF_PROCESS`].
const PSS: usize = 4;

/// The readings so far, and the thread that takes them.
pub(super) struct ServerWatch {
    watcher: Option<Watcher>,
    readings: mpsc::Receiver<Reading>,
    log: WatchLog,
    /// By instance of the run's servers.
    pids: Vec<Pid>,
    subjects: Vec<Shown>,
    /// The latest readings of the run's servers, by instance: they are added up once a second.
    latest: Vec<Option<(u32, [Option<f64>; 5])>>,
    failures: Vec<String>,
    is_after: bool,
}

/// Where the readings of a subject go.
struct Shown {
    name: String,
    /// Place of its first series in the log.
    first: usize,
    /// Its instance, if it is a server of the run.
    instance: Option<usize>,
    has_failed: bool,
}

impl ServerWatch {
    /// Begins to watch; without anything to watch no thread is started.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(plan: &Plan, target: &Target, clock: Clock) -> std::io::Result<Self> {
        let servers = target.fleet.servers.len();
        let pids: Vec<Pid> = (0..servers).map(|_| Pid::default()).collect();
        let mut list = WatchList::default();
        list.add_servers(&pids);
        for watch in &plan.watches {
            list.add(watch);
        }
        let WatchList {
            series,
            subjects,
            shown,
        } = list;
        let (watcher, readings) = if subjects.is_empty() {
            (None, mpsc::channel(1).1)
        } else {
            follow(&pids, target);
            let (watcher, readings) = Watcher::start(&subjects, clock)?;
            (Some(watcher), readings)
        };
        Ok(Self {
            watcher,
            readings,
            log: WatchLog::new(series),
            latest: vec![None; servers],
            pids,
            subjects: shown,
            failures: Vec::new(),
            is_after: false,
        })
    }

    /// The names of the series, in the order of timeline.csv.
    pub(super) fn columns(&self) -> Vec<String> {
        let series = self.log.series().iter();
        series.map(|series| series.selector.clone()).collect()
    }

    /// Follows servers that were restarted, and takes the readings that have come.
    pub(super) fn take(&mut self, target: &Target) {
        follow(&self.pids, target);
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Ok(reading) = self.readings.try_recv() {
            self.add(reading);
        }
    }

    /// Reads memory once more as it is shared among processes, which is dearer than all the rest.
    pub(super) fn begin_phase(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.read_proportional_bytes();
        }
    }

    /// Reads what the servers hold after the last client has left.
    pub(super) async fn read_after(&mut self, linger: Duration) {
        if self.watcher.is_none() {
            return;
        }
        tokio::time::sleep(linger).await;
        self.drain();
        self.is_after = true;
        if let Some(watcher) = &self.watcher {
            watcher.read_now().await;
        }
        self.drain();
    }

    pub(super) fn log(&self) -> &WatchLog {
        &self.log
    }

    /// What failed for the first time, one sentence for each subject.
    pub(super) fn failures(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failures)
    }

    /// The figures of a second that a level waits for.
    pub(super) fn figures(&self, second: u32) -> ServerFigures {
        let value = |name| self.log.between(name, second, second + 1).first().copied();
        ServerFigures {
            cpu: value(SERVER_CPU),
            rss: value(SERVER_RSS),
        }
    }

    fn add(&mut self, reading: Reading) {
        let Reading {
            subject,
            second,
            of,
        } = reading;
        match of {
            ReadingOf::Usage(usage) => {
                let gone = usage.is_none();
                self.add_usage(subject, second, usage);
                if gone && self.subjects[subject].instance.is_none() {
                    self.fail(subject, "the process is gone");
                }
            }
            ReadingOf::ProportionalBytes(bytes) => {
                let bytes = bytes.map(|bytes| bytes as f64);
                let Shown {
                    first, instance, ..
                } = self.subjects[subject];
                self.log.add(first + PSS, second, bytes);
                if let (Some(instance), Some(second)) = (instance, second)
                    && instance + 1 == self.pids.len()
                    && instance > 0
                {
                    self.add_up_proportional_bytes(second);
                }
            }
            ReadingOf::Series(Ok(values)) => {
                let first = self.subjects[subject].first;
                for (place, value) in values.into_iter().enumerate() {
                    self.log.add(first + place, second, value);
                }
            }
            ReadingOf::Series(Err(why)) => {
                let first = self.subjects[subject].first;
                let next = self.subjects.get(subject + 1).map(|shown| shown.first);
                let end = next.unwrap_or_else(|| self.log.series().len());
                for place in first..end {
                    self.log.add(place, second, None);
                }
                self.fail(subject, &why);
            }
        }
    }

    /// The sum over the instances, once the last of them has been read.
    fn add_up_proportional_bytes(&mut self, second: u32) {
        let of = |instance: usize| {
            let name = format!("server.pss{{instance={instance}}}");
            self.log.between(&name, second, second + 1).first().copied()
        };
        let sum: Option<f64> = (0..self.pids.len()).map(of).sum();
        self.log.add(PSS, Some(second), sum);
    }

    fn fail(&mut self, subject: usize, why: &str) {
        let shown = &mut self.subjects[subject];
        if !std::mem::replace(&mut shown.has_failed, true) {
            let name = &shown.name;
            self.failures.push(format!(
                "{name} could not be read: {why}; such seconds are gaps"
            ));
        }
    }

    fn add_usage(&mut self, subject: usize, second: Option<u32>, usage: Option<Usage>) {
        let values = usage.map(values);
        let Shown {
            first, instance, ..
        } = self.subjects[subject];
        let is_whole = instance.is_some() && self.latest.len() == 1;
        if !is_whole {
            self.add_values(first, second, values);
        }
        let Some(instance) = instance else { return };
        // Before the load there is no second; all of it counts as one.
        let number = second.map_or(0, |second| second + 1);
        self.latest[instance] = values.map(|values| (number, values));
        let of_second = || self.latest.iter().flatten().filter(|(n, _)| *n == number);
        let is_last = instance + 1 == self.latest.len();
        if is_last {
            let sum = (of_second().count() > 0).then(|| {
                let add = |place: usize| {
                    of_second()
                        .filter_map(|(_, v)| v[place])
                        .reduce(|a, b| a + b)
                };
                [add(0), add(1), add(2), add(3), None]
            });
            self.add_values(0, second, sum);
        }
    }

    fn add_values(&mut self, first: usize, second: Option<u32>, values: Option<[Option<f64>; 5]>) {
        for place in 0..PSS {
            let value = values.and_then(|values| values[place]);
            if self.is_after {
                self.log.add_after(first + place, value);
            } else {
                self.log.add(first + place, second, value);
            }
        }
    }
}

/// Everything that is watched, while it is drawn up.
#[derive(Default)]
struct WatchList {
    series: Vec<(String, WatchUnit)>,
    subjects: Vec<Subject>,
    shown: Vec<Shown>,
}

impl WatchList {
    /// The run's servers: their sum, and each instance where there are several.
    fn add_servers(&mut self, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        self.add_process_series(|what| format!("server.{what}"));
        for (instance, pid) in pids.iter().enumerate() {
            let mut first = 0;
            if pids.len() > 1 {
                first = self.series.len();
                self.add_process_series(|what| format!("server.{what}{{instance={instance}}}"));
            }
            self.subjects.push(Subject::Process(pid.clone()));
            self.shown.push(Shown {
                name: format!("server {instance}"),
                first,
                instance: Some(instance),
                has_failed: false,
            });
        }
    }

    fn add(&mut self, watch: &Watch) {
        let name = &watch.name;
        let first = self.series.len();
        let subject = match &watch.source {
            WatchSource::Pid(number) => {
                self.add_process_series(|what| format!("watch.{name}.{what}"));
                let pid = Pid::default();
                pid.set(Some(*number));
                Subject::Process(pid)
            }
            WatchSource::Prometheus { url, series } => {
                let named = series.iter().map(|one| format!("watch.{name}.{one}"));
                self.series
                    .extend(named.map(|name| (name, WatchUnit::Unknown)));
                Subject::Endpoint {
                    url: url.clone(),
                    series: series.clone(),
                }
            }
        };
        self.subjects.push(subject);
        self.shown.push(Shown {
            name: format!("watch {name}"),
            first,
            instance: None,
            has_failed: false,
        });
    }

    fn add_process_series(&mut self, name: impl Fn(&str) -> String) {
        let series = OF_PROCESS.map(|(what, unit)| (name(what), unit));
        self.series.extend(series);
    }
}

/// The process ids that the servers have now; one that a fault has in hand keeps the one it had.
fn follow(pids: &[Pid], target: &Target) {
    for (pid, server) in pids.iter().zip(&target.fleet.servers) {
        if let Ok(server) = server.try_lock() {
            pid.set(server.id());
        }
    }
}

fn values(usage: Usage) -> [Option<f64>; 5] {
    [
        Some(usage.rss as f64),
        usage.cpu,
        usage.fds.map(|fds| fds as f64),
        Some(usage.threads as f64),
        None,
    ]
}
