use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// Puts the generator on the first core that it may use; says which cores are used.
pub(crate) fn prepare_generator() -> String {
    raise_descriptor_limit();
    let cores = cores();
    match cores[..] {
        [first, second, ..] if pin(first) => {
            format!("generator on core {first}, target on core {second}")
        }
        _ => "generator and target share a core: the figures are not comparable".to_owned(),
    }
}

/// Puts the target on the second core, which the generator leaves alone.
///
/// To be called by a process that was started before the generator pinned itself, or that has lost
/// the pin that it inherited: so the set of cores is asked for anew.
pub(crate) fn prepare_target() {
    raise_descriptor_limit();
    let everything = (0..CpuSet::count()).fold(CpuSet::new(), |mut set, core| {
        // Cores beyond those that exist are ignored by the kernel.
        let _ = set.set(core);
        set
    });
    let _ = sched_setaffinity(Pid::from_raw(0), &everything);
    if let [_, second, ..] = cores()[..] {
        pin(second);
    }
}

fn cores() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count())
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect()
}

fn pin(core: usize) -> bool {
    let mut set = CpuSet::new();
    set.set(core).is_ok() && sched_setaffinity(Pid::from_raw(0), &set).is_ok()
}

fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
