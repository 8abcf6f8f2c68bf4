//! What schedules cost: `cargo bench --bench arrival`. CPU for each client or tick, median of
//! eleven rounds; `-- --smoke` does everything a few times, to see that it works.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

#[path = "../timing/mod.rs"]
mod timing;

use std::time::Duration;

use sio_load::chaos::schedule::{applications, victims};
use sio_load::client::behaviour::Behaviour;
use sio_load::clock;
use sio_load::scenario::{self, Overrides, Plan};
use sio_load::workload::arrival::stays;
use timing::Timing;

fn main() {
    let timing = Timing::from_arguments();
    let clients = timing.times(100_000);
    for (what, load) in [
        (
            "clients at a rate",
            format!("count = {clients}\narrive = \"1000/s\""),
        ),
        (
            "clients on a ramp",
            format!("ramp = [{{ to = {clients}, over = \"100s\" }}]"),
        ),
        (
            "clients that come and go",
            format!("arrivals = \"{clients}/h\"\nstay = \"30s\""),
        ),
    ] {
        let plan = plan(&load);
        println!("\n{} {what}", stays(&plan).len());
        timing.measure("draw up the schedule", 1, || (), |()| stays(&plan));
        let stays = stays(&plan);
        let fault = applications(&plan)
            .into_iter()
            .next()
            .expect("the plan has a fault");
        timing.measure(
            "draw the victims of a fault",
            1,
            || (),
            |()| victims(&plan, &fault, &stays),
        );
    }
    println!();
    ticks(&timing);
}

/// The emit schedule of one client, as its driver asks for it.
fn ticks(timing: &Timing) {
    let plan = plan("count = 1");
    let emits = &plan.populations[0].emits;
    let now = clock::now();
    timing.measure(
        "the next tick of a client with two emit tables",
        100_000,
        || {
            let mut behaviour = Behaviour::new(emits, &mut fastrand::Rng::with_seed(1));
            behaviour.start(0, now);
            behaviour
        },
        |behaviour| behaviour.poll_tick(now + Duration::from_secs(3600 * 24 * 365)),
    );
}

fn plan(load: &str) -> Plan {
    let text = format!(
        "name = \"bench\"\nduration = \"1h\"\nseed = 1\n\
         [target]\nurl = \"http://127.0.0.1:1/\"\n\
         [[clients]]\nname = \"all\"\n{load}\n\
         [[clients.emit]]\nevent = \"a\"\nevery = \"5s\"\n\
         [[clients.emit]]\nevent = \"b\"\nevery = \"7s\"\n\
         [[chaos]]\nat = \"30m\"\nfault = \"disconnect\"\nhow = \"close\"\nclients = \"50%\"\n"
    );
    match scenario::parse(&text, "bench.toml", &Overrides::default()) {
        Ok(plan) => plan,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}
