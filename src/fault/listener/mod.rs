//! Faults of the proxy's listening socket, which take all its connections with them.

mod down;
mod restart;

pub use down::Down;
pub use restart::Restart;

super::mechanism! {
    /// A fault of the proxy's listening socket and all its connections.
    #[derive(Clone, Copy)]
    ListenerFault {
        Down,
        Restart,
    }
}
