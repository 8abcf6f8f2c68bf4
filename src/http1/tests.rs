use proptest::prelude::*;

use super::*;
use crate::limits;

/// What one response is, read in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    status: u16,
    keeps_alive: bool,
    body: Vec<u8>,
    surplus: usize,
}

/// Reads a response in pieces of these sizes, in turn; nothing if it is not whole at its end.
fn read(text: &[u8], sizes: &[usize], limit: usize) -> Result<Option<Read>, Malformed> {
    let (mut heads, mut received) = (HeadReader::default(), Vec::new());
    let mut found: Option<(u16, bool, Body)> = None;
    let (mut at, mut sizes) = (0, sizes.iter().cycle());
    while at < text.len() {
        let end = (at + sizes.next().unwrap()).min(text.len());
        received.extend_from_slice(&text[at..end]);
        at = end;
        if found.is_none() {
            let head = heads.take(&mut received, |head| {
                head.framing(false)
                    .map(|framing| (head.status, head.keeps_alive(framing), framing))
            })?;
            let Some(head) = head else { continue };
            let (status, keeps_alive, framing) = head?;
            found = Some((status, keeps_alive, Body::new(framing, limit)));
        }
        let (status, keeps_alive, body) = found.as_mut().unwrap();
        let taken = body.push(&received)?;
        received.drain(..taken);
        if body.is_whole() {
            let surplus = received.len() + text.len() - at;
            let (status, keeps_alive) = (*status, *keeps_alive);
            let body = found.unwrap().2.into_data();
            return Ok(Some(Read {
                status,
                keeps_alive,
                body,
                surplus,
            }));
        }
    }
    Ok(found
        .filter(|(_, _, body)| body.is_whole_at_end())
        .map(|(status, keeps_alive, body)| Read {
            status,
            keeps_alive,
            body: body.into_data(),
            surplus: 0,
        }))
}

fn whole(text: &str) -> Result<Option<Read>, Malformed> {
    read(text.as_bytes(), &[usize::MAX / 2], 1000)
}

fn body(rest: &str) -> Option<String> {
    let read = whole(&format!("HTTP/1.1 200 OK\r\n{rest}")).unwrap()?;
    Some(String::from_utf8(read.body).unwrap())
}

#[test]
fn a_body_ends_where_its_length_its_last_chunk_or_the_connection_says() {
    assert_eq!(body("Content-Length: 2\r\n\r\nab").as_deref(), Some("ab"));
    assert_eq!(body("Content-Length: 3\r\n\r\nab"), None);
    assert_eq!(body("\r\nab").as_deref(), Some("ab"));
    let chunked = |rest| body(&format!("Transfer-Encoding: chunked\r\n\r\n{rest}"));
    assert_eq!(chunked("2\r\nab\r\n0\r\n\r\n").as_deref(), Some("ab"));
    assert_eq!(
        chunked("2 ;x=1\r\nab\r\n00\r\nA: b\r\n\r\n").as_deref(),
        Some("ab")
    );
    assert_eq!(chunked("2\r\nab\r\n0\r\n"), None);
    assert_eq!(chunked("2\r\nab"), None);
}

#[test]
fn the_last_transfer_coding_decides_and_outdoes_a_length() {
    let chunks = "\r\n1\r\na\r\n0\r\n\r\n";
    for coding in [
        "Transfer-Encoding: gzip, Chunked\r\n",
        "transfer-encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(body(&format!("{coding}{chunks}")).as_deref(), Some("a"));
    }
    for coding in ["xchunked", "chunked, gzip", "identity"] {
        let plain = body(&format!("Transfer-Encoding: {coding}\r\n{chunks}"));
        assert_eq!(plain.as_deref(), chunks.strip_prefix("\r\n"));
        let request = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let framing = read_request(request.as_bytes(), |head| head.framing()).unwrap();
        assert_eq!(framing.unwrap().1, Err(Malformed::TransferCoding));
    }
}

#[test]
fn a_connection_is_kept_unless_one_of_its_options_says_otherwise() {
    let keeps_alive = |head: &str| {
        let read = whole(&format!("HTTP/1.{head}\r\n\r\n")).unwrap();
        read.unwrap().keeps_alive
    };
    assert!(keeps_alive("1 204 X"));
    assert!(!keeps_alive("1 204 X\r\nConnection: x, Close"));
    assert!(!keeps_alive(
        "1 204 X\r\nConnection: close\r\nConnection: x"
    ));
    assert!(!keeps_alive("0 204 X"));
    assert!(keeps_alive("0 204 X\r\nConnection: keep-alive"));
    assert!(!keeps_alive("1 200 X"));
}

#[test]
fn interim_responses_are_skipped_up_to_a_limit() {
    let interim = |count| "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count);
    let real = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let read = whole(&(interim(2) + real)).unwrap().unwrap();
    assert_eq!((read.status, &read.body[..]), (200, &b"x"[..]));
    let flood = interim(1 + limits::INTERIM_RESPONSES as usize) + real;
    assert_eq!(whole(&flood), Err(Malformed::TooManyInterim));
    let switch = whole("HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
    assert_eq!(switch.unwrap().status, 101);
}

#[test]
fn what_breaks_a_rule_or_a_limit_is_named() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
    let endless = "x".repeat(limits::HEAD);
    let headers = "A: b\r\n".repeat(limits::HEADERS + 1);
    let is_no_head = |text: &str| matches!(whole(text), Err(Malformed::Head(_)));
    assert!(is_no_head("220 smtp ready\r\n") && is_no_head("\x15\x03\x03"));
    for (text, error) in [
        (
            format!("{ok}Content-Length: -1\r\n\r\n"),
            Malformed::ContentLength,
        ),
        (
            format!("{ok}Content-Length: +1\r\n\r\n"),
            Malformed::ContentLength,
        ),
        (
            format!("{ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            Malformed::TwoLengths,
        ),
        (format!("{chunked}x\r\n"), Malformed::ChunkSize),
        (format!("{chunked}\r\n"), Malformed::ChunkSize),
        (format!("{chunked}1\n"), Malformed::ChunkSize),
        (format!("{chunked}1\r\nab\r\n"), Malformed::ChunkEnd),
        (format!("{chunked}0\r\n\n"), Malformed::ChunkEnd),
        (format!("{ok}X: {endless}"), Malformed::HeadTooLong),
        (format!("{ok}{headers}\r\n"), Malformed::TooManyHeaders),
        (format!("{chunked}1;{endless}x"), Malformed::ChunkOverhead),
        (
            format!("{chunked}0\r\nA: {endless}"),
            Malformed::ChunkOverhead,
        ),
        (
            format!("{chunked}{}", "0".repeat(limits::CHUNK_OVERHEAD + 2)),
            Malformed::ChunkOverhead,
        ),
        (
            format!("{ok}Content-Length: {}\r\n\r\n", u128::MAX),
            Malformed::BodyTooLarge { limit: 1000 },
        ),
        (
            format!("{chunked}ffffffffff\r\n"),
            Malformed::BodyTooLarge { limit: 1000 },
        ),
        (
            format!("{ok}\r\n{}", "x".repeat(1001)),
            Malformed::BodyTooLarge { limit: 1000 },
        ),
    ] {
        assert_eq!(whole(&text), Err(error), "{text:.60}");
    }
}

#[test]
fn headers_are_taken_out_and_nothing_else() {
    let head = b"GET /a?Upgrade: HTTP/1.1\r\nHost: a\r\nconnection: Upgrade\r\nUPGRADE: \
        websocket\r\nX-Upgrade: 1\r\n\r\n";
    let rest = without_headers(head, &["Upgrade", "Connection"]);
    assert_eq!(
        str::from_utf8(&rest).unwrap(),
        "GET /a?Upgrade: HTTP/1.1\r\nHost: a\r\nX-Upgrade: 1\r\n\r\n"
    );
}

prop_compose! {
    /// A response with its body: by length, in chunks, or up to the end.
    fn response()(
        body in prop::collection::vec(any::<u8>(), 0..200),
        framing in 0..3,
        chunk in 1..32usize,
        interim in 0..3usize,
        extension in "(;[a-z]{0,8})?",
        trailer in "(A: [a-z]{0,8}\r\n)?",
    ) -> (Vec<u8>, Vec<u8>, i32) {
        let mut text = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(interim);
        text.extend_from_slice(b"HTTP/1.1 200 OK\r\nA: b\r\n");
        match framing {
            0 => {
                text.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                text.extend_from_slice(&body);
            }
            1 => {
                text.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for part in body.chunks(chunk) {
                    text.extend_from_slice(format!("{:x}{extension}\r\n", part.len()).as_bytes());
                    text.extend_from_slice(part);
                    text.extend_from_slice(b"\r\n");
                }
                text.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
            }
            _ => {
                text.extend_from_slice(b"\r\n");
                text.extend_from_slice(&body);
            }
        }
        (text, body, framing)
    }
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_message(
        (mut text, body, framing) in response(),
        sizes in prop::collection::vec(1..40usize, 1..20),
        surplus in 0..3usize,
    ) {
        let surplus = if framing == 2 { 0 } else { surplus };
        text.extend_from_slice(&b"HTTP"[..surplus]);
        let read = read(&text, &sizes, 1000).unwrap().unwrap();
        prop_assert_eq!(read, Read { status: 200, keeps_alive: framing != 2, body, surplus });
    }

    #[test]
    fn any_split_of_broken_bytes_gives_the_same_error(
        (mut text, _, _) in response(),
        breaks in prop::collection::vec((any::<prop::sample::Index>(), "[\r\n:;0-9a-f \\xff]"), 1..4),
        sizes in prop::collection::vec(1..40usize, 1..20),
        limit in 0..250usize,
    ) {
        for (place, with) in breaks {
            let place = place.index(text.len());
            text[place] = with.as_bytes()[0];
        }
        prop_assert_eq!(read(&text, &sizes, limit), read(&text, &[text.len().max(1)], limit));
    }

    #[test]
    fn a_chunked_body_passes_with_exactly_its_own_bytes(
        chunks in prop::collection::vec(1usize..40, 0..5),
        sizes in prop::collection::vec(1usize..30, 1..20),
    ) {
        let mut body: String = chunks
            .iter()
            .map(|size| format!("{size:X};x=1\r\n{}\r\n", "\n".repeat(*size)))
            .collect();
        body += "0\r\nA: b\r\n\r\n";
        let bytes = format!("{body}HTTP/1.1 200 OK").into_bytes();
        let (mut state, mut at, mut sizes) = (Chunks::default(), 0, sizes.iter().cycle());
        let mut data = 0;
        while !state.is_over() {
            let end = (at + sizes.next().unwrap()).min(bytes.len());
            at += state.take(&bytes[at..end], |piece| {
                data += piece.len();
                Ok(())
            }).unwrap();
        }
        prop_assert_eq!((at, data), (body.len(), chunks.iter().sum()));
    }
}
