use bytes::BytesMut;

use crate::limits;

/// Why the body of an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBody {
    /// The connection failed.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
    /// It is longer than [`limits::CONTROL_ANSWER`].
    #[error("the answer is longer than {} bytes", limits::CONTROL_ANSWER)]
    TooLarge,
}

/// Reads the body of an answer that is not measured, up to a limit.
///
/// # Errors
/// If it does not come, or goes on beyond the limit.
pub(crate) async fn body_of(mut response: reqwest::Response) -> Result<bytes::Bytes, NoBody> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limits::CONTROL_ANSWER {
            return Err(NoBody::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(length: usize) -> reqwest::Response {
        http::Response::new(vec![b'x'; length]).into()
    }

    #[tokio::test]
    async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
        let body = body_of(response(limits::CONTROL_ANSWER)).await.unwrap();
        assert_eq!(body.len(), limits::CONTROL_ANSWER);
        let error = body_of(response(limits::CONTROL_ANSWER + 1)).await;
        assert!(matches!(error, Err(NoBody::TooLarge)));
    }
}
