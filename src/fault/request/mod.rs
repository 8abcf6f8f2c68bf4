//! Faults that work on HTTP requests.

mod status;
mod websocket_blocked;

pub use status::Status;
pub use websocket_blocked::{Blocked, WebSocketBlocked};

super::mechanism! {
    /// A fault that works on HTTP requests.
    #[derive(Clone, Copy)]
    RequestFault {
        Status,
        WebSocketBlocked,
    }
}
