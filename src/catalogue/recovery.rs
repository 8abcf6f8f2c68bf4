//! Connection state recovery.

use super::{docs, findings};

const RECOVERY: Option<&str> = docs!("connection-state-recovery");

findings! {
    ALL_RECOVERY:

    RECOVERY_OFF: "SIO-220", Info, "connection state recovery is off" {
        cause: "The server offers no connection state recovery: after a cut, clients get a new id, \
                lose their rooms, and miss what was sent meanwhile.",
        remedy: "Switch it on if that matters, or send again what clients missed.",
        settings: [Server => "new Server({ connectionStateRecovery: {} })"],
        docs: RECOVERY,
    }
    RECOVERY_WORKS: "SIO-221", Info, "connection state recovery works" {
        cause: "A session that was cut off came back with its id.",
        remedy: "Nothing to do. It does not outlive a restart of a server with the in-memory \
                 adapter.",
        settings: [],
        docs: RECOVERY,
    }
    RECOVERY_FAILS: "SIO-222", Warning, "connection state recovery is offered and does not work" {
        cause: "The server gave a private id, but after a cut it made a new session: the adapter \
                cannot recover (Redis pub/sub), the client came back to another server without a \
                shared adapter, or `maxDisconnectionDuration` is too short.",
        remedy: "Use an adapter that recovers (in-memory, Redis Streams, MongoDB), and sticky \
                 sessions with the in-memory one.",
        settings: [
            Server => "new Server({ connectionStateRecovery: { maxDisconnectionDuration: 120000 } })",
        ],
        docs: RECOVERY,
    }
    RECOVERY_UNTESTED: "SIO-223", Info, "connection state recovery is on" {
        cause: "The server offers recovery. It can only be tried once the server has sent an \
                event, whose offset the client gives back, and it sent none.",
        remedy: "Nothing to do. Name an event that the server answers with --recovery-event to \
                 have it tried.",
        settings: [],
        docs: RECOVERY,
    }
}
