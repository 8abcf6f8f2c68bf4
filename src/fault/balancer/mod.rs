//! Faults of the built-in balancer.

mod non_sticky;

pub use non_sticky::NonSticky;

super::mechanism! {
    /// A fault of the built-in balancer.
    #[derive(Clone, Copy)]
    Balancer {
        NonSticky,
    }
}
