use std::path::Path;

use crate::harness::{Kind, RunningSioLoad, wait_for};

use super::LIMIT;

/// A scenario whose server is a shell with two more processes below it, whose ids it tells.
pub(super) fn with_command(scenario: &str) -> String {
    let (argv, directory) = Kind::SocketIo4.command().expect("a program");
    let script = format!("sleep 1000 & echo child $!; {} '{}'", argv[0], argv[1]);
    let server =
        format!("command = [\"sh\", \"-c\", {script:?}]\ncwd = {directory:?}\nready = \"60s\"\n");
    assert!(scenario.contains("embedded = true\n"));
    scenario.replace("embedded = true\n", &server)
}

/// Every process that has the run's process among its ancestors.
pub(super) fn descendants(running: &RunningSioLoad) -> Vec<u32> {
    let mut found = vec![running.id()];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let children = format!("/proc/{parent}/task");
        for task in std::fs::read_dir(children).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .map(|id| id.parse::<u32>().unwrap()),
            );
        }
        next += 1;
    }
    found.remove(0);
    found
}

/// Waits until none of these processes is left.
pub(super) fn wait_until_gone(processes: &[u32]) {
    for process in processes {
        wait_for(&format!("end of process {process}"), LIMIT, || {
            (!is_alive(*process)).then_some(())
        });
    }
}

/// Whether it runs; what has ended may stay in the table until its parent asks for it.
fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    stat.is_ok_and(|stat| {
        let state = stat.rsplit(") ").next().unwrap_or_default();
        !state.starts_with('Z')
    })
}
