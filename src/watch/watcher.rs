use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};
use url::Url;

use super::process::{ProcessTree, Usage};
use super::scrape::Endpoint;
use crate::clock::{self, Clock};
use crate::scenario::plan::SeriesSelector;

/// Where in its second a reading is taken: in the middle, so that it is there when the second ends.
const WITHIN_SECOND: Duration = Duration::from_millis(500);

/// Readings that may wait for the run's main thread.
const READINGS_WAITING: usize = 1024;

/// What is watched.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A process and all that it has started.
    Process(Pid),
    /// A metrics endpoint.
    Endpoint {
        /// `http` or `https`.
        url: Url,
        /// What is wanted of it.
        series: Vec<SeriesSelector>,
    },
}

/// A process id that may change while it is watched: a server that is restarted.
#[derive(Debug, Clone, Default)]
pub struct Pid(Arc<AtomicU32>);

impl Pid {
    /// Follows this process from now on; nothing while there is none.
    pub fn set(&self, pid: Option<u32>) {
        self.0.store(pid.unwrap_or(0), Ordering::Relaxed);
    }

    fn get(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|pid| *pid > 0)
    }
}

/// What was read of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its place among the subjects.
    pub subject: usize,
    /// The second of the run; nothing before the load began.
    pub second: Option<u32>,
    /// What it was.
    pub of: ReadingOf,
}

/// A reading by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingOf {
    /// Of a process; nothing if it is gone.
    Usage(Option<Usage>),
    /// The proportional set size of a process, in bytes; nothing if the system refuses.
    ProportionalBytes(Option<u64>),
    /// Of an endpoint: a value for each series, or why there are none.
    Series(Result<Vec<Option<f64>>, String>),
}

/// The thread that takes the readings; ends when dropped.
#[derive(Debug)]
pub struct Watcher {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    /// Read the dear ones too.
    ProportionalBytes,
    /// Read every process once more; the answer comes after the readings.
    Last(oneshot::Sender<()>),
}

impl Watcher {
    /// Starts the thread: one reading at once, then one in the middle of each second of the clock.
    ///
    /// # Errors
    /// If the system gives no thread or no event loop, or an endpoint's client cannot be set up.
    pub fn start(
        subjects: &[Subject],
        clock: Clock,
    ) -> std::io::Result<(Self, mpsc::Receiver<Reading>)> {
        let (readings, receiver) = mpsc::channel(READINGS_WAITING);
        let (orders, inbox) = mpsc::channel(16);
        let mut processes = Vec::new();
        let mut endpoints = Vec::new();
        for (subject, of) in subjects.iter().enumerate() {
            match of {
                Subject::Process(pid) => processes.push(Process {
                    subject,
                    pid: pid.clone(),
                    tree: None,
                }),
                Subject::Endpoint { url, series } => {
                    let endpoint = Endpoint::new(url.clone(), series.clone());
                    endpoints.push((subject, endpoint.map_err(std::io::Error::other)?));
                }
            }
        }
        let watch = Watch {
            processes,
            clock,
            readings,
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || LocalSet::new().block_on(&runtime, watch.run(endpoints, inbox)))?;
        let watcher = Self {
            orders: Some(orders),
            thread: Some(thread),
        };
        Ok((watcher, receiver))
    }

    /// Asks for the proportional set sizes, once.
    pub fn read_proportional_bytes(&self) {
        if let Some(orders) = &self.orders {
            // A thread that is this far behind reads them another time.
            let _ = orders.try_send(Order::ProportionalBytes);
        }
    }

    /// Has every process read now; returns when the readings have been handed over.
    pub async fn read_now(&self) {
        let (done, answer) = oneshot::channel();
        if let Some(orders) = &self.orders
            && orders.send(Order::Last(done)).await.is_ok()
        {
            // Only a thread that has panicked does not answer.
            let _ = answer.await;
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; the readings so far are there.
            let _ = thread.join();
        }
    }
}

struct Process {
    subject: usize,
    pid: Pid,
    tree: Option<ProcessTree>,
}

impl Process {
    /// The process that its number stands for now.
    fn tree(&mut self) -> Option<&mut ProcessTree> {
        let pid = self.pid.get()?;
        if self.tree.as_ref().is_none_or(|tree| tree.root() != pid) {
            self.tree = Some(ProcessTree::new(pid));
        }
        self.tree.as_mut()
    }
}

struct Watch {
    processes: Vec<Process>,
    clock: Clock,
    readings: mpsc::Sender<Reading>,
}

impl Watch {
    async fn run(mut self, endpoints: Vec<(usize, Endpoint)>, mut orders: mpsc::Receiver<Order>) {
        let mut scrapes = JoinSet::new();
        for (subject, endpoint) in endpoints {
            let (clock, readings) = (self.clock, self.readings.clone());
            scrapes.spawn_local(follow(subject, Rc::new(endpoint), clock, readings));
        }
        self.read().await;
        loop {
            let due = next(self.clock);
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => self.read().await,
                order = orders.recv() => match order {
                    Some(Order::ProportionalBytes) => self.read_proportional_bytes().await,
                    Some(Order::Last(done)) => {
                        self.read().await;
                        // Whoever asked may have gone.
                        let _ = done.send(());
                    }
                    None => return,
                },
            }
        }
    }

    async fn read(&mut self) {
        for process in &mut self.processes {
            let now = clock::now();
            let usage = process.tree().and_then(|tree| tree.read(now));
            let reading = Reading {
                subject: process.subject,
                second: second(self.clock),
                of: ReadingOf::Usage(usage),
            };
            hand_over(&self.readings, reading).await;
        }
    }

    async fn read_proportional_bytes(&mut self) {
        for process in &mut self.processes {
            let tree = process.tree();
            let bytes = tree.and_then(|tree| tree.proportional_bytes());
            let reading = Reading {
                subject: process.subject,
                second: second(self.clock),
                of: ReadingOf::ProportionalBytes(bytes),
            };
            hand_over(&self.readings, reading).await;
        }
    }
}

/// Scrapes an endpoint once a second, and never while a scrape is under way.
async fn follow(
    subject: usize,
    endpoint: Rc<Endpoint>,
    clock: Clock,
    readings: mpsc::Sender<Reading>,
) {
    if endpoint.len() == 0 {
        return;
    }
    loop {
        tokio::time::sleep_until(next(clock).into()).await;
        let values = endpoint.scrape().await;
        // It belongs to the second in which the answer came: the one in which it was asked for may
        // be long written.
        let reading = Reading {
            subject,
            second: second(clock),
            of: ReadingOf::Series(values),
        };
        hand_over(&readings, reading).await;
    }
}

async fn hand_over(readings: &mpsc::Sender<Reading>, reading: Reading) {
    // Nobody listens any more when the run is over.
    let _ = readings.send(reading).await;
}

/// The second of the run that it is now; nothing before the load began.
fn second(clock: Clock) -> Option<u32> {
    let now = clock::now();
    (now >= clock.origin()).then(|| clock.since_origin(now).as_secs() as u32)
}

/// The middle of this second, or else of the next one.
fn next(clock: Clock) -> std::time::Instant {
    let since = clock.since_origin(clock::now());
    let seconds = (since + WITHIN_SECOND).as_secs();
    clock.origin() + Duration::from_secs(seconds) + WITHIN_SECOND
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers each request with the next of these, then with the last for ever.
    fn exporter(answers: &'static [&'static str]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for number in 0.. {
                let Ok((mut stream, _)) = listener.accept() else {
                    return;
                };
                let _ = stream.read(&mut [0; 4096]);
                let answer = answers[number.min(answers.len() - 1)];
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Url::parse(&format!("http://127.0.0.1:{port}/metrics")).unwrap()
    }

    const GOOD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup 1\nlag 0.25\n";
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

    async fn next_of(readings: &mut mpsc::Receiver<Reading>, subject: usize) -> Reading {
        let wanted = async {
            loop {
                let reading = readings.recv().await.unwrap();
                if reading.subject == subject {
                    return reading;
                }
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, wanted).await.unwrap()
    }

    /// Waits for this of a subject; a busy machine may be late for a scrape, and say so.
    async fn wait_for(readings: &mut mpsc::Receiver<Reading>, subject: usize, wanted: &ReadingOf) {
        while next_of(readings, subject).await.of != *wanted {}
    }

    #[tokio::test]
    async fn processes_and_endpoints_are_read_and_a_failed_scrape_says_why() {
        let pid = Pid::default();
        pid.set(Some(std::process::id()));
        let series = ["up", "lag"].map(|name| SeriesSelector::parse(name).unwrap());
        let subjects = [
            Subject::Process(pid.clone()),
            Subject::Endpoint {
                url: exporter(&[BUSY, BUSY, BUSY, GOOD]),
                series: series.to_vec(),
            },
        ];
        let (watcher, mut readings) = Watcher::start(&subjects, Clock::start()).unwrap();
        let first = next_of(&mut readings, 0).await;
        assert!(matches!(first.of, ReadingOf::Usage(Some(_))), "{first:?}");
        let because = ReadingOf::Series(Err("status 503".to_owned()));
        wait_for(&mut readings, 1, &because).await;
        let values = vec![Some(1.0), Some(0.25)];
        wait_for(&mut readings, 1, &ReadingOf::Series(Ok(values))).await;
        pid.set(None);
        watcher.read_now().await;
        let mut last = next_of(&mut readings, 0).await;
        while let Ok(reading) = readings.try_recv() {
            last = reading;
        }
        assert_eq!(last.of, ReadingOf::Usage(None));
    }

    #[tokio::test]
    async fn what_is_read_before_the_load_belongs_to_no_second() {
        let pid = Pid::default();
        pid.set(Some(std::process::id()));
        let clock = Clock::start_in(Duration::from_secs(3_600));
        let (_watcher, mut readings) = Watcher::start(&[Subject::Process(pid)], clock).unwrap();
        assert_eq!(next_of(&mut readings, 0).await.second, None);
    }
}
