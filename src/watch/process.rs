//! A process with all that it has started, read from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use super::proc_files::{Stat, proportional_bytes, resident_pages};

/// From one search of /proc for children to the next; those known are read every time.
///
/// A search reads a file of every process of the machine, about 5 us each.
const SEARCH_EVERY: Duration = Duration::from_secs(5);

/// What a process and its descendants take at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Resident memory, in bytes; pages that the processes share count once for each.
    pub rss: u64,
    /// CPU since the reading before, 1 is a whole core; nothing at the first.
    pub cpu: Option<f64>,
    /// Open file descriptors; nothing where the system does not let others count them.
    pub fds: Option<u64>,
    /// Threads.
    pub threads: u64,
}

/// One root process, followed from reading to reading.
#[derive(Debug)]
pub(super) struct ProcessTree {
    root: u32,
    root_started: Option<u64>,
    members: BTreeSet<u32>,
    searched: Option<Instant>,
    before: Option<(Instant, u64)>,
    page_bytes: u64,
    ticks_per_s: f64,
}

impl ProcessTree {
    pub(super) fn new(root: u32) -> Self {
        let limit = |name, usual: i64| sysconf(name).ok().flatten().unwrap_or(usual);
        Self {
            root,
            root_started: None,
            members: BTreeSet::from([root]),
            searched: None,
            before: None,
            page_bytes: limit(SysconfVar::PAGE_SIZE, 4096).unsigned_abs(),
            ticks_per_s: limit(SysconfVar::CLK_TCK, 100) as f64,
        }
    }

    pub(super) fn root(&self) -> u32 {
        self.root
    }

    /// Reads it; nothing if its root is gone.
    pub(super) fn read(&mut self, now: Instant) -> Option<Usage> {
        let root = stat(self.root)?;
        if *self.root_started.get_or_insert(root.started_ticks) != root.started_ticks {
            // Another process has got its number.
            return None;
        }
        if self.searched.is_none_or(|at| now >= at + SEARCH_EVERY) {
            self.searched = Some(now);
            self.members = descendants(self.root, &parents());
        }
        let mut usage = Usage {
            fds: Some(0),
            ..Usage::default()
        };
        let mut ticks = 0;
        self.members.retain(|pid| {
            let Some((stat, rss)) = stat(*pid).zip(self.page_bytes.checked_mul(pages(*pid))) else {
                return false;
            };
            ticks += stat.cpu_ticks;
            usage.rss += rss;
            usage.threads += stat.threads;
            usage.fds = usage.fds.zip(descriptors(*pid)).map(|(sum, own)| sum + own);
            true
        });
        if let Some((at, before)) = self.before {
            let seconds = (now - at).as_secs_f64();
            // A child that nobody awaited takes its time with it.
            let used = ticks.saturating_sub(before) as f64 / self.ticks_per_s;
            usage.cpu = (seconds > 0.0).then(|| used / seconds);
        }
        self.before = Some((now, ticks));
        Some(usage)
    }

    /// The proportional set size, in bytes: shared pages are divided among those who share them.
    /// Dearer than all the rest; nothing where the system refuses.
    pub(super) fn proportional_bytes(&self) -> Option<u64> {
        let rollup = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            proportional_bytes(&text)
        };
        self.members.iter().map(rollup).sum()
    }
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn pages(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"));
    statm.ok().as_deref().and_then(resident_pages).unwrap_or(0)
}

/// Since Linux 6.2 the size of the folder is their number; before that it is 0, and they are listed.
fn descriptors(pid: u32) -> Option<u64> {
    let folder = format!("/proc/{pid}/fd");
    let size = fs::metadata(&folder).ok()?.size();
    if size > 0 {
        return Some(size);
    }
    Some(fs::read_dir(&folder).ok()?.count() as u64)
}

/// Every process of the machine with its parent.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let pids = entries.filter_map(|entry| pid(entry.ok()?));
    pids.filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect()
}

/// A process, its children, theirs, and so on.
fn descendants(root: u32, parents: &BTreeMap<u32, u32>) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([root]);
    loop {
        let next: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if next.is_empty() {
            return found;
        }
        found.extend(next);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::clock;

    #[test]
    fn descendants_are_found_over_generations() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 6)]);
        assert_eq!(descendants(2, &parents), BTreeSet::from([2, 3, 4]));
        assert_eq!(descendants(9, &parents), BTreeSet::from([9]));
    }

    #[test]
    fn a_process_is_read_with_its_children_and_is_gone_when_it_has_ended() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 60 & cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut tree = ProcessTree::new(child.id());
        let deadline = clock::now() + Duration::from_secs(30);
        let usage = loop {
            tree.searched = None;
            let usage = tree.read(clock::now()).unwrap();
            if usage.threads == 3 {
                break usage;
            }
            assert!(clock::now() < deadline, "shell, sleep and cat: {usage:?}");
        };
        assert!(usage.rss > 3 * 4096, "{usage:?}");
        assert!(usage.fds.unwrap() >= 3, "{usage:?}");
        assert!(tree.proportional_bytes().unwrap() > 0);
        let members = tree.members.clone();
        for pid in members {
            let pid = nix::unistd::Pid::from_raw(pid as i32);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        child.wait().unwrap();
        assert_eq!(tree.read(clock::now()), None);
    }

    #[test]
    fn work_shows_as_a_share_of_a_core() {
        let mut tree = ProcessTree::new(std::process::id());
        let start = clock::now();
        assert_eq!(tree.read(start).unwrap().cpu, None, "nothing before it");
        let mut sum = 0_u64;
        while clock::now() < start + Duration::from_millis(300) {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        let usage = tree.read(clock::now()).unwrap();
        assert!(usage.cpu.unwrap() > 0.0, "{usage:?} {sum}");
    }
}
