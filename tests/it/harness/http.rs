//! Just enough HTTP/1.1 and WebSocket to read what clients and servers said to each other.

/// A request or a response, up to the end of its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) start: String,
    /// As they came; names keep their case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The second word of the first line: a request's target, a response's status.
    #[must_use]
    pub(crate) fn word(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether a request asks for a WebSocket.
    #[must_use]
    pub(crate) fn is_upgrade(&self) -> bool {
        self.header("upgrade")
            .is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
    }

    /// Reads a head; returns it with its length, or nothing if it is not complete.
    #[must_use]
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = find(bytes, b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n").map(str::to_owned);
        let start = lines.next()?;
        let headers = lines
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect();
        Some((Self { start, headers }, end + 4))
    }
}

/// A request or a response with its body, decoded from chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its head.
    pub(crate) head: Head,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads a message; returns it with its length, or nothing if it is not complete. Without a
    /// length, a response's body is all that came (`to_end`), and a request's is empty.
    #[must_use]
    pub(crate) fn parse(bytes: &[u8], to_end: bool) -> Option<(Self, usize)> {
        let (head, start) = Head::parse(bytes)?;
        let rest = &bytes[start..];
        let (body, length) = if let Some(length) = head.header("content-length") {
            let length: usize = length.parse().ok()?;
            (rest.get(..length)?.to_vec(), length)
        } else if head.header("transfer-encoding") == Some("chunked") {
            unchunk(rest)?
        } else if to_end && head.word() != "101" {
            (rest.to_vec(), rest.len())
        } else {
            (Vec::new(), 0)
        };
        Some((Self { head, body }, start + length))
    }
}

fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let data = at + line + 2;
        body.extend_from_slice(bytes.get(data..data + size)?);
        at = data + size + 2;
        if size == 0 {
            return (at <= bytes.len()).then_some((body, at));
        }
    }
}

/// A WebSocket frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub(crate) opcode: u8,
    /// Whether its payload is compressed.
    pub(crate) is_compressed: bool,
    /// Unmasked.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Reads a frame; returns it with its length, or nothing if it is not complete.
    #[must_use]
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
                4,
            ),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let mask = if second & 0x80 == 0 {
            [0; 4]
        } else {
            at += 4;
            bytes.get(at - 4..at)?.try_into().ok()?
        };
        let end = at + usize::try_from(length).ok()?;
        let masked = bytes.get(at..end)?.iter().enumerate();
        let frame = Self {
            opcode: first & 0x0f,
            is_compressed: first & 0x40 != 0,
            payload: masked.map(|(n, byte)| byte ^ mask[n % 4]).collect(),
        };
        Some((frame, end))
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
