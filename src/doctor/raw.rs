//! The bytes after a 101, as they are: what a WebSocket reader can only call a violation.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::http;
use super::probe::Probe;
use super::request::Request;
use super::websocket::Socket;
use crate::clock;

/// How long bytes are waited for after the last ones.
const QUIET: Duration = Duration::from_millis(400);
/// The most that is read, in bytes.
const LIMIT: usize = 16 * 1024;
/// What servers compress by default is longer than this; the answer names what was asked for.
const LONG_NAME: usize = 1200;

/// What came after a 101.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterUpgrade {
    /// Frames that a client can read, or nothing.
    Frames,
    /// A second answer in HTTP; its first line.
    Http(String),
    /// Compressed frames, though the answer agreed on no compression.
    Compressed,
}

/// Opens a WebSocket that offers compression, as clients do, and reads what comes; `None` if it
/// does not open.
pub(super) async fn after_upgrade(probe: &Probe, request: Request) -> Option<AfterUpgrade> {
    let (request, _) = Socket::handshake(request);
    let limit = request.limit;
    let bytes = probe.head_of(&request);
    let dialer = probe.wire.dialer_from(request.source).ok()?;
    let phases = Cell::new(None);
    let began = http::begin(&dialer, &bytes, &phases);
    let started = clock::now();
    let answered = tokio::time::timeout(limit, began).await;
    if let Some(timings) = phases.get() {
        let what = format!("WebSocket {}, with compression offered", request.target);
        probe.note_dial(probe.masked(&what), started, &Ok(timings));
    }
    let answered = answered.ok()?.ok()?;
    if answered.reply.status != 101 {
        return None;
    }
    let is_agreed = answered.reply.header("sec-websocket-extensions").is_some();
    let (mut stream, mut received) = (answered.stream, answered.rest);
    // The end of the connection shows in what is read.
    let _ = stream.write_all(&question()).await;
    let _ = stream.flush().await;
    while received.len() < LIMIT {
        match tokio::time::timeout(QUIET, stream.read_buf(&mut received)).await {
            Ok(Ok(read)) if read > 0 => {}
            Ok(_) | Err(_) => break,
        }
    }
    Some(judge(&received, is_agreed))
}

/// A masked frame of text that asks for a namespace with a long name. The mask is zero: nothing
/// stands in between that a mask would protect.
fn question() -> Vec<u8> {
    let text = format!("40/{},", "x".repeat(LONG_NAME));
    let length = u16::try_from(text.len()).expect("the name is short");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn judge(mut bytes: &[u8], is_agreed: bool) -> AfterUpgrade {
    while let Some((&first, rest)) = bytes.split_first() {
        if bytes.starts_with(b"HTTP/1.") {
            let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or(bytes);
            return AfterUpgrade::Http(String::from_utf8_lossy(line).into_owned());
        }
        if first & 0x40 != 0 && !is_agreed {
            return AfterUpgrade::Compressed;
        }
        let Some(end) = frame_end(rest) else { break };
        bytes = bytes.get(end + 1..).unwrap_or_default();
    }
    AfterUpgrade::Frames
}

/// The length of an unmasked frame after its first byte.
fn frame_end(rest: &[u8]) -> Option<usize> {
    let short = usize::from(rest.first()? & 0x7f);
    match short {
        126 => {
            let length = u16::from_be_bytes(rest.get(1..3)?.try_into().ok()?);
            Some(3 + usize::from(length))
        }
        127 => {
            let length = u64::from_be_bytes(rest.get(1..9)?.try_into().ok()?);
            usize::try_from(length).ok()?.checked_add(9)
        }
        short => Some(1 + short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_answer_and_stray_compression_are_recognised_behind_frames() {
        let frame = b"\x81\x02ab".to_vec();
        let with = |more: &[u8]| [&frame, more].concat();
        assert_eq!(judge(&with(b""), false), AfterUpgrade::Frames);
        assert_eq!(judge(&with(b"\xc1\x01a"), true), AfterUpgrade::Frames);
        assert_eq!(judge(&with(b"\xc1\x01a"), false), AfterUpgrade::Compressed);
        let http = with(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        let line = "HTTP/1.1 400 Bad Request".to_owned();
        assert_eq!(judge(&http, false), AfterUpgrade::Http(line));
        assert_eq!(judge(b"\x81\x7e\x00", false), AfterUpgrade::Frames);
    }
}
