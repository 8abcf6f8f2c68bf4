//! Faults on the way by a Toxiproxy that runs already.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Kind, RealServer, SioLoad, Toxiproxy, wait_for};

const LIMIT: Duration = Duration::from_secs(60);

/// Two populations, one of which goes through Toxiproxy, and these faults.
fn scenario(toxiproxy: &str, server: &RealServer, duration: &str, faults: &str) -> String {
    let clients = "count = 3\ntransports = [\"websocket\"]\nreconnection = { delay = \"100ms\" }";
    format!(
        "name = \"toxic\"\nduration = \"{duration}\"\nseed = 1\n\
         [target]\nurl = \"{}\"\ntoxiproxy = \"{toxiproxy}\"\n\
         [[clients]]\nname = \"web\"\n{clients}\n\
         [[clients]]\nname = \"direct\"\n{clients}\n{faults}",
        server.url()
    )
}

/// The toxics that lie on the run's only proxy, once there are so many.
fn wait_toxics(toxiproxy: &Toxiproxy, count: usize) -> Vec<Value> {
    wait_for("toxic", LIMIT, || {
        let proxies = toxiproxy.proxies();
        let proxy = proxies.values().next()?;
        assert_eq!(proxies.len(), 1, "the other population needs none");
        let toxics = proxy["toxics"].as_array()?;
        (toxics.len() == count).then(|| toxics.clone())
    })
}

#[test]
fn toxiproxy_carries_out_faults_and_is_left_as_it_was() {
    for toxiproxy in Toxiproxy::all() {
        let server = RealServer::start(Kind::SocketIo4, json!({}));
        let faults = "[[chaos]]\nat = \"1s\"\nfault = \"latency\"\npopulation = \"web\"\n\
             latency = \"80ms\"\njitter = \"1500us\"\ntoxicity = \"50%\"\ndirection = \"both\"\n\
             for = \"2s\"\n\
             [[chaos]]\nat = \"4s\"\nfault = \"down\"\npopulation = \"web\"\nfor = \"1s\"\n\
             [[chaos]]\nat = \"6s\"\nfault = \"restart\"\npopulation = \"web\"\n";
        let text = scenario(&toxiproxy.url(), &server, "8s", faults);
        let run = SioLoad::new(&["run", "s.toml", "--quiet"])
            .file("s.toml", &text)
            .start();
        let mut toxics = wait_toxics(&toxiproxy, 2);
        toxics.sort_by_key(|toxic| toxic["stream"].to_string());
        for (toxic, stream) in toxics.iter().zip(["downstream", "upstream"]) {
            assert_eq!(toxic["type"], "latency");
            assert_eq!(toxic["stream"], stream);
            assert_eq!(toxic["toxicity"], 0.5);
            assert_eq!(toxic["attributes"], json!({ "latency": 80, "jitter": 2 }));
        }
        wait_toxics(&toxiproxy, 0);
        let finished = run.wait(LIMIT);
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let summary = finished.summary();
        for place in [1, 2] {
            let fault = &summary["faults"][place];
            assert_eq!(fault["affected"], 3, "{fault:#}");
            assert_eq!(fault["restored"], 3, "{fault:#}");
            assert_eq!(fault["disconnects"], json!({ "transport close": 3 }));
            assert_eq!(fault["connections"], Value::Null, "nobody told");
        }
        let direct = &summary["populations"]["direct"]["counters"];
        assert_eq!(direct["reconnects"], 0);
        assert_eq!(summary["provenance"]["server"]["proxy"], "Toxiproxy");
        assert_eq!(toxiproxy.proxies().len(), 0);
    }
}

#[test]
fn an_interrupt_takes_everything_away() {
    for toxiproxy in Toxiproxy::all() {
        let server = RealServer::start(Kind::SocketIo4, json!({}));
        let faults = "[[chaos]]\nat = \"500ms\"\nfault = \"bandwidth\"\npopulation = \"web\"\n\
             rate = \"2500B/s\"\n";
        let text = scenario(&toxiproxy.url(), &server, "1m", faults);
        let run = SioLoad::new(&["run", "s.toml", "--quiet"])
            .file("s.toml", &text)
            .start();
        let toxics = wait_toxics(&toxiproxy, 1);
        assert_eq!(toxics[0]["attributes"], json!({ "rate": 3 }));
        run.signal(Signal::SIGINT);
        let finished = run.wait(LIMIT);
        assert_eq!(finished.status.code(), Some(105));
        assert_eq!(toxiproxy.proxies().len(), 0);
    }
}

#[test]
fn a_toxiproxy_that_is_gone_fails_its_faults_and_the_run() {
    let toxiproxy = Toxiproxy::stand_in();
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let faults = "[[chaos]]\nat = \"3s\"\nfault = \"slow_close\"\npopulation = \"web\"\n";
    let text = scenario(&toxiproxy.url(), &server, "5s", faults);
    let run = SioLoad::new(&["run", "s.toml", "--quiet"])
        .file("s.toml", &text)
        .start();
    wait_for("proxy", LIMIT, || {
        (!toxiproxy.proxies().is_empty()).then_some(())
    });
    drop(toxiproxy);
    let finished = run.wait(LIMIT);
    let summary = finished.summary();
    let failed = summary["faults"][0]["failed"].as_str().unwrap_or_default();
    assert!(failed.starts_with("Toxiproxy does not answer"), "{failed}");
    assert_eq!(summary["verdict"], "failed");
    assert_eq!(finished.status.code(), Some(1));
}

#[test]
fn without_the_toxiproxy_that_it_names_a_run_does_not_begin() {
    let gone = Toxiproxy::stand_in().url();
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let faults = "[[chaos]]\nat = \"1s\"\nfault = \"down\"\npopulation = \"web\"\n";
    let finished = SioLoad::new(&["run", "s.toml", "--quiet"])
        .file("s.toml", &scenario(&gone, &server, "5s", faults))
        .run(LIMIT);
    assert_eq!(finished.status.code(), Some(1));
    let said = &finished.stderr;
    assert!(said.contains("Toxiproxy does not answer"), "{said}");
}
