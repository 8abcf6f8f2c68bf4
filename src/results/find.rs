//! The runs that a path means, and how many of them are read at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use super::reader::ReadError;
use super::recorded::{Detail, RecordedRun};

/// Why the runs of a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The folder is not there, or not readable.
    #[error("{path} cannot be read")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No run there.
    #[error(
        "{path} holds no run: expected a folder with summary.json, or a folder of such folders, as \
         `sio-load run` makes them"
    )]
    NoRuns {
        /// The folder.
        path: PathBuf,
    },
    /// Runs of several scenarios.
    #[error("{path} holds runs of several scenarios; name one of them: {}", .scenarios.join(", "))]
    Several {
        /// The folder.
        path: PathBuf,
        /// Its subfolders that hold runs.
        scenarios: Vec<String>,
    },
    /// A run that is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The run folders that a path means: itself, or all in it, oldest first; never `latest` twice.
///
/// A folder that holds no run itself but one folder of runs, as `results` does after runs of one
/// scenario, means those.
///
/// # Errors
/// If there is no run, or those of several scenarios.
pub fn runs_at(path: &Path) -> Result<Vec<PathBuf>, FindError> {
    if RecordedRun::is_at(path) {
        return Ok(vec![path.to_owned()]);
    }
    let below = folders(path)?;
    let runs: Vec<PathBuf> = below
        .iter()
        .filter(|p| RecordedRun::is_at(p))
        .cloned()
        .collect();
    if !runs.is_empty() {
        return Ok(runs);
    }
    let mut with_runs = Vec::new();
    for folder in below {
        let runs: Vec<_> = folders(&folder)?
            .into_iter()
            .filter(|folder| RecordedRun::is_at(folder))
            .collect();
        if !runs.is_empty() {
            with_runs.push((folder, runs));
        }
    }
    match with_runs.len() {
        0 => Err(FindError::NoRuns {
            path: path.to_owned(),
        }),
        1 => Ok(with_runs.remove(0).1),
        _ => Err(FindError::Several {
            path: path.to_owned(),
            scenarios: with_runs
                .iter()
                .map(|(folder, _)| folder.display().to_string())
                .collect(),
        }),
    }
}

/// Reads run folders, several at a time.
///
/// # Errors
/// The first that cannot be read.
pub fn read_runs(folders: &[PathBuf], detail: Detail) -> Result<Vec<RecordedRun>, ReadError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = folders.len().div_ceil(threads).max(1);
    let read = |folders: &[PathBuf]| -> Vec<Result<RecordedRun, ReadError>> {
        folders
            .iter()
            .map(|folder| RecordedRun::read(folder, detail))
            .collect()
    };
    thread::scope(|scope| {
        let parts: Vec<_> = folders
            .chunks(share)
            .map(|part| scope.spawn(move || read(part)))
            .collect();
        let read = parts
            .into_iter()
            .flat_map(|part| part.join().expect("reading does not panic"));
        read.collect()
    })
}

/// Its subfolders in the order of their names, without links and hidden ones.
fn folders(path: &Path) -> Result<Vec<PathBuf>, FindError> {
    let failed = |source| FindError::Io {
        path: path.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Not of what a link points to: `latest` is a run that is there already.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !is_hidden {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(base: &Path, name: &str) {
        let folder = base.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("summary.json"), "{}").unwrap();
    }

    #[test]
    fn a_folder_of_runs_means_all_of_them_without_latest() {
        let base = tempfile::tempdir().unwrap();
        let scenario = base.path().join("reconnect");
        for name in ["2", "1", ".hidden"] {
            run(&scenario, name);
        }
        std::os::unix::fs::symlink("2", scenario.join("latest")).unwrap();
        let expected = vec![scenario.join("1"), scenario.join("2")];
        assert_eq!(runs_at(&scenario).unwrap(), expected);
        assert_eq!(
            runs_at(base.path()).unwrap(),
            expected,
            "the only scenario there"
        );
        let latest = scenario.join("latest");
        assert_eq!(runs_at(&latest).unwrap(), std::slice::from_ref(&latest));
    }

    #[test]
    fn what_holds_no_runs_or_several_scenarios_is_an_error_that_says_so() {
        let base = tempfile::tempdir().unwrap();
        let none = runs_at(base.path()).unwrap_err();
        assert!(matches!(none, FindError::NoRuns { .. }), "{none}");
        run(base.path(), "a/1");
        run(base.path(), "b/1");
        let several = runs_at(base.path()).unwrap_err().to_string();
        assert!(several.contains("name one of them"), "{several}");
        let missing = runs_at(&base.path().join("nowhere")).unwrap_err();
        assert!(matches!(missing, FindError::Io { .. }), "{missing}");
    }
}
