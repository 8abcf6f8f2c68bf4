use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::{Host, Target, TransportError};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::failure;
use crate::transport::socket::Socket;

/// The longest answer to CONNECT that is read, in bytes.
const ANSWER_LIMIT: usize = 8192;

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
        while !answer.ends_with(b"\r\n\r\n") {
            // One byte past the head would be the target's: it speaks only after us, so an
            // answer that goes on is no answer to CONNECT.
            if answer.len() > ANSWER_LIMIT || memchr::memmem::find(&answer, b"\r\n\r\n").is_some() {
                break;
            }
            if socket.read_buf(&mut answer).await.map_err(broken)? == 0 {
                break;
            }
        }
        read_verdict(&answer)
    }
}

fn read_verdict(answer: &[u8]) -> Result<(), Failure> {
    let failed = Failure::new(Stage::Tcp, Cause::ProxyFailed, Origin::Network);
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Ok(httparse::Status::Complete(head)) => match response.code {
            Some(200..=299) if head == answer.len() => Ok(()),
            Some(200..=299) => Err(failed.with_message("the proxy went on after its answer")),
            Some(status) => Err(failed
                .with_status(status)
                .with_message(response.reason.unwrap_or_default())),
            None => Err(failed),
        },
        Ok(httparse::Status::Partial) => Err(failed.with_message("the proxy's answer ended early")),
        Err(error) => Err(failed.with_message(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_success_opens_the_tunnel() {
        assert_eq!(
            read_verdict(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Ok(())
        );
        let refused = read_verdict(b"HTTP/1.1 407 Who are you\r\nA: b\r\n\r\nbody").unwrap_err();
        assert_eq!(
            (refused.cause, refused.status),
            (Cause::ProxyFailed, Some(407))
        );
        assert_eq!(refused.message.as_deref(), Some("Who are you"));
        assert!(read_verdict(b"HTTP/1.1 200 OK\r\n\r\nmore").is_err());
        assert!(read_verdict(b"HTTP/1.1 200 OK\r\n").is_err());
        assert!(read_verdict(b"220 smtp\r\n\r\n").is_err());
    }

    #[test]
    fn user_and_password_of_the_url_are_sent_to_the_proxy() {
        let proxy = Proxy::new(&"http://a%40b:c@proxy.test:3128".parse().unwrap()).unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic YUBiOmM="));
        assert!(Proxy::new(&"socks5://proxy.test".parse().unwrap()).is_err());
    }
}
