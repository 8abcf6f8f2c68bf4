use super::chunks::Chunks;
use super::framing::Framing;
use super::malformed::Malformed;

/// What is still to come of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remaining {
    /// This many bytes.
    Length(u64),
    /// Chunks, up to the last one.
    Chunked(Chunks),
    /// Everything until the connection ends.
    ToEnd,
}

impl Remaining {
    /// Starts with a whole body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::ToEnd => Self::ToEnd,
        }
    }

    /// Takes the next bytes and hands on the data among them; returns how many bytes belong to the
    /// body.
    ///
    /// # Errors
    /// If chunks break the rules, or `data` fails.
    pub fn take(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<usize, Malformed> {
        match self {
            Self::Length(left) => {
                let length =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= length as u64;
                data(&bytes[..length])?;
                Ok(length)
            }
            Self::Chunked(chunks) => chunks.take(bytes, data),
            Self::ToEnd => {
                data(bytes)?;
                Ok(bytes.len())
            }
        }
    }

    /// Whether nothing is to come; never, where the end of the connection is that of the body.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::ToEnd => false,
        }
    }

    /// Bytes of data that are certain to come.
    #[must_use]
    pub fn announced(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(chunks) => chunks.announced(),
            Self::ToEnd => 0,
        }
    }
}

/// A body that is being collected, up to a limit.
#[derive(Debug)]
pub struct Body {
    remaining: Remaining,
    data: Vec<u8>,
    limit: usize,
}

impl Body {
    /// Starts with nothing; `limit` is in bytes of data.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self {
            remaining: Remaining::new(framing),
            data: Vec::new(),
            limit,
        }
    }

    /// Takes the next bytes; returns how many of them belong to the body.
    ///
    /// # Errors
    /// If they break the rules, or the body is longer than the limit: what fits is kept, and a
    /// length that is announced counts as soon as it is known.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let (data, limit) = (&mut self.data, self.limit);
        let too_large = Malformed::BodyTooLarge { limit };
        let taken = self.remaining.take(bytes, |piece| {
            let room = limit.saturating_sub(data.len());
            data.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                return Err(too_large);
            }
            Ok(())
        })?;
        let announced = usize::try_from(self.remaining.announced()).unwrap_or(usize::MAX);
        if announced > limit.saturating_sub(self.data.len()) {
            return Err(too_large);
        }
        Ok(taken)
    }

    /// Buffer for data that is read without passing through [`Body::push`], and how much of it is
    /// certain to come; nothing of a chunked body. [`Body::filled`] must follow.
    pub fn room(&mut self) -> (&mut Vec<u8>, usize) {
        let announced = match &self.remaining {
            Remaining::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            Remaining::Chunked(_) | Remaining::ToEnd => 0,
        };
        (&mut self.data, announced)
    }

    /// Accounts for bytes that were put into the buffer of [`Body::room`].
    pub fn filled(&mut self, bytes: usize) {
        if let Remaining::Length(left) = &mut self.remaining {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    /// Bytes held, capacity included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.data.capacity()
    }

    /// Whether nothing is to come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.remaining.is_over()
    }

    /// Whether it is whole if the connection ends now.
    #[must_use]
    pub fn is_whole_at_end(&self) -> bool {
        self.is_whole() || self.remaining == Remaining::ToEnd
    }

    /// Data collected so far.
    #[must_use]
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}
