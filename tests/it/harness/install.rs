use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use super::servers;

/// Where npm has put the packages of `tests/servers/NAME`, as its lock file pins them.
///
/// # Panics
/// If Node.js is missing or npm fails: without real servers the tests would show nothing.
pub(crate) fn npm(name: &str) -> PathBuf {
    let directory = servers().join(name);
    let pinned = read(&directory.join("package-lock.json"));
    install_once(&directory.join("node_modules"), &pinned, || {
        let what = "Node.js 18 or newer with npm, which these tests need for their servers";
        run(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&directory),
            what,
        );
    });
    directory
}

/// The Python of the virtual environment of `tests/servers/NAME`, with its pinned packages.
///
/// # Panics
/// If Python is missing or pip fails.
pub(super) fn python(name: &str) -> PathBuf {
    let directory = servers().join(name);
    let environment = directory.join(".venv");
    let pinned = read(&directory.join("requirements.txt"));
    install_once(&environment, &pinned, || {
        let what = "Python 3.9 or newer with venv, which these tests need for a server";
        run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
            what,
        );
        run(
            Command::new(environment.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(directory.join("requirements.txt")),
            "pip",
        );
    });
    environment.join("bin/python")
}

/// Installs into `target` unless a stamp there says that just this has been done.
///
/// Tests run in parallel, and test runs may, so the work is done under a lock of the file system.
fn install_once(target: &Path, pinned: &str, install: impl FnOnce()) {
    let stamp = target.join(".installed");
    let is_installed = || fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned);
    if is_installed() {
        return;
    }
    let lock = File::create(servers().join(".install.lock")).expect("a writable tests/servers");
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).expect("a lock on tests/servers");
    if is_installed() {
        return;
    }
    install();
    fs::write(&stamp, pinned).expect("a writable installation");
}

fn run(command: &mut Command, what: &str) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("missing: {what} ({command:?}: {error})"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
