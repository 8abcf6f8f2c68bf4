use super::head::Headers;
use super::malformed::Malformed;

/// Where the body of a message ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// Where the connection does; never a request's.
    ToEnd,
}

impl Framing {
    /// Reads how a response's body ends; `is_head` says that it answers a HEAD.
    pub(super) fn of_response(
        status: u16,
        headers: Headers<'_>,
        is_head: bool,
    ) -> Result<Self, Malformed> {
        let length = content_length(headers)?;
        if is_head || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Self::Length(0));
        }
        Ok(match (is_chunked(headers), length) {
            (Some(true), _) => Self::Chunked,
            (None, Some(length)) => Self::Length(length),
            (Some(false), _) | (None, None) => Self::ToEnd,
        })
    }

    /// Reads how a request's body ends.
    pub(super) fn of_request(headers: Headers<'_>) -> Result<Self, Malformed> {
        let length = content_length(headers)?;
        match is_chunked(headers) {
            Some(true) => Ok(Self::Chunked),
            Some(false) => Err(Malformed::TransferCoding),
            None => Ok(Self::Length(length.unwrap_or(0))),
        }
    }
}

/// Whether the last transfer coding is `chunked`; nothing without any.
fn is_chunked(headers: Headers<'_>) -> Option<bool> {
    let last = headers.all("transfer-encoding").last()?;
    let coding = last.rsplit(|byte| *byte == b',').next()?;
    Some(coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

fn content_length(headers: Headers<'_>) -> Result<Option<u64>, Malformed> {
    let mut length = None;
    for value in headers.all("content-length") {
        let this = Some(number(value)?);
        if length.is_some() && length != this {
            return Err(Malformed::TwoLengths);
        }
        length = this;
    }
    Ok(length)
}

fn number(value: &[u8]) -> Result<u64, Malformed> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::ContentLength);
    }
    let text = str::from_utf8(digits).expect("ASCII digits are UTF-8");
    // One that is too large to be read is above every limit.
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// Whether a list of tokens, such as that of `Connection`, holds this one.
#[must_use]
pub fn has_token(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}
