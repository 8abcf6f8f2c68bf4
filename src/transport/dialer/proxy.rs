use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::{Host, Target, TransportError};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::http1::HeadReader;
use crate::transport::failure;
use crate::transport::socket::Socket;

/// An HTTP proxy that opens tunnels.
pub(super) struct Proxy {
    pub(super) host: Host,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`, from the URL's user and password.
    authorization: Option<String>,
}

impl Proxy {
    pub(super) fn new(url: &Url) -> Result<Self, TransportError> {
        let unusable = || TransportError::Proxy {
            url: url.to_string(),
        };
        if url.scheme() != "http" {
            return Err(unusable());
        }
        let authorization = (!url.username().is_empty()).then(|| {
            let user = percent_decode_str(url.username()).decode_utf8_lossy();
            let password = percent_decode_str(url.password().unwrap_or_default());
            let pair = format!("{user}:{}", password.decode_utf8_lossy());
            format!("Basic {}", STANDARD.encode(pair))
        });
        Ok(Self {
            host: Host::parse(url.host_str().ok_or_else(unusable)?),
            port: url.port_or_known_default().ok_or_else(unusable)?,
            authorization,
        })
    }

    /// Asks for a tunnel to the target; what follows on the socket comes from there.
    pub(super) async fn open_tunnel(
        &self,
        socket: &mut Socket,
        target: &Target,
    ) -> Result<(), Failure> {
        let (host, port) = target.route();
        let authorization = match &self.authorization {
            Some(value) => format!("Proxy-Authorization: {value}\r\n"),
            None => String::new(),
        };
        let request =
            format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
        let broken = |e: std::io::Error| {
            let failure = failure::from_io(Stage::Tcp, &e);
            Failure {
                cause: Cause::ProxyFailed,
                ..failure
            }
        };
        socket.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::with_capacity(256);
        let mut heads = HeadReader::default();
        loop {
            let ended = socket.read_buf(&mut answer).await.map_err(broken)? == 0;
            if is_open(&mut heads, &mut answer)? {
                return Ok(());
            }
            if ended {
                return Err(failed().with_message("the proxy's answer ended early"));
            }
        }
    }
}

fn failed() -> Failure {
    Failure::new(Stage::Tcp, Cause::ProxyFailed, Origin::Network)
}

/// Whether there is a tunnel now; not before the answer's head is whole.
fn is_open(heads: &mut HeadReader, answer: &mut Vec<u8>) -> Result<bool, Failure> {
    let verdict = heads.take(answer, |head| match head.status {
        200..=299 => Ok(()),
        status => Err(failed().with_status(status).with_message(head.reason)),
    });
    match verdict {
        Ok(None) => Ok(false),
        Ok(Some(Ok(()))) if answer.is_empty() => Ok(true),
        // The target speaks only after us: an answer that goes on is no answer to CONNECT.
        Ok(Some(Ok(()))) => Err(failed().with_message("the proxy went on after its answer")),
        Ok(Some(Err(refused))) => Err(refused),
        Err(error) => Err(failed().with_message(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &[u8]) -> Result<bool, Failure> {
        is_open(&mut HeadReader::default(), &mut answer.to_vec())
    }

    #[test]
    fn only_an_answer_of_success_opens_the_tunnel() {
        let opened = b"HTTP/1.1 200 Connection established\r\n\r\n";
        assert_eq!(read(opened), Ok(true));
        let refused = read(b"HTTP/1.1 407 Who are you\r\nA: b\r\n\r\nbody").unwrap_err();
        assert_eq!(
            (refused.cause, refused.status),
            (Cause::ProxyFailed, Some(407))
        );
        assert_eq!(refused.message.as_deref(), Some("Who are you"));
        assert!(read(b"HTTP/1.1 200 OK\r\n\r\nmore").is_err());
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n"), Ok(false));
        assert!(read(b"220 smtp\r\n\r\n").is_err());
    }

    #[test]
    fn interim_answers_of_the_proxy_are_skipped() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(answer), Ok(true));
    }

    #[test]
    fn user_and_password_of_the_url_are_sent_to_the_proxy() {
        let proxy = Proxy::new(&"http://a%40b:c@proxy.test:3128".parse().unwrap()).unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic YUBiOmM="));
        assert!(Proxy::new(&"socks5://proxy.test".parse().unwrap()).is_err());
    }
}
