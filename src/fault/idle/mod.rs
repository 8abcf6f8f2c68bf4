//! Faults of connections that carry nothing for a while.

mod idle_timeout;

pub use idle_timeout::IdleTimeout;

super::mechanism! {
    /// A fault of connections that carry nothing for a while.
    #[derive(Clone, Copy)]
    Idle {
        IdleTimeout,
    }
}
