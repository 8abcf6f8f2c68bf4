use super::namespace::Namespace;
use super::{LIMIT, STEADY};
use crate::harness::{Finished, SioLoad};

fn limited(soft: u32, hard: u32, arguments: &[&str]) -> Finished {
    let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
    let arguments = [&["run", "s.toml", "--duration=500ms"], arguments].concat();
    SioLoad::under(&["sh", "-c", &limits, "sh"], &arguments)
        .file("s.toml", STEADY)
        .run(LIMIT)
}

#[test]
fn too_few_descriptors_are_said_before_anything_starts() {
    let finished = limited(100, 100, &["--clients=200"]);
    assert_eq!(finished.code(), 1, "{finished:?}");
    assert_eq!(finished.stdout, "");
    for part in [
        "200 clients need 264 file descriptors, and this process may open 100\n",
        "`ulimit -Hn 264`",
        "LimitNOFILE=264",
        "--clients 36",
    ] {
        assert!(
            finished.stderr.contains(part),
            "no {part:?} in {}",
            finished.stderr
        );
    }
    assert!(!finished.directory().join("results").exists());
    // What it says is what works.
    assert_eq!(limited(100, 100, &["--clients=36"]).code(), 0);
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let finished = limited(50, 1000, &["--clients=200"]);
    assert_eq!(finished.code(), 0, "{finished:?}");
    assert_eq!(finished.summary()["counters"]["clients.connected_max"], 200);
}

#[test]
fn too_few_local_ports_are_said_before_anything_starts() {
    let Some(namespace) = Namespace::with_own("--net") else {
        return;
    };
    let range = "echo '50000 50099' > /proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"";
    let wrapper = namespace.shell(range);
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    let finished = SioLoad::under(&wrapper, &["run", "s.toml", "--clients=200"])
        .file("s.toml", STEADY)
        .run(LIMIT);
    assert_eq!(finished.code(), 1, "{finished:?}");
    for part in [
        "200 clients would connect from this machine's one address towards the target, and it has \
         100 local ports for them\n",
        "source_addresses",
        "net.ipv4.ip_local_port_range",
        "--clients 100",
    ] {
        assert!(
            finished.stderr.contains(part),
            "no {part:?} in {}",
            finished.stderr
        );
    }
    assert!(!finished.directory().join("results").exists());
}
