use super::head::{Body, Chunks, NotHttp};

/// What is still to come of a body.
#[derive(Debug)]
pub(crate) enum Remaining {
    Length(u64),
    Chunks(Chunks),
    ToEnd,
}

impl Remaining {
    pub(crate) fn of(body: Body) -> Self {
        match body {
            Body::Length(length) => Self::Length(length),
            Body::Chunked => Self::Chunks(Chunks::new()),
            Body::ToEnd => Self::ToEnd,
        }
    }

    /// How many of these bytes belong to it.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, NotHttp> {
        match self {
            Self::Length(left) => {
                let length = (*left).min(bytes.len() as u64);
                *left -= length;
                Ok(length as usize)
            }
            Self::Chunks(chunks) => chunks.take(bytes),
            Self::ToEnd => Ok(bytes.len()),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunks(chunks) => *chunks == Chunks::Over,
            Self::ToEnd => false,
        }
    }
}
