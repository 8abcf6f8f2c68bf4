//! Scenario files: those that are shipped, and every way to get one wrong.
//!
//! A file in tests/invalid/ is a test of its own: what its problems look like stands beside the
//! other snapshots. A file in scenarios/ is one as well: its timeline is a snapshot, it fits the
//! schema, and written out as run it gives the same plan again.
#![expect(clippy::unwrap_used, reason = "a test may end on anything unexpected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::{Settings, assert_snapshot};
use serde_json::Value;
use sio_load::scenario::plan::{IpFamily, Load, Plan};
use sio_load::scenario::{self, Overrides};

use crate::results::doc;

/// The TOML files of a folder, as a user in the repository's top folder would name them.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Snapshots of one kind in a folder of their own, named by their files.
fn snapshots(kind: &str) -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/scenario/{kind}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn read(file: &Path, overrides: &Overrides) -> Plan {
    scenario::read(file, overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

fn parse(text: &str, overrides: &Overrides) -> Plan {
    scenario::parse(text, "test.toml", overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_invalid_scenario_shows_all_its_problems() {
    snapshots("invalid").bind(|| {
        for file in files("tests/invalid") {
            let problems = scenario::read(&file, &Overrides::default());
            let Err(problems) = problems else {
                panic!("{} is a valid scenario", file.display());
            };
            assert_snapshot!(stem(&file), problems.render(false));
        }
    });
}

#[test]
fn problems_are_data_as_well() {
    let file = Path::new("tests/invalid/many-problems-at-once.toml");
    let problems = scenario::read(file, &Overrides::default()).unwrap_err();
    let entries = problems.entries();
    let typo = entries.iter().find(|e| e.code == "unknown_word").unwrap();
    assert_eq!((typo.line, typo.column), (Some(12), Some(26)));
    assert_eq!(typo.key.as_deref(), Some("clients.web.transports"));
    assert_eq!(typo.nearest.as_deref(), Some("websocket"));
    let text = fs::read_to_string(file).unwrap();
    for entry in &entries {
        assert!(entry.line.unwrap() <= text.lines().count());
        assert!(!entry.message.is_empty());
    }
}

#[test]
fn every_shipped_scenario_has_a_timeline() {
    snapshots("timeline").bind(|| {
        for file in files("scenarios") {
            let plan = read(&file, &Overrides::default());
            let timeline = plan.timeline();
            for line in timeline.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", file.display());
            }
            assert_eq!(plan.name, stem(&file));
            assert_eq!(plan.warnings, Vec::<String>::new());
            assert_snapshot!(stem(&file), timeline);
        }
    });
}

#[test]
fn every_scenario_as_run_gives_the_same_plan_again() {
    for file in files("scenarios") {
        let plan = read(&file, &Overrides::default());
        let text = plan.to_toml(true);
        assert_eq!(parse(&text, &Overrides::default()), plan, "{text}");
        let masked = plan.to_toml(false);
        if text.contains("\nenv = { ") {
            // The environment of a server counts as secret, whatever is in it.
            assert!(masked.contains(" = \"***\""), "{masked}");
        } else {
            assert_eq!(masked, text, "shipped scenarios have no secrets");
        }
    }
}

#[test]
fn every_shipped_scenario_runs_small_and_short() {
    for file in files("scenarios") {
        let overrides = Overrides {
            clients: Some(20),
            duration: Some("3s".to_owned()),
            seed: Some(1),
            set: vec!["clients.0.upgrade=false".to_owned()],
            ..Overrides::default()
        };
        let plan = read(&file, &overrides);
        assert_eq!(plan.peak_clients(), 20);
        assert!(!plan.populations[0].client.upgrade);
        assert!(plan.chaos.is_empty());
    }
}

/// A scenario with every key, none of them at its default.
const FULL: &str = r#"
name = "full"
description = "Every key, \"quoted\"."
duration = "1m 30s"
seed = 18446744073709551615

[target]
url = "https://user:secret@example.com:8443/admin?tenant=a%20b&x={{client}}"
path = "/ws"
headers = { Authorization = "Bearer hunter2", "x-client" = "{{client}}", Cookie = "{{csv.name}}" }
query = { ignored = "1" }
auth = { token = "hunter2-{{client}}", from = "{{csv.id}}", deep = [1.5, true, { a = "{{'{{'}}" }] }
tls = { ca = "tests/invalid/data/users.csv", cert = "tests/invalid/data/users.csv", key = "tests/invalid/data/users.csv", insecure = true }
proxy = "http://me:hunter2@proxy:3128/"
connect_to = ["example.com:443:[::1]:8443", "::127.0.0.1:"]
ip = 6

[server]
command = ["node", "server.js", "{{port}}"]
env = { NODE_ENV = "production" }
cwd = "tests"
ready = "5s"
instances = 3
balance = "round_robin"

[data]
csv = "tests/invalid/data/users.csv"

[[clients]]
name = "web"
count = 10
arrive = "90/min"
transports = ["websocket", "polling"]
profile = "browser"
protocol = 3
namespaces = ["/", "chat"]
upgrade = false
remember_upgrade = true
try_all_transports = true
with_credentials = true
timeout = false
force_base64 = true
add_trailing_slash = false
timestamp_requests = false
source_addresses = ["127.0.1.1-127.0.1.20", "127.0.3.1", "::1"]
reconnection = { delay = "0s", delay_max = "9s", randomization = 0, attempts = 3 }
path = "/other/"
headers = { "x-a" = "b" }
query = { a = "{{seed}}" }
auth = { }
tls = { }

[[clients.emit]]
event = "say"
data = ["{{uuid}}", "{{n | number}}", { z = "{{random.string(3)}}", a = "{{now}}" }, [1, -2.5, false]]
size = "1536B"
binary = true
every = "1s 500ms"
burst = 2
namespace = "/chat"
volatile = true
ack = { timeout = "1s", retries = 2 }

[[clients.emit]]
event = "b"
every = "1s"
ack = true

[[clients.listen]]
event = "said"
expect = 5
stamp = "1.a.b"

[[clients.listen]]
event = "said too"
stamp = 2

[[clients]]
name = "ramped"
ramp = [{ to = 10, over = "4s" }, { hold = "30s" }, { to = 0, over = "5s" }]
reconnection = false

[[clients]]
name = "open"
arrivals = "2.5/s"
stay = "10s"
reconnection = true

[sweep]
delay = ["500ms", "1m 30s"]
delay_max = ["5s"]
randomization = [0, 0.5, 1.0]

[[chaos]]
at = "5s"
fault = "server_restart"
signal = "SIGTERM"
down = "3s"
every = "40s"
instance = 2

[[chaos]]
at = "1s 1ms"
fault = "disconnect"
how = "namespace"
clients = "12.5%"
over = "2s"
population = "ramped"

[[chaos]]
at = "8s"
fault = "transport_switch"
upgrade = true
clients = 7
every = "10s"

[[chaos]]
at = "20s"
fault = "disconnect"
how = "websocket_close"
code = 1001

[[chaos]]
at = "21s"
fault = "upgrade_abort"
stage = "flush"

[[chaos]]
at = "22s"
fault = "packet_loss"
share = "20%"
for = "5s"
clients = 3

[[chaos]]
at = "22s"
fault = "slow_reader"
rate = "1KB/s"

[[chaos]]
at = "40s"
fault = "freeze"
for = "2s"
clients = "10%"

[[chaos]]
at = "50s"
fault = "exec"
command = ["docker", "restart", "chat"]
timeout = "30s"
for = "45s"

[[chaos]]
at = "51s"
fault = "server_pause"
for = "1s"
instance = 0

[[chaos]]
at = "53s"
fault = "rolling_restart"
signal = "SIGTERM"
down = "1s"
drain = "500ms"
pause = "250ms"

[thresholds]
"reconnect.time" = ["p(99.9) < 10s", "max < 1m"]
"reconnect.time{open}" = "avg <= 1s"
handshake.error_rate = ["rate < 60%"]
"#;

#[test]
fn every_key_survives_being_written_and_read_again() {
    let plan = parse(FULL, &Overrides::default());
    let text = plan.to_toml(true);
    let mut again = parse(&text, &Overrides::default());
    assert!(again.warnings.is_empty());
    again.warnings.clone_from(&plan.warnings);
    assert_eq!(again, plan, "{text}");
    assert!(!text.contains("***"));
    let through_json: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(through_json, plan);
    snapshots("written").bind(|| {
        assert_snapshot!("full", text);
        assert_snapshot!("full timeline", plan.timeline());
    });
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let plan = parse(FULL, &Overrides::default());
    let text = plan.to_toml(false);
    for secret in ["hunter2", "secret@", "key = \"tests"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    assert!(text.contains("--show-secrets"));
    // Placeholders hold no secret, and what is no secret stays.
    assert!(text.contains("from = \"{{csv.id}}\""));
    assert!(text.contains("x-client = \"{{client}}\""));
    parse(
        &text.replace("key = \"***\"", "key = \"tests/it/main.rs\""),
        &Overrides::default(),
    );
}

#[test]
fn the_starter_is_a_valid_scenario() {
    let plan = parse(scenario::STARTER, &Overrides::default());
    assert_eq!(plan.populations[0].name, "web");
    assert_eq!(plan.warnings, Vec::<String>::new());
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn scenario_files_fit_the_schema_and_wrong_ones_do_not() {
    let schema = jsonschema::validator_for(&scenario::schema()).unwrap();
    let mut texts: Vec<_> = files("scenarios")
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    texts.push(scenario::STARTER.to_owned());
    for text in texts {
        let instance = as_json(&text);
        let errors: Vec<_> = schema
            .iter_errors(&instance)
            .map(|e| e.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
    }
    for name in ["typo-in-key", "wrong-types", "keys-of-other-faults"] {
        let text = fs::read_to_string(format!("tests/invalid/{name}.toml")).unwrap();
        assert!(!schema.is_valid(&as_json(&text)), "{name}");
    }
}

#[test]
fn the_reference_is_that_of_the_code() {
    let generated = scenario::reference();
    let path = doc("scenario.md");
    if std::env::var_os("SIO_LOAD_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == generated,
        "docs/scenario.md is out of date: run `SIO_LOAD_BLESS=1 cargo test --test it scenario` \
         and commit it"
    );
}

/// The paths of all keys, as the schema names them, below one element of each array.
fn key_paths(schema: &Value, path: &str, found: &mut Vec<String>) {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    for inner in alternatives.clone() {
        key_paths(inner, path, found);
    }
    if schema["type"] == "array" {
        key_paths(&schema["items"], &format!("{path}.0"), found);
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        found.push(path.clone());
        key_paths(inner, &path, found);
    }
}

#[test]
fn every_key_of_the_schema_is_read() {
    let base = r#"
        duration = "10s"
        target = { tls = {} }
        server = { command = ["x"] }
        data = { csv = "tests/invalid/data/users.csv" }
        watch = [{}]
        clients = [{ count = 1, emit = [{}], listen = [{}] }, { ramp = [{}] }, { arrivals = "1/s" }, {},
            { before_connect = [{}], on_connect = [{}], on_rejected = [{}], steps = [{}] },
            { before_connect = [{ request = "GET /" }], on_connect = [{ request = "GET /" }], on_rejected = [{ request = "GET /" }], steps = [{ request = "GET /" }] },
            { on_connect = [{ emit = "a" }], steps = [{ emit = "a" }] },
            { on_connect = [{ wait = "a" }], steps = [{ wait = "a" }] }]
        chaos = [{ fault = "disconnect" }, { fault = "transport_switch" }, { fault = "server_restart" }, { fault = "upgrade_abort" }, { fault = "packet_loss" }, { fault = "slow_reader" }, { fault = "latency" }, { fault = "slicer" }, { fault = "limit_data" }, { fault = "status" }, { fault = "websocket_blocked" }, { fault = "idle_timeout" }, { fault = "rolling_restart" }, { fault = "exec" }]
    "#;
    let mut paths = Vec::new();
    key_paths(&scenario::schema(), "", &mut paths);
    assert!(paths.len() > 70, "{paths:?}");
    for path in paths {
        let is_wrong = |path: &str| {
            // No key takes a date.
            let set = vec![format!("{path}=1979-05-27")];
            let overrides = Overrides {
                set,
                ..Overrides::default()
            };
            let problems = scenario::parse(base, "test.toml", &overrides).unwrap_err();
            problems
                .entries()
                .iter()
                .any(|entry| entry.flag.is_some() && entry.code == "wrong_type")
        };
        // Which keys are read depends on the fault, and on the kind of load.
        let mut elements = (0..14).map(|i| match path.split_once(".0") {
            Some((array, rest)) => format!("{array}.{i}{rest}"),
            None => path.clone(),
        });
        assert!(elements.any(|path| is_wrong(&path)), "{path} is not read");
    }
}

const SMALL: &str = r#"
duration = "40s"
server = { embedded = true }
clients = [
    { name = "web", count = 30 },
    { name = "app", count = 10, tls = { insecure = false }, emit = [{ event = "echo", every = "1s", ack = true }] },
]
chaos = [{ at = "10s", fault = "disconnect" }, { at = "30s", fault = "disconnect" }]
"#;

fn set(assignments: &[&str]) -> Overrides {
    Overrides {
        set: assignments.iter().map(|text| (*text).to_owned()).collect(),
        ..Overrides::default()
    }
}

#[test]
fn set_reaches_every_key_by_name_or_index() {
    let plan = parse(
        SMALL,
        &set(&[
            "clients.web.count=500",
            "clients.1.profile=browser",
            "clients.app.emit.echo.ack.timeout=3s",
            "chaos.0.at=5s",
            "target.headers.x-a=b",
            "target.connect_to=[\"a:1:b:2\"]",
            "thresholds.\"reconnect.time\"=p(99) < 5s",
            "thresholds.connect.time=['p(99) < 5s']",
        ]),
    );
    assert_eq!(plan.populations[0].load.peak_clients(plan.duration), 500);
    assert_eq!(
        plan.populations[1].emits[0].ack.unwrap().timeout,
        Some(Duration::from_secs(3))
    );
    assert_eq!(plan.chaos[0].at, Duration::from_secs(5));
    assert_eq!(plan.populations[0].client.headers[0].0, "x-a");
    assert_eq!(plan.target.connect_to[0].to_port, Some(2));
    assert_eq!(plan.thresholds.len(), 2);
}

#[test]
fn problems_in_flags_point_to_the_flag() {
    let overrides = Overrides {
        url: Some("localhost:3000".to_owned()),
        clients: Some(0),
        duration: Some("45".to_owned()),
        proxy: Some("socks5://a:1/".to_owned()),
        connect_to: vec!["a:b".to_owned()],
        ..set(&[
            "clients.wbe.count=5",
            "clients.web.count=many",
            "clients.web.cuont=5",
            "chaos.7.at=5s",
            "duration",
            "a b=1",
            "server.instances=0",
        ])
    };
    let problems = scenario::parse(SMALL, "small.toml", &overrides).unwrap_err();
    snapshots("flags").bind(|| assert_snapshot!("problems", problems.render(false)));
    let none = Overrides {
        clients: Some(0),
        ..Overrides::default()
    };
    let problems = scenario::parse(SMALL, "small.toml", &none).unwrap_err();
    assert_eq!(problems.entries()[0].flag.as_deref(), Some("--clients 0"));
}

#[test]
fn flags_stand_above_the_file() {
    let overrides = Overrides {
        url: Some("http://127.0.0.1:4000/chat".to_owned()),
        clients: Some(7),
        duration: Some("20s".to_owned()),
        seed: Some(3),
        insecure: true,
        ip_family: Some(IpFamily::V4),
        ..Overrides::default()
    };
    let plan = parse(SMALL, &overrides);
    assert_eq!(plan.seed.0, 3);
    let counts: Vec<_> = plan
        .populations
        .iter()
        .map(|population| population.load.peak_clients(plan.duration))
        .collect();
    assert_eq!(counts, [5, 2]);
    for population in &plan.populations {
        assert!(population.client.tls.insecure, "{}", population.name);
        assert_eq!(population.client.namespaces, ["/chat"]);
    }
    // The second fault comes after the shortened end.
    assert_eq!(plan.chaos.len(), 1);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
}

#[test]
fn a_fault_that_a_flag_puts_after_the_end_is_an_error() {
    let problems = scenario::parse(SMALL, "small.toml", &set(&["chaos.0.at=50s"])).unwrap_err();
    assert_eq!(problems.entries()[0].code, "after_end");
    let overrides = Overrides {
        duration: Some("35s".to_owned()),
        ..set(&["chaos.0.at=38s"])
    };
    assert!(scenario::parse(SMALL, "small.toml", &overrides).is_err());
}

#[test]
fn clients_scale_every_kind_of_load() {
    let text = r#"
        duration = "60s"
        server = { embedded = true }
        clients = [
            { name = "a", count = 100, arrive = "10/s" },
            { name = "b", ramp = [{ to = 50, over = "5s" }, { to = 25, over = "5s" }] },
            { name = "c", arrivals = "5/s", stay = "10s" },
        ]
    "#;
    for clients in [1, 2, 7, 40, 200, 12_345] {
        let overrides = Overrides {
            clients: Some(clients),
            ..Overrides::default()
        };
        let plan = parse(text, &overrides);
        assert_eq!(plan.peak_clients(), clients);
    }
    let overrides = Overrides {
        clients: Some(400),
        ..Overrides::default()
    };
    let plan = parse(text, &overrides);
    let Load::Arrive {
        rate: Some(rate), ..
    } = plan.populations[0].load
    else {
        panic!("{:?}", plan.populations[0].load);
    };
    assert!((rate.per_second() - 10.0).abs() < f64::EPSILON);
}

#[test]
fn the_urls_query_and_path_mean_what_they_mean_in_the_js_client() {
    let text = r#"
        duration = "1s"
        [target]
        url = "http://example.com/chat?token=a+b%20c&{{client}}"
        query = { token = "other" }
        [[clients]]
        count = 1
        query = { token = "third" }
        [[clients]]
        name = "elsewhere"
        count = 1
        namespaces = ["/"]
        path = "/ws"
    "#;
    let plan = parse(text, &Overrides::default());
    let client = &plan.populations[0].client;
    assert_eq!(client.query[0].1.constant(), Some("a+b c"));
    assert_eq!(client.query[1].0, "{{client}}");
    assert_eq!(client.namespaces, ["/chat"]);
    assert_eq!(client.path, "/socket.io/");
    assert_eq!(plan.populations[1].client.path, "/ws/");
    assert_eq!(plan.populations[1].client.namespaces, ["/"]);
    assert_eq!(plan.target.url.unwrap().query(), None);
    assert_eq!(plan.warnings.len(), 1);
}

#[test]
fn zero_means_the_default_where_it_does_in_js() {
    let plan = parse(FULL, &Overrides::default());
    let reconnection = plan.populations[0].client.reconnection.unwrap();
    assert_eq!(reconnection.delay, Duration::from_secs(1));
    assert_eq!(reconnection.delay_max, Duration::from_secs(9));
    assert!(reconnection.randomization.abs() < f64::EPSILON);
    assert_eq!(reconnection.attempts, Some(3));
    assert_eq!(plan.populations[1].client.reconnection, None);
    assert_eq!(
        plan.populations[2].client.reconnection.unwrap().attempts,
        None
    );
}

#[test]
fn faults_may_overlap_where_each_has_something_left_to_do() {
    let faults = |first: &str, second: &str| {
        let text = format!(
            "duration = \"60s\"\nserver.embedded = true\nclients = [{{ count = 1 }}]\n\
             chaos = [{{ {first} }}, {{ {second} }}]\n"
        );
        let problems = scenario::parse(&text, "s.toml", &Overrides::default()).err();
        problems.map(|problems| problems.render(false))
    };
    let latency = r#"fault = "latency", latency = "1s", at = "10s""#;
    let down = r#"fault = "down", for = "5s", at = "20s""#;
    assert_eq!(faults(latency, down), None, "until the end, and around it");
    let hidden = faults(
        &format!(r#"{latency}, for = "5s""#),
        &down.replace("20s", "10s"),
    );
    assert!(hidden.is_some_and(|why| why.contains("latency contradict each other")));

    let mute = r#"fault = "mute", for = "20s", at = "10s""#;
    let freeze = r#"fault = "freeze", for = "5s", at = "20s""#;
    assert_eq!(faults(freeze, mute), None, "pings are due before and after");
    let hidden = faults(&mute.replace("20s", "5s").replace("10s", "20s"), freeze);
    assert!(hidden.is_some_and(|why| why.contains("mute contradict each other")));
}

#[test]
fn what_does_not_get_done_before_the_end_is_warned_of() {
    let text = r#"
        duration = "10s"
        server = { embedded = true }
        clients = [
            { name = "slow", count = 1000, arrive = "10/s" },
            { name = "long", ramp = [{ to = 5, over = "30s" }] },
        ]
    "#;
    let plan = parse(text, &Overrides::default());
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].contains("100 of 1000"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn files_are_looked_for_beside_the_scenario_first() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.csv"), "name\nada\n").unwrap();
    let file = folder.path().join("s.toml");
    let text =
        "duration = '1s'\nserver.embedded = true\ndata.csv = 'users.csv'\n[[clients]]\ncount = 1\n";
    fs::write(&file, text).unwrap();
    let plan = read(&file, &Overrides::default());
    assert_eq!(plan.name, "s");
    assert_eq!(plan.csv.unwrap().rows, [["ada"]]);
}

#[test]
fn a_scenario_that_cannot_be_read_is_a_problem_like_any_other() {
    let missing = Path::new("no/such/file.toml");
    let problems = scenario::read(missing, &Overrides::default()).unwrap_err();
    assert_eq!(problems.entries()[0].code, "unreadable_file");
    assert!(problems.render(false).contains("no/such/file.toml"));
}
