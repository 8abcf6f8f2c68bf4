//! Carries out the faults of a run that no client carries out on itself, and tells when each fault
//! begins and ends.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::process::{self, Fleet, Strike, Unanswered};
use super::progress::{Progress, Reporter, Step};
use super::schedule::{Application, applications};
use super::{FaultError, hook};
use crate::clock::{self, Clock};
use crate::event::{AmbientFault, StrikeId};
use crate::fault::process::Signal;
use crate::fault::{Balancer, FaultKind, Hook, PathFault, Process};
use crate::scenario::plan::{Fault, Plan};

/// Tells all workers of a fault at large, and returns once they know.
pub trait Announce {
    /// Tells them.
    fn announce(&self, fault: AmbientFault) -> impl Future<Output = ()>;
}

/// The faults of a run, as they are carried out.
pub struct Controller<A> {
    plan: Rc<Plan>,
    clock: Clock,
    fleet: Fleet,
    announce: A,
    reporter: Reporter,
    /// Set when no further fault may begin.
    finished: watch::Sender<bool>,
}

impl<A: Announce + 'static> Controller<A> {
    /// A controller that has not begun; steps go to `progress`.
    pub fn new(
        plan: Rc<Plan>,
        clock: Clock,
        fleet: Fleet,
        announce: A,
        progress: mpsc::Sender<Progress>,
    ) -> Rc<Self> {
        Rc::new(Self {
            plan,
            clock,
            fleet,
            announce,
            reporter: Reporter { clock, progress },
            finished: watch::Sender::new(false),
        })
    }

    /// Carries out all faults in time; ends when all are over and undone.
    ///
    /// Must be called inside a [`tokio::task::LocalSet`].
    pub async fn run(self: Rc<Self>) {
        let mut under_way = JoinSet::new();
        for application in applications(&self.plan) {
            let due = self.clock.origin() + application.at;
            tokio::select! {
                biased;
                () = self.finished() => break,
                () = tokio::time::sleep_until(due.into()) => {}
            }
            while under_way.try_join_next().is_some() {}
            if self.plan.chaos[application.entry].has_victims() {
                // The workers carry these out by the same schedule, and report them.
                continue;
            }
            let controller = Rc::clone(&self);
            under_way.spawn_local(async move { controller.apply(application).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Begins no further fault and undoes those under way, as the end of the load does by itself.
    ///
    /// Whatever a fault holds undoes itself when it is dropped: a paused server is continued, a
    /// command is killed. Servers that are down end with the run in any case.
    pub fn finish(&self) {
        self.finished.send_replace(true);
    }

    /// Until the load is over, by its plan or before its time.
    async fn finished(&self) {
        let mut finished = self.finished.subscribe();
        let end = self.clock.origin() + self.plan.duration;
        tokio::select! {
            // Whoever could tell holds `self`.
            _ = finished.wait_for(|finished| *finished) => {}
            () = tokio::time::sleep_until(end.into()) => {}
        }
    }

    async fn apply(&self, application: Application) {
        let fault = &self.plan.chaos[application.entry];
        let id = application.id;
        let unanswered = Unanswered::default();
        let carried_out = self.carry_out(fault, application, &unanswered);
        let carried_out = AssertUnwindSafe(carried_out).catch_unwind();
        let done = tokio::select! {
            done = carried_out => Some(done.unwrap_or(Err(FaultError::Panicked))),
            // Dropped, and by that undone.
            () = self.finished() => None,
        };
        match done {
            Some(Ok(())) => self.reporter.tell(id, Step::Ended).await,
            Some(Err(error)) => self.reporter.tell(id, Step::Failed(describe(&error))).await,
            None if fault.kind.spec().ends_with_the_load => {
                self.reporter.tell(id, Step::Ended).await
            }
            // Cut off: it never came to its own end.
            None => {
                let why = ignored(&unanswered.borrow());
                if let Some(why) = why {
                    self.reporter.tell(id, Step::Failed(why)).await;
                }
            }
        }
    }

    async fn carry_out(
        &self,
        fault: &Fault,
        application: Application,
        unanswered: &Unanswered,
    ) -> Result<(), FaultError> {
        let id = application.id;
        match &fault.kind {
            // Left to the workers above.
            FaultKind::Client(_) => Ok(()),
            FaultKind::Path(path) => self.by_proxy(id, fault, path).await,
            FaultKind::Balancer(balancer) => self.by_balancer(id, fault, *balancer).await,
            FaultKind::Process(process) => self.at_servers(id, fault, *process, unanswered).await,
            FaultKind::Hook(hook) => self.by_hook(id, fault, hook).await,
        }
    }

    async fn at_servers(
        &self,
        id: StrikeId,
        fault: &Fault,
        process: Process,
        unanswered: &Unanswered,
    ) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        let strike = Strike {
            fault: id,
            ambient: &ambient,
            reporter: &self.reporter,
            unanswered,
        };
        let done = process::carry_out(process, fault.lasts, &self.fleet, strike).await;
        ambient.end(clock::now());
        done
    }

    async fn by_balancer(
        &self,
        id: StrikeId,
        fault: &Fault,
        balancer: Balancer,
    ) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        let control = self.fleet.balancer.as_ref().ok_or(FaultError::NoProxy)?;
        let undone_when_dropped = match balancer {
            Balancer::NonSticky(_) => control.forget(),
        };
        process::strike(&ambient).await;
        self.reporter.tell(id, Step::Applied).await;
        self.last(fault.lasts).await;
        drop(undone_when_dropped);
        ambient.end(clock::now());
        Ok(())
    }

    async fn by_proxy(
        &self,
        id: StrikeId,
        fault: &Fault,
        path: &PathFault,
    ) -> Result<(), FaultError> {
        let ambient = self.announce(id, fault).await;
        let done = self.lay(id, fault, path, &ambient).await;
        ambient.end(clock::now());
        done
    }

    /// Lays a fault on the network path, and lifts it when it is over.
    async fn lay(
        &self,
        id: StrikeId,
        fault: &Fault,
        path: &PathFault,
        ambient: &AmbientFault,
    ) -> Result<(), FaultError> {
        let proxy = self.fleet.proxy.as_ref().ok_or(FaultError::NoProxy)?;
        // Before it is laid: a connection may be lost before this thread hears of it.
        process::strike(ambient).await;
        let laid = proxy.lay(id, fault.population, path).await?;
        self.reporter.tell(id, Step::Applied).await;
        if let Some(touched) = laid.touched() {
            self.reporter.tell(id, Step::Touching(touched)).await;
        }
        if fault.kind.spec().is_undone() {
            self.last(fault.lasts).await;
        }
        Ok(laid.lift().await?)
    }

    /// Waits until a fault that began now is to be undone.
    async fn last(&self, lasts: Option<Duration>) {
        match lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            // The run drops it at its end.
            None => std::future::pending().await,
        }
    }

    async fn by_hook(&self, id: StrikeId, fault: &Fault, hook: &Hook) -> Result<(), FaultError> {
        let Hook::Exec(exec) = hook;
        let ambient = self.announce(id, fault).await;
        self.reporter.tell(id, Step::Applied).await;
        process::strike(&ambient).await;
        let over = self.clock.since_origin(clock::now()) + fault.lasts.unwrap_or_default();
        let ran = hook::run(exec, self.fleet.guardian.as_ref()).await;
        if !ran.output.is_empty() {
            self.reporter.tell(id, Step::Output(ran.output)).await;
        }
        if ran.done.is_ok() {
            tokio::time::sleep_until((self.clock.origin() + over).into()).await;
        }
        ambient.end(clock::now());
        ran.done
    }

    /// Lets every worker know of a fault before it strikes.
    async fn announce(&self, id: StrikeId, fault: &Fault) -> AmbientFault {
        let ambient = AmbientFault::announce(id, fault.population);
        self.announce.announce(ambient.clone()).await;
        ambient
    }
}

/// Says which server a fault was still waiting for when the run ended.
fn ignored(unanswered: &BTreeMap<u16, (Signal, Instant)>) -> Option<String> {
    let (instance, (signal, sent)) = unanswered.first_key_value()?;
    let waited = clock::now().saturating_duration_since(*sent).as_secs_f64();
    let signal = signal.name();
    Some(format!(
        "server {instance} had not ended {waited:.1} s after {signal}, when the run ended; let it \
         last longer, or make `grace` shorter"
    ))
}

/// An error and its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::scenario::{self, Overrides};

    /// Knows of everything at once; a fault that it is told to panics instead.
    struct Workers {
        panics_at: Option<StrikeId>,
    }

    impl Announce for Workers {
        async fn announce(&self, fault: AmbientFault) {
            assert!(self.panics_at != Some(fault.fault), "as the test wants it");
        }
    }

    /// What became of the faults of a scenario, the run of which is finished after `until`.
    async fn steps(
        chaos: &str,
        workers: Workers,
        until: impl Future<Output = ()>,
    ) -> Vec<(u32, Step)> {
        let text = format!(
            "duration = \"1h\"\n[target]\nurl = \"http://127.0.0.1:1/\"\n\
             [[clients]]\ncount = 1\n{chaos}"
        );
        let plan = scenario::parse(&text, "test.toml", &Overrides::default())
            .unwrap_or_else(|problems| panic!("{problems}"));
        let (sender, mut receiver) = mpsc::channel(64);
        let fleet = Fleet::default();
        let controller = Controller::new(Rc::new(plan), Clock::start(), fleet, workers, sender);
        LocalSet::new()
            .run_until(async {
                let mut run = tokio::task::spawn_local(Rc::clone(&controller).run());
                tokio::select! {
                    () = until => controller.finish(),
                    ended = &mut run => return ended.unwrap(),
                }
                run.await.unwrap();
            })
            .await;
        let mut steps = Vec::new();
        while let Ok(progress) = receiver.try_recv() {
            steps.push((progress.fault.0, progress.step));
        }
        steps
    }

    fn exec(at: &str, script: &str) -> String {
        format!(
            "[[chaos]]\nat = {at:?}\nfault = \"exec\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
        )
    }

    #[tokio::test]
    async fn a_fault_that_panics_has_failed_and_the_others_go_on() {
        let chaos = exec("0s", "true") + &exec("50ms", "echo later");
        let workers = Workers {
            panics_at: Some(StrikeId(0)),
        };
        let mut steps = steps(&chaos, workers, std::future::pending()).await;
        steps.sort_by_key(|(fault, _)| *fault);
        assert_eq!(
            steps,
            [
                (0, Step::Failed("the fault panicked".to_owned())),
                (1, Step::Applied),
                (1, Step::Output("later".to_owned())),
                (1, Step::Ended),
            ]
        );
    }

    #[tokio::test]
    async fn the_end_of_the_load_cuts_off_a_command_and_kills_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("echo $$ > '{}'; exec sleep 100", file.display());
        let nobody = Workers { panics_at: None };
        let begun = async {
            while !std::fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let steps = steps(&exec("0s", &script), nobody, begun).await;
        assert_eq!(steps, [(0, Step::Applied)], "it never came to its own end");
        let pid = std::fs::read_to_string(&file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        let gone = async {
            while runs() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
        gone.expect("the end of the command");
    }

    #[tokio::test]
    async fn a_run_that_is_finished_begins_no_further_fault() {
        let chaos = exec("30m", "true");
        let nobody = Workers { panics_at: None };
        assert_eq!(steps(&chaos, nobody, std::future::ready(())).await, []);
    }
}
