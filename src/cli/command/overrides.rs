use std::path::Path;

use crate::cli::args::OverrideArgs;
use crate::cli::terminal::Terminal;
use crate::cli::{Failed, environment};
use crate::diagnostic::Diagnostics;
use crate::fault::FaultKind;
use crate::gate::exit_code;
use crate::scenario::plan::IpFamily;
use crate::scenario::{self, Overrides, Plan};

/// Reads a scenario with what the command line changes in it; prints every problem if there are
/// any.
pub(super) fn read(path: &Path, args: &OverrideArgs, terminal: &Terminal) -> Result<Plan, Failed> {
    checked(path, args)?.map_err(|problems| {
        terminal.complain(&problems.render(terminal.color_err()));
        Failed {
            message: None,
            code: exit_code::INVALID_SCENARIO,
        }
    })
}

/// Reads a scenario with what the command line and the environment change in it.
///
/// # Errors
/// If they contradict themselves; what is wrong with the scenario is the answer.
pub(super) fn checked(
    path: &Path,
    args: &OverrideArgs,
) -> Result<Result<Plan, Diagnostics>, Failed> {
    let plan = scenario::read(path, &overrides(args)?);
    Ok(plan.map(|mut plan| {
        if args.url.is_some() {
            leave_out_server(&mut plan);
        }
        plan
    }))
}

fn overrides(args: &OverrideArgs) -> Result<Overrides, Failed> {
    let ip_family = match (args.ipv4, args.ipv6) {
        (true, _) => Some(IpFamily::V4),
        (_, true) => Some(IpFamily::V6),
        (false, false) => {
            environment::ip_family().map_err(|why| Failed::new(exit_code::USAGE, why))?
        }
    };
    let mut set = environment::settings();
    set.extend(args.set.iter().cloned());
    Ok(Overrides {
        url: args.url.clone(),
        clients: args.clients,
        duration: args.duration.clone(),
        seed: args.seed,
        set,
        cacert: args.cacert.clone(),
        cert: args.cert.clone(),
        key: args.key.clone(),
        insecure: args.insecure,
        proxy: args.proxy.clone(),
        connect_to: args.connect_to.clone(),
        ip_family,
    })
}

/// `--url` names a server that is there: none is started, and none can be restarted.
fn leave_out_server(plan: &mut Plan) {
    if plan.server.take().is_none() {
        return;
    }
    let before = plan.chaos.len();
    plan.chaos.retain(|fault| match fault.kind {
        FaultKind::Process(_) | FaultKind::Balancer(_) => false,
        FaultKind::Client(_) | FaultKind::Path(_) | FaultKind::Hook(_) => true,
    });
    let left_out = before - plan.chaos.len();
    if left_out > 0 {
        plan.warnings.push(format!(
            "--url names a server that the run does not start, so {left_out} server fault(s) of \
             the scenario are left out"
        ));
    }
}
