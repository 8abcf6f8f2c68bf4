//! One end of the way between a coordinator and a worker, whatever carries the packets.
//!
//! Pipes carry each packet behind its length; they lose nothing and keep the order, and the link
//! above them does not know that. NATS carries each packet as a message.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};

use super::packet::Packet;

/// The largest packet, in bytes; more means that the other side is not sio-load.
const LIMIT: usize = 1 << 20;

/// Packets that wait for the carrier, each way.
const WAITING: usize = 128;

/// One end of a carrier.
pub(crate) struct Carrier {
    outgoing: mpsc::Sender<Packet>,
    incoming: mpsc::Receiver<Packet>,
    /// Whether packets get through as far as this end knows.
    is_up: watch::Receiver<bool>,
}

/// The other end of [`Carrier`]: for the tasks that do the carrying.
pub(super) struct Inside {
    pub(super) to_write: mpsc::Receiver<Packet>,
    pub(super) read: mpsc::Sender<Packet>,
}

impl Carrier {
    /// A carrier, and what its tasks need.
    pub(super) fn new(is_up: watch::Receiver<bool>) -> (Self, Inside) {
        let (outgoing, to_write) = mpsc::channel(WAITING);
        let (read, incoming) = mpsc::channel(WAITING);
        let carrier = Self {
            outgoing,
            incoming,
            is_up,
        };
        (carrier, Inside { to_write, read })
    }

    /// Reads and writes pipes in tasks of their own, which end with the pipes or with this value.
    ///
    /// Must be called inside a [`tokio::task::LocalSet`].
    pub(crate) fn over_pipes(
        reader: impl AsyncRead + Unpin + 'static,
        writer: impl AsyncWrite + Unpin + 'static,
    ) -> Self {
        let (_, always_up) = watch::channel(true);
        let (carrier, Inside { to_write, read }) = Self::new(always_up);
        // What breaks a pipe breaks the other one too: the reader's end is noticed.
        tokio::task::spawn_local(async move {
            let _ = write_all(writer, to_write).await;
        });
        tokio::task::spawn_local(async move {
            let _ = read_all(reader, read).await;
        });
        carrier
    }

    /// Room for one more packet, if there is some.
    pub(crate) fn room(&self) -> Option<mpsc::Permit<'_, Packet>> {
        self.outgoing.try_reserve().ok()
    }

    /// Waits for the next packet; `None` once the carrier has ended. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        self.incoming.recv().await
    }

    /// Whether packets get through as far as this end knows.
    pub(crate) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Waits until everything has been written that was to be.
    pub(crate) async fn flush(&self) {
        // All permits are free when nothing waits; a broken carrier has nothing to wait for.
        let _ = self.outgoing.reserve_many(WAITING).await;
    }
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    mut packets: mpsc::Receiver<Packet>,
) -> io::Result<()> {
    while let Some(packet) = packets.recv().await {
        let bytes = packet.encode();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        writer.write_all(&length.to_be_bytes()).await?;
        writer.write_all(&bytes).await?;
        writer.flush().await?;
    }
    Ok(())
}

async fn read_all(
    mut reader: impl AsyncRead + Unpin,
    packets: mpsc::Sender<Packet>,
) -> io::Result<()> {
    loop {
        let length = reader.read_u32().await? as usize;
        if length > LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = BytesMut::zeroed(length);
        reader.read_exact(&mut bytes).await?;
        let packet = Packet::decode(Bytes::from(bytes)).map_err(io::Error::other)?;
        if packets.send(packet).await.is_err() {
            return Ok(());
        }
    }
}
