use serde_json::Value;

use super::LIMIT;
use crate::harness::SioLoad;

const FILE: &str = r#"
duration = "10s"
seed = 1

[target]
url = "http://file.example/"
proxy = "http://file:1/"
connect_to = ["file:1:file:2"]
tls = { ca = "file.pem", cert = "file.pem", key = "file.pem" }

[[clients]]
name = "web"
count = 10
timeout = "1s"
"#;

/// A flag, its variable, a value for each, and what the plan says then.
struct Setting {
    flag: &'static str,
    variable: &'static str,
    /// In the file, in the environment, on the command line.
    values: [&'static str; 3],
    /// With the value for `{}`.
    shown: &'static str,
}

const SETTINGS: [Setting; 9] = [
    Setting {
        flag: "--url",
        variable: "SIO_LOAD_URL",
        values: [
            "http://file.example/",
            "http://env.example/",
            "http://flag.example/",
        ],
        shown: "url = \"{}\"",
    },
    Setting {
        flag: "--clients",
        variable: "SIO_LOAD_CLIENTS",
        values: ["10", "20", "30"],
        shown: "count = {}\n",
    },
    Setting {
        flag: "--duration",
        variable: "SIO_LOAD_DURATION",
        values: ["10s", "20s", "30s"],
        shown: "duration = \"{}\"",
    },
    Setting {
        flag: "--seed",
        variable: "SIO_LOAD_SEED",
        values: ["1", "2", "3"],
        shown: "seed = {}\n",
    },
    Setting {
        flag: "--set",
        variable: "SIO_LOAD_SET",
        values: [
            "clients.web.timeout=1s",
            "clients.web.timeout=2s",
            "clients.web.timeout=3s",
        ],
        shown: "timeout = \"{}\"",
    },
    Setting {
        flag: "--cacert",
        variable: "SIO_LOAD_CACERT",
        values: ["file.pem", "env.pem", "flag.pem"],
        shown: "ca = \"{}\"",
    },
    Setting {
        flag: "--cert",
        variable: "SIO_LOAD_CERT",
        values: ["file.pem", "env.pem", "flag.pem"],
        shown: "cert = \"{}\"",
    },
    Setting {
        flag: "--proxy",
        variable: "SIO_LOAD_PROXY",
        values: ["http://file:1/", "http://env:1/", "http://flag:1/"],
        shown: "proxy = \"{}\"",
    },
    Setting {
        flag: "--connect-to",
        variable: "SIO_LOAD_CONNECT_TO",
        values: ["file:1:file:2", "env:1:env:2", "flag:1:flag:2"],
        shown: "connect_to = [\"{}\"]",
    },
];

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> SioLoad {
    let arguments = [&["check", "--json", "s.toml"], arguments].concat();
    let check = SioLoad::new(&arguments).file("s.toml", FILE);
    let check = ["file.pem", "env.pem", "flag.pem"]
        .iter()
        .fold(check, |check, name| check.file(name, ""));
    let environment = environment.iter();
    environment.fold(check, |check, (name, value)| check.env(name, value))
}

/// The plan, as scenario text.
fn plan(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let finished = check(arguments, environment).run(LIMIT);
    assert_eq!(finished.code(), 0, "{finished:?}");
    let answer: Value = finished.stdout.parse().unwrap();
    answer["scenario"].as_str().unwrap().to_owned()
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    for Setting {
        flag,
        variable,
        values: [file, env, argument],
        shown,
    } in SETTINGS
    {
        let assert_plan = |plan: String, value: &str| {
            // A setting's value is what follows its key.
            let value = value.rsplit_once('=').map_or(value, |(_, value)| value);
            let shown = shown.replace("{}", value);
            assert!(plan.contains(&shown), "{flag}: no {shown} in\n{plan}");
        };
        assert_plan(plan(&[], &[]), file);
        assert_plan(plan(&[], &[(variable, env)]), env);
        assert_plan(plan(&[flag, argument], &[(variable, env)]), argument);
    }
}

#[test]
fn settings_of_the_environment_stay_unless_a_flag_sets_the_same_key() {
    let lines = "clients.web.timeout=2s\nclients.web.profile=browser";
    let plan = plan(
        &["--set", "clients.web.timeout=3s"],
        &[("SIO_LOAD_SET", lines)],
    );
    assert!(plan.contains("timeout = \"3s\""), "{plan}");
    assert!(plan.contains("profile = \"browser\""), "{plan}");
}

#[test]
fn an_address_family_of_the_environment_gives_way_to_the_other_ones_flag() {
    let family = |arguments, environment| {
        let plan = plan(arguments, environment);
        let line = plan
            .lines()
            .find(|line| line.starts_with("ip = "))
            .map(str::to_owned);
        line.unwrap_or_default()
    };
    assert_eq!(family(&[], &[]), "");
    assert_eq!(family(&[], &[("SIO_LOAD_IPV6", "1")]), "ip = 6");
    assert_eq!(family(&["-4"], &[("SIO_LOAD_IPV6", "1")]), "ip = 4");
    assert_eq!(family(&["--ipv6"], &[("SIO_LOAD_IPV4", "yes")]), "ip = 6");
    assert_eq!(
        family(&[], &[("SIO_LOAD_IPV4", "0"), ("SIO_LOAD_IPV6", "on")]),
        "ip = 6"
    );
    let both = [("SIO_LOAD_IPV4", "1"), ("SIO_LOAD_IPV6", "1")];
    assert_eq!(check(&[], &both).run(LIMIT).code(), 2);
}

#[test]
fn switches_of_the_environment_can_be_off() {
    let insecure = |value| plan(&[], &[("SIO_LOAD_INSECURE", value)]).contains("insecure = true");
    assert!(insecure("1") && insecure("true") && insecure("yes"));
    assert!(!insecure("0") && !insecure("false") && !insecure("no") && !insecure(""));
    assert!(plan(&["--insecure"], &[("SIO_LOAD_INSECURE", "0")]).contains("insecure = true"));
}

#[test]
fn the_scenario_itself_may_come_from_the_environment() {
    let finished = SioLoad::new(&["check"])
        .file("s.toml", FILE)
        .file("file.pem", "")
        .env("SIO_LOAD_SCENARIO", "s.toml")
        .run(LIMIT);
    assert_eq!(finished.code(), 0, "{finished:?}");
}
