//! Slow starts.

use super::{docs, findings};

findings! {
    ALL_FRONT:

    SLOW_ANSWERS: "SIO-103", Warning, "the server answers slowly" {
        cause: "The handshake took several seconds: a cold start, an overloaded server, or a \
                proxy that holds requests. Clients give up after 20 s (`timeout`).",
        remedy: "Run the doctor again to tell a cold start from a slow server, and look at the \
                 server's CPU use and event loop lag.",
        settings: [Client => "io(url, { timeout: 60000 })"],
        docs: docs!("client-options/#timeout"),
    }
}
