//! Faults that a client carries out on itself in a moment.

mod abandon;
mod disconnect;
mod garbage;
mod network_change;
mod oversize;
mod transport_switch;
mod upgrade_abort;

pub use abandon::Abandon;
pub use disconnect::{Disconnect, DisconnectHow};
pub use garbage::Garbage;
pub use network_change::NetworkChange;
pub use oversize::Oversize;
pub use transport_switch::TransportSwitch;
pub use upgrade_abort::{UpgradeAbort, UpgradeStage};

super::mechanism! {
    /// A fault that a client carries out on itself in a moment.
    #[derive(Clone, Copy)]
    Impulse {
        Disconnect,
        TransportSwitch,
        UpgradeAbort,
        NetworkChange,
        Garbage,
        Oversize,
        Abandon,
    }
}
