//! What the generator's machine and process say about themselves.
//!
//! Everything is read when asked for, and nothing that cannot be read is made up.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;

/// CPU time, user and system, that the calling thread has taken so far.
#[must_use]
pub fn thread_cpu() -> Duration {
    cpu(UsageWho::RUSAGE_THREAD)
}

/// CPU time, user and system, that this process has taken so far, without its children.
#[must_use]
pub fn process_cpu() -> Duration {
    cpu(UsageWho::RUSAGE_SELF)
}

fn cpu(who: UsageWho) -> Duration {
    let total = |usage: Usage| {
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(micros.unsigned_abs())
    };
    getrusage(who).map_or(Duration::ZERO, total)
}

/// The most memory that this process held, in bytes (`VmHWM`); nothing where /proc does not say.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    status_kib("VmHWM:").map(|kib| kib * 1024)
}

/// The memory that this process holds now, in bytes (`VmRSS`); nothing where /proc does not say.
#[must_use]
pub fn memory_bytes() -> Option<u64> {
    status_kib("VmRSS:").map(|kib| kib * 1024)
}

/// Memory that the system could give to new programs, in bytes; nothing where /proc does not say.
#[must_use]
pub fn available_memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    field_kib(&text, "MemAvailable:").map(|kib| kib * 1024)
}

fn status_kib(key: &str) -> Option<u64> {
    field_kib(&fs::read_to_string("/proc/self/status").ok()?, key)
}

/// A number of KiB from the files of /proc: `VmHWM:     1234 kB`.
fn field_kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The machine, for the provenance of results: name, system, kernel, processor, cores, memory.
#[must_use]
pub fn describe() -> BTreeMap<String, Value> {
    let first_line = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        Some(text.lines().next()?.trim().to_owned())
    };
    let processor = || {
        let text = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = || field_kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:");
    let cores = std::thread::available_parallelism().ok().map(usize::from);
    [
        (
            "hostname",
            first_line("/proc/sys/kernel/hostname").map(Value::from),
        ),
        ("os", Some(Value::from(std::env::consts::OS))),
        ("arch", Some(Value::from(std::env::consts::ARCH))),
        (
            "kernel",
            first_line("/proc/sys/kernel/osrelease").map(Value::from),
        ),
        ("cpu", processor().map(Value::from)),
        ("cores", cores.map(Value::from)),
        ("memory_bytes", memory().map(|kib| Value::from(kib * 1024))),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_the_cpu_time_of_its_thread() {
        let before = thread_cpu();
        let mut sum = 0u64;
        for n in 0..20_000_000u64 {
            sum = std::hint::black_box(sum ^ n);
        }
        assert!(thread_cpu() > before, "{sum}");
        assert!(process_cpu() >= thread_cpu());
    }

    #[test]
    fn this_process_has_memory_and_runs_on_something() {
        assert!(peak_memory_bytes().unwrap() >= memory_bytes().unwrap() / 2);
        let host = describe();
        assert!(host["cores"].as_u64().unwrap() >= 1);
        assert!(host["memory_bytes"].as_u64().unwrap() > 1 << 20);
    }

    #[test]
    fn a_field_of_proc_is_read_in_kib() {
        assert_eq!(
            field_kib("VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\n", "VmHWM:"),
            Some(1234)
        );
        assert_eq!(field_kib("VmHWM: many kB\n", "VmHWM:"), None);
    }
}
