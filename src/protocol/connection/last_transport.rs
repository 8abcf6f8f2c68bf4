//! What the transport of a past engine still says of itself.

use super::transmit::RequestId;

/// What the transport of an engine that is gone still says of itself.
///
/// The reference client asks the transport of its last engine, dead or not. One over WebSocket goes
/// on calling itself writable: volatile events wait for the client's return like any others. One
/// over polling does so once its goodbye is answered, and never if that fails too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LastTransport {
    /// It was never open, or its last POST failed.
    #[default]
    Busy,
    /// Its last POST is on its way.
    Posting(RequestId),
    /// It would take anything.
    Writable,
}
