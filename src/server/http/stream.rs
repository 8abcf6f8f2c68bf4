use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Bytes that are moved at once. On the stack while they move: an idle connection holds none.
pub(crate) const PIECE: usize = 16 * 1024;

/// How long a client may read its last answer.
const LINGER: Duration = Duration::from_secs(1);

/// Writes all of it, through a shared reference.
pub(crate) async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends what there is to `buffer`, waiting for it; nothing is the end of the stream.
pub(crate) async fn read_more(from: &TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match try_read_more(from, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

fn try_read_more(from: &TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; PIECE];
    let length = from.try_read(&mut piece)?;
    buffer.extend_from_slice(&piece[..length]);
    Ok(length)
}

/// Lets a client that is still sending read its answer: closing at once would reset it.
pub(crate) async fn linger(client: &TcpStream) -> io::Result<()> {
    SockRef::from(client).shutdown(Shutdown::Write)?;
    let mut ignored = Vec::new();
    let _ = tokio::time::timeout(LINGER, async {
        while read_more(client, &mut ignored).await? > 0 {
            ignored.clear();
        }
        io::Result::Ok(())
    })
    .await;
    Ok(())
}
