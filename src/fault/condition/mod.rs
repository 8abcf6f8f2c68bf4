//! Faults that last at a client until they are undone.

mod freeze;
mod mute;
mod packet_loss;
mod partition;
mod slow_reader;

pub use freeze::Freeze;
pub use mute::Mute;
pub use packet_loss::PacketLoss;
pub use partition::Partition;
pub use slow_reader::SlowReader;

super::mechanism! {
    /// A fault that lasts at a client until it is undone.
    #[derive(Clone, Copy)]
    Condition {
        Partition,
        PacketLoss,
        Freeze,
        Mute,
        SlowReader,
    }
}
