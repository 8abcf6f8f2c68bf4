//! Socket filters: which packets of a connection the kernel hands to TCP at all.

use std::io;

use socket2::SockRef;

/// Drops this share, in [0, 1], of the packets that come in.
#[cfg(target_os = "linux")]
pub(super) fn drop_share(socket: &SockRef<'_>, share: f64) -> io::Result<()> {
    use socket2::SockFilter;

    /// Classic BPF (linux/filter.h): `A = (a value of the kernel's)`, `A >= k`, and the verdict.
    const LOAD_ABSOLUTE: u16 = 0x20;
    const JUMP_GREATER_EQUAL: u16 = 0x35;
    const RETURN: u16 = 0x06;
    /// `SKF_AD_OFF + SKF_AD_RANDOM`: a random number instead of a byte of the packet.
    const RANDOM: u32 = (-0x1000_i32 + 56) as u32;
    const NOTHING: u32 = 0;
    const EVERYTHING: u32 = u32::MAX;

    let give = |length| SockFilter::new(RETURN, 0, 0, length);
    if share >= 1.0 {
        return socket.attach_filter(&[give(NOTHING)]);
    }
    let threshold = (share * f64::from(u32::MAX)) as u32;
    socket.attach_filter(&[
        SockFilter::new(LOAD_ABSOLUTE, 0, 0, RANDOM),
        SockFilter::new(JUMP_GREATER_EQUAL, 0, 1, threshold),
        give(EVERYTHING),
        give(NOTHING),
    ])
}

/// Lets everything in again.
#[cfg(target_os = "linux")]
pub(super) fn drop_none(socket: &SockRef<'_>) -> io::Result<()> {
    match socket.detach_filter() {
        // There was no filter.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn drop_share(_: &SockRef<'_>, _: f64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn drop_none(_: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}
