//! The files of /proc that a process is read from.

/// What /proc/PID/stat says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// The parent's process id.
    pub(super) parent: u32,
    /// User and system time of the process, and of its children that have been awaited, in ticks.
    pub(super) cpu_ticks: u64,
    /// Threads.
    pub(super) threads: u64,
    /// Start of the process since boot, in ticks: tells a process from a later one of the same id.
    pub(super) started_ticks: u64,
}

impl Stat {
    /// Reads the file's text; the name in it may hold blanks and parentheses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and the name is number 2.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(field(4)?).ok()?,
            cpu_ticks: field(14)? + field(15)? + field(16)? + field(17)?,
            threads: field(20)?,
            started_ticks: field(22)?,
        })
    }
}

/// The resident pages of /proc/PID/statm.
pub(super) fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The proportional set size of /proc/PID/smaps_rollup, in bytes.
pub(super) fn proportional_bytes(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4711 (node (v22) main) S 4700 4711 4711 0 -1 4194304 9103 31 0 0 250 40 7 3 \
                        20 0 11 0 881234 1288490188 25000 18446744073709551615 1 1 0 0 0 0 0";

    #[test]
    fn a_process_is_read_though_its_name_holds_blanks_and_parentheses() {
        let stat = Stat::parse(STAT).unwrap();
        assert_eq!(
            stat,
            Stat {
                parent: 4700,
                cpu_ticks: 300,
                threads: 11,
                started_ticks: 881_234
            }
        );
        for cut in ["", "4711", "4711 (node) S 1", "4711 (node"] {
            assert_eq!(Stat::parse(cut), None, "{cut}");
        }
    }

    #[test]
    fn sizes_are_read_in_pages_and_kibibytes() {
        assert_eq!(
            resident_pages("314572 25000 8000 1 0 90000 0\n"),
            Some(25_000)
        );
        assert_eq!(resident_pages(""), None);
        let rollup = "00400000-7ffd000 ---p 0 00:00 0  [rollup]\nRss:  2048 kB\nPss:  1024 kB\n\
                      Pss_Dirty: 1 kB\n";
        assert_eq!(proportional_bytes(rollup), Some(1 << 20));
        assert_eq!(proportional_bytes("Rss: 1 kB"), None);
    }
}
