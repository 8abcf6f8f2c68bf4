//! Limits of the machine that sends, and what it does on purpose.

use super::{docs, findings};

const OS: Option<&str> = docs!("performance-tuning/#at-the-os-level");

findings! {
    ALL_GENERATOR:

    NO_DESCRIPTORS: "SIO-160", Error, "this machine has no file descriptors left" {
        cause: "This machine has no file descriptors left for the generator. It says nothing about \
                the server.",
        remedy: "Raise the limit, or run fewer clients.",
        settings: [System => "ulimit -n 1048576 (and fs.file-max)"],
        docs: OS,
    }
    NO_LOCAL_PORTS: "SIO-161", Error, "this machine has no local port left" {
        cause: "No local port is left for this target. It says nothing about the server.",
        remedy: "Widen the range of local ports, or connect from several addresses.",
        settings: [
            System => "sysctl net.ipv4.ip_local_port_range=\"1024 65535\"",
            SioLoad => "`source_addresses`",
        ],
        docs: OS,
    }
    NO_RESOURCES: "SIO-162", Error, "this machine refused the connection" {
        cause: "This machine refused a connection for want of memory or permission (ENOBUFS, \
                ENOMEM, EACCES).",
        remedy: "Look at its memory, its socket buffers and its local firewall.",
        settings: [],
        docs: OS,
    }
    OTHER_OS: "SIO-163", Error, "an error of the operating system" {
        cause: "The operating system reported an error that has no name here.",
        remedy: "Its number stands in the message; look it up in errno(3).",
        settings: [],
        docs: None,
    }
    CUT_ON_PURPOSE: "SIO-164", Info, "a fault of the scenario cut the connection off" {
        cause: "A fault of the scenario cut the connection off, as it was meant to.",
        remedy: "Nothing to do. What came of it stands with that fault.",
        settings: [],
        docs: None,
    }
}
