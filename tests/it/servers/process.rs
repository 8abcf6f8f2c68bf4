use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal as SystemSignal, kill};
use nix::unistd::Pid;
use sio_load::fault::process::Signal;
use sio_load::scenario::plan::ServerProgram;
use sio_load::server::process::{Launch, ProcessError, Readiness, ServerProcess, free_ports};
use tempfile::TempDir;

use crate::harness::{Kind, PATIENCE, wait_for};

/// A server that is started by a shell, after `before`.
fn launch(before: &str) -> Launch {
    let (argv, cwd) = Kind::SocketIo4.command().expect("a program");
    let script = format!("{before}\nexec {} '{}'", argv[0], argv[1]);
    Launch {
        program: ServerProgram::Command {
            argv: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            env: vec![("WHERE".to_owned(), "port {{port}}".to_owned())],
            cwd: Some(cwd),
        },
        port: free_ports(1).expect("a free port")[0],
        path: "/socket.io/".to_owned(),
        sio_load: Some(PathBuf::from(env!("CARGO_BIN_EXE_sio-load"))),
    }
}

fn within(within: Duration) -> Readiness {
    Readiness {
        tls: false,
        path: "/socket.io/".to_owned(),
        within,
    }
}

const LONG: Duration = Duration::from_secs(30);

async fn start(before: &str, log: &Path) -> ServerProcess {
    ServerProcess::start(launch(before), within(LONG), log.to_owned(), None)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn failure(before: &str, log: &Path, limit: Duration) -> ProcessError {
    match ServerProcess::start(launch(before), within(limit), log.to_owned(), None).await {
        Ok(_) => panic!("it should not start"),
        Err(error) => error,
    }
}

fn log() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a temporary directory");
    let log = directory.path().join("server.log");
    (directory, log)
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).expect("a log")
}

/// Whether it runs; what has ended may stay in the table until somebody asks for it.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.starts_with('Z'))
    })
}

fn wait_until_gone(pid: u32) {
    wait_for("end of the process", PATIENCE, || {
        (!runs(pid)).then_some(())
    });
}

#[tokio::test]
async fn output_and_errors_of_all_starts_are_in_one_log() {
    let (_directory, log) = log();
    let mut server = start("echo out at $WHERE; echo err >&2", &log).await;
    server.restart().await.expect("a second start");
    let once = format!("out at port {}\nerr\n", server.port());
    assert_eq!(read(&log), once.repeat(2));
    assert_eq!(server.last_lines(), once.trim_end());
}

#[tokio::test]
async fn a_server_that_ends_early_is_reported_with_its_status_and_last_words() {
    let (_directory, log) = log();
    let error = failure("echo no such module >&2; exit 3", &log, LONG).await;
    let text = error.to_string();
    assert!(matches!(error, ProcessError::Ended { .. }), "{text}");
    assert!(
        text.contains("ended before it was ready: exit status: 3"),
        "{text}"
    );
    let last_lines = format!("; the last lines of {}:\nno such module", log.display());
    assert!(text.ends_with(&last_lines), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_reported_and_killed() {
    let (_directory, log) = log();
    let limit = Duration::from_secs(2);
    let error = failure("echo $$; sleep 100", &log, limit).await;
    let text = error.to_string();
    assert!(matches!(error, ProcessError::NotReady { .. }), "{text}");
    assert!(
        text.contains("was not ready within 2s: http://127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("/socket.io/: Connection refused"), "{text}");
    wait_until_gone(read(&log).trim().parse().expect("the shell's id"));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_reported_by_its_name() {
    let (_directory, log) = log();
    let mut launch = launch("");
    launch.program = ServerProgram::Command {
        argv: vec!["no-such-program".to_owned()],
        env: Vec::new(),
        cwd: None,
    };
    let started = ServerProcess::start(launch, within(LONG), log, None).await;
    let text = started.expect_err("it does not exist").to_string();
    assert_eq!(text, "cannot start the server \"no-such-program\"");
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_comes_back_on_its_port() {
    let (_directory, log) = log();
    let mut server = start("", &log).await;
    // It leaves connections behind that keep its port busy for a while.
    let connections: Vec<_> = (0..10)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port())).expect("a server"))
        .collect();
    server.signal(Signal::SigKill).expect("a signal");
    let status = server.exited().await.expect("a status");
    assert_eq!(status.signal(), Some(9));
    assert_eq!(server.exited().await.expect("the same status"), status);
    assert_eq!(server.id(), None);
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart().await.expect("a second start");
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_ok());
    drop(connections);
}

#[tokio::test]
async fn an_exit_that_nobody_asked_for_is_noticed() {
    let (_directory, log) = log();
    let mut server = start("", &log).await;
    let id = i32::try_from(server.id().expect("a running server")).expect("a process id");
    kill(Pid::from_raw(id), SystemSignal::SIGTERM).expect("a child of ours");
    let exited = tokio::time::timeout(LONG, server.exited()).await;
    let status = exited.expect("an end").expect("a status");
    assert!(status.success(), "npm's server ends in order: {status}");
}

#[tokio::test]
async fn a_server_that_ignores_its_signal_is_killed_after_its_grace() {
    let (_directory, log) = log();
    let mut launch = launch("");
    let ServerProgram::Command { argv, .. } = &mut launch.program else {
        unreachable!("a command");
    };
    // A shell that stays when its node is gone.
    argv[2] = argv[2].replace("exec node", "trap '' TERM\nnode") + "\nsleep 100";
    let mut server = ServerProcess::start(launch, within(LONG), log, None)
        .await
        .expect("a server");
    let grace = Duration::from_millis(200);
    let status = server.stop(Signal::SigTerm, grace).await.expect("a status");
    assert_eq!(status.signal(), Some(9));
}

#[tokio::test]
async fn a_dropped_server_takes_all_that_it_has_started_with_it() {
    let (_directory, log) = log();
    let server = start("sleep 1000 & echo $!", &log).await;
    let sleep: u32 = read(&log).trim().parse().expect("the id of sleep");
    let node = server.id().expect("a running server");
    assert!(runs(sleep) && runs(node));
    drop(server);
    wait_until_gone(sleep);
    wait_until_gone(node);
}

#[tokio::test]
async fn the_embedded_server_is_told_where_and_holds_a_pipe_of_the_run() {
    let (_directory, log) = log();
    let mut launch = launch("");
    launch.program = ServerProgram::Embedded;
    let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/npm/stand_in.sh");
    launch.sio_load = Some(PathBuf::from(stand_in));
    let port = launch.port;
    let mut server = ServerProcess::start(launch, within(LONG), log.clone(), None)
        .await
        .expect("a server");
    let expected = format!("serve --exit-with-stdin --listen 127.0.0.1:{port} --path /socket.io/");
    assert_eq!(read(&log).trim(), expected);
    // Waiting must not close the pipe.
    let waited = tokio::time::timeout(Duration::from_millis(300), server.exited()).await;
    assert!(waited.is_err(), "{waited:?}");
}
