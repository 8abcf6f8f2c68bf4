use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use crate::server::http::{PIECE, write_all};

/// How long one side may still talk when the other has stopped; nginx gives it no time at all,
/// which loses what is on its way.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Moves bytes both ways until one side ends.
pub(super) async fn both_ways(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let up = one_way(client, server);
    let down = one_way(server, client);
    tokio::pin!(up, down);
    tokio::select! {
        ended = &mut up => {
            ended?;
            let _ = tokio::time::timeout(LAST_WORDS, down).await;
        }
        ended = &mut down => {
            ended?;
            let _ = tokio::time::timeout(LAST_WORDS, up).await;
        }
    }
    Ok(())
}

/// Moves bytes until `from` ends, then ends that direction of `to`.
async fn one_way(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    loop {
        from.readable().await?;
        match move_piece(from, to) {
            Ok(Moved::End) => return SockRef::from(to).shutdown(Shutdown::Write),
            Ok(Moved::All) => {}
            Ok(Moved::Some(rest)) => write_all(to, &rest).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

enum Moved {
    /// What was read is written.
    All,
    /// This is not: the receiver is slow.
    Some(Vec<u8>),
    /// Nothing will come any more.
    End,
}

fn move_piece(from: &TcpStream, to: &TcpStream) -> io::Result<Moved> {
    let mut piece = [0; PIECE];
    let length = from.try_read(&mut piece)?;
    if length == 0 {
        return Ok(Moved::End);
    }
    let written = match to.try_write(&piece[..length]) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    Ok(if written == length {
        Moved::All
    } else {
        Moved::Some(piece[written..length].to_vec())
    })
}
