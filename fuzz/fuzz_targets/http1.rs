//! Any bytes as an HTTP/1 response: read whole and in pieces, the result is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sio_load::http1::{Body, HeadReader, Malformed, read_request};

/// Most that a body may hold here, in bytes.
const LIMIT: usize = 300;

/// Status and body of the first response; nothing if it is not whole at the end.
fn read(bytes: &[u8], piece: usize) -> Result<Option<(u16, Vec<u8>)>, Malformed> {
    let (mut heads, mut received) = (HeadReader::default(), Vec::new());
    let mut begun: Option<(u16, Body)> = None;
    for piece in bytes.chunks(piece) {
        received.extend_from_slice(piece);
        let (_, body) = match &mut begun {
            Some(begun) => begun,
            None => {
                let head = heads.take(&mut received, |head| {
                    Ok((head.status, Body::new(head.framing(false)?, LIMIT)))
                })?;
                match head.transpose()? {
                    Some(head) => begun.insert(head),
                    None => continue,
                }
            }
        };
        let taken = body.push(&received)?;
        received.drain(..taken);
        if body.is_whole() {
            break;
        }
    }
    Ok(begun
        .filter(|(_, body)| body.is_whole_at_end())
        .map(|(status, body)| (status, body.into_data())))
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, usize::from(piece).max(1)), whole);
    let _ = read_request(bytes, |request| request.framing());
});
