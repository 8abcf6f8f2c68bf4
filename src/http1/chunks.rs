use super::malformed::Malformed;
use crate::limits;

/// A chunked body on its way by: where its data lies and where it ends, wherever it is cut.
///
/// ```text
/// Size ─► Extension ─┐
///   └──────────────► SizeEnd ─► Data ─► DataEnd ─► DataLineEnd ─► Size
///                      └─(0)─► Trailer ─► TrailerLine ─► Trailer
///                                └─► LastLineEnd ─► Over
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    state: State,
    /// Bytes of extensions, leading zeros and trailers so far.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the hexadecimal digits of a size; nothing before the first.
    Size(Option<u64>),
    /// Behind the digits: white space, or an extension from `;` on.
    Extension { size: u64, is_open: bool },
    /// Before the line feed that ends a size.
    SizeEnd(u64),
    /// In a chunk with this many bytes to come.
    Data(u64),
    /// Before the carriage return behind a chunk.
    DataEnd,
    /// Before the line feed behind a chunk.
    DataLineEnd,
    /// At the start of a line behind the last chunk.
    Trailer,
    /// In such a line.
    TrailerLine,
    /// Before the very last line feed.
    LastLineEnd,
    /// Behind the end.
    Over,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            state: State::Size(None),
            overhead: 0,
        }
    }
}

impl Chunks {
    /// Takes the next bytes and hands on the data among them; returns how many bytes belong to the
    /// body.
    ///
    /// # Errors
    /// If they break the rules or exceed [`limits::CHUNK_OVERHEAD`], or `data` fails.
    pub fn take(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Over {
            if let State::Data(left) = self.state {
                let rest = &bytes[at..];
                let length = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                data(&rest[..length])?;
                at += length;
                self.state = match left - length as u64 {
                    0 => State::DataEnd,
                    left => State::Data(left),
                };
            } else {
                self.state = self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    /// Whether the last chunk and its trailers are through.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Bytes that are certain to come of the present chunk.
    #[must_use]
    pub fn announced(&self) -> u64 {
        match self.state {
            State::Data(left) => left,
            // A size whose line is not whole may still turn out broken.
            State::Size(_)
            | State::SizeEnd(_)
            | State::Extension { .. }
            | State::DataEnd
            | State::DataLineEnd
            | State::Trailer
            | State::TrailerLine
            | State::LastLineEnd
            | State::Over => 0,
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size(Some(size)) | State::Extension { size, .. }, b'\r') => {
                State::SizeEnd(size)
            }
            (State::Size(Some(size)), b';') => State::Extension {
                size,
                is_open: true,
            },
            (State::Size(Some(size)), b' ' | b'\t') => State::Extension {
                size,
                is_open: false,
            },
            (State::Size(size), digit) => State::Size(Some(self.digit(size, digit)?)),
            (State::Extension { size, is_open }, byte) => {
                let is_open = is_open || byte == b';';
                if byte == b'\n' || (!is_open && !matches!(byte, b' ' | b'\t')) {
                    return Err(Malformed::ChunkSize);
                }
                self.note_overhead()?;
                State::Extension { size, is_open }
            }
            (State::SizeEnd(0), b'\n') => State::Trailer,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::SizeEnd(_), _) => return Err(Malformed::ChunkSize),
            (State::DataEnd, b'\r') => State::DataLineEnd,
            (State::DataLineEnd, b'\n') => State::Size(None),
            (State::Trailer, b'\r') => State::LastLineEnd,
            (State::LastLineEnd, b'\n') => State::Over,
            (State::DataEnd | State::DataLineEnd | State::LastLineEnd, _)
            | (State::Trailer, b'\n') => return Err(Malformed::ChunkEnd),
            (State::TrailerLine, b'\n') => State::Trailer,
            (State::Trailer | State::TrailerLine, _) => {
                self.note_overhead()?;
                State::TrailerLine
            }
            (state @ (State::Data(_) | State::Over), _) => state,
        })
    }

    fn digit(&mut self, size: Option<u64>, byte: u8) -> Result<u64, Malformed> {
        let digit = char::from(byte).to_digit(16).ok_or(Malformed::ChunkSize)?;
        if size == Some(0) {
            self.note_overhead()?;
        }
        let size = size.unwrap_or(0).checked_mul(16);
        Ok(size.ok_or(Malformed::ChunkSize)? + u64::from(digit))
    }

    fn note_overhead(&mut self) -> Result<(), Malformed> {
        self.overhead += 1;
        if self.overhead > limits::CHUNK_OVERHEAD {
            return Err(Malformed::ChunkOverhead);
        }
        Ok(())
    }
}
