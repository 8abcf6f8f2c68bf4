use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

/// Less free space than this, and a run is not begun: a run of an hour writes about 30 MB.
const LEAST_FREE_BYTES: u64 = 64 << 20;

/// Why results cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The scenario's name is no name for a folder.
    #[error("{0:?} cannot name a folder")]
    Name(String),
    /// A folder could not be made.
    #[error("results cannot be written: {path} cannot be created")]
    Create {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder is there, but a file in it cannot be written.
    #[error("results cannot be written: {path} is not writable")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk is as good as full.
    #[error(
        "results cannot be written: {path} has {free_mib} MiB free, and {needed_mib} MiB are needed"
    )]
    Full {
        /// Where.
        path: PathBuf,
        /// What is there.
        free_mib: u64,
        /// What a run asks for.
        needed_mib: u64,
    },
}

/// The folder of one run: `results/<scenario>/<UTC time>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder for a run that starts now, never one that exists. What would make the run
    /// lose its results is found out here, before it starts.
    ///
    /// # Errors
    /// If the name is none for a folder, or nothing can be written there, or the disk is full.
    pub fn create(base: &Path, scenario: &str, started: SystemTime) -> Result<Self, FolderError> {
        if scenario.is_empty() || scenario.starts_with('.') || scenario.contains(['/', '\\', '\0'])
        {
            return Err(FolderError::Name(scenario.to_owned()));
        }
        let parent = base.join(scenario);
        fs::create_dir_all(&parent).map_err(|source| FolderError::Create {
            path: parent.clone(),
            source,
        })?;
        let path = create_new(&parent, &folder_name(started))?;
        check_space(&path)
            .and_then(|()| probe(&path))
            .inspect_err(|_| {
                // Nothing was written: an empty folder would only look like a run.
                let _ = fs::remove_dir(&path);
            })?;
        Ok(Self { path })
    }

    /// Makes a folder of this path for a run, which must not exist yet; checked as above.
    ///
    /// # Errors
    /// If it exists, or nothing can be written there, or the disk is full.
    pub fn create_at(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir(path).map_err(|source| FolderError::Create {
            path: path.to_owned(),
            source,
        })?;
        check_space(path)
            .and_then(|()| probe(path))
            .inspect_err(|_| {
                // Nothing was written: an empty folder would only look like a run.
                let _ = fs::remove_dir(path);
            })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Points `latest` here: once there are results, which a run that never began has none of.
    ///
    /// # Errors
    /// If the system refuses; no reason to fail a run.
    pub fn become_latest(&self) -> io::Result<()> {
        let parent = self.path.parent().unwrap_or_else(|| Path::new("."));
        point_latest(parent, &self.path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of this name is, or will be.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a whole file; whoever reads it meanwhile sees the old one or the new one.
    ///
    /// # Errors
    /// If the system refuses; the old file is then untouched.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.file(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        replace(&target, bytes)
    }
}

/// Writes beside the target and renames over it.
fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = target.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        // Not synced: this guards against the end of the process, not of the machine, and a sync
        // every few seconds would hold up the run on a slow disk.
        drop(file);
        fs::rename(&beside, target)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

/// RFC 3339 without colons, which some file systems and shells do not take.
fn folder_name(started: SystemTime) -> String {
    let started = Timestamp::try_from(started).unwrap_or(Timestamp::UNIX_EPOCH);
    started.strftime("%Y-%m-%dT%H-%M-%SZ").to_string()
}

fn create_new(parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    let mut path = parent.join(name);
    let mut number = 1;
    loop {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                path = parent.join(format!("{name}-{number}"));
            }
            Err(source) => return Err(FolderError::Create { path, source }),
        }
    }
}

fn check_space(path: &Path) -> Result<(), FolderError> {
    // Where the system does not tell, the probe has to do.
    let Ok(stat) = nix::sys::statvfs::statvfs(path) else {
        return Ok(());
    };
    let free = stat.blocks_available() * stat.fragment_size();
    if free >= LEAST_FREE_BYTES {
        return Ok(());
    }
    Err(FolderError::Full {
        path: path.to_owned(),
        free_mib: free >> 20,
        needed_mib: LEAST_FREE_BYTES >> 20,
    })
}

fn probe(path: &Path) -> Result<(), FolderError> {
    let probe = path.join(".probe");
    let write = || {
        fs::write(&probe, [0; 4096])?;
        fs::remove_file(&probe)
    };
    write().map_err(|source| FolderError::Write {
        path: path.to_owned(),
        source,
    })
}

/// A relative link, so that the results can be moved as a whole; replaced in one step.
fn point_latest(parent: &Path, path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default();
    let beside = parent.join(format!(".latest-{}", name.display()));
    let _ = fs::remove_file(&beside);
    std::os::unix::fs::symlink(name, &beside)?;
    fs::rename(&beside, parent.join("latest")).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2026-11-23 22:48:40 UTC.
    fn started() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_474_120)
    }

    #[test]
    fn a_folder_is_named_by_its_scenario_and_its_start_and_becomes_the_latest() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(base.path(), "reconnect", started()).unwrap();
        let path = base.path().join("reconnect/2026-11-23T22-48-40Z");
        assert_eq!(folder.path(), path);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "the probe is gone");
        let latest = base.path().join("reconnect/latest");
        assert!(!latest.exists(), "there are no results yet");
        folder.become_latest().unwrap();
        assert_eq!(
            fs::read_link(&latest).unwrap(),
            Path::new("2026-11-23T22-48-40Z")
        );
    }

    #[test]
    fn a_second_run_in_the_same_second_gets_a_folder_of_its_own() {
        let base = tempfile::tempdir().unwrap();
        let first = RunFolder::create(base.path(), "a", started()).unwrap();
        first.write("summary.json", b"first").unwrap();
        let second = RunFolder::create(base.path(), "a", started()).unwrap();
        let third = RunFolder::create(base.path(), "a", started()).unwrap();
        assert!(second.path().ends_with("2026-11-23T22-48-40Z-2"));
        assert!(third.path().ends_with("2026-11-23T22-48-40Z-3"));
        assert_eq!(fs::read(first.file("summary.json")).unwrap(), b"first");
        for folder in [first, second, third] {
            folder.become_latest().unwrap();
        }
        assert_eq!(
            fs::read_link(base.path().join("a/latest")).unwrap(),
            Path::new("2026-11-23T22-48-40Z-3")
        );
    }

    #[test]
    fn what_is_no_folder_is_said_before_the_run() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("taken");
        fs::write(&file, "a file").unwrap();
        let error = RunFolder::create(&file, "a", started()).unwrap_err();
        assert!(matches!(error, FolderError::Create { .. }), "{error}");
        assert!(error.to_string().contains("taken"), "{error}");
    }

    #[test]
    fn a_name_that_leads_out_of_the_results_is_refused() {
        let base = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../up", "a/b", ".hidden"] {
            let error = RunFolder::create(base.path(), name, started()).unwrap_err();
            assert!(matches!(error, FolderError::Name(_)), "{name:?}: {error}");
        }
    }

    #[test]
    fn a_latest_that_cannot_be_replaced_is_an_error_of_its_own() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("a/latest/occupied")).unwrap();
        let folder = RunFolder::create(base.path(), "a", started()).unwrap();
        assert!(folder.become_latest().is_err());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(base.path(), "a", started()).unwrap();
        folder.write("summary.json", b"old").unwrap();
        // A folder where the new file should be renamed from.
        fs::create_dir(folder.file("summary.json.tmp")).unwrap();
        assert!(folder.write("summary.json", b"new").is_err());
        assert_eq!(fs::read(folder.file("summary.json")).unwrap(), b"old");
    }
}
