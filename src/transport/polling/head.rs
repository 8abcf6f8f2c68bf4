//! The heads of requests, byte for byte as each platform sends them (socketio-client.md §2).

use std::cell::RefCell;
use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, Entry, HOST, ORIGIN,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::{Empty, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::Method;
use crate::event::EngineRevision;
use crate::scenario::plan::Profile;
use crate::transport::settings::Settings;

const NODE_AGENT: HeaderValue = HeaderValue::from_static("node-XMLHttpRequest");
/// Not that of a real browser: operators must be able to tell load from people in their logs.
pub(in crate::transport) const BROWSER_AGENT: HeaderValue = HeaderValue::from_static(concat!(
    "Mozilla/5.0 (compatible; sio-load/",
    env!("CARGO_PKG_VERSION"),
    ")"
));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const KEEP_ALIVE: HeaderValue = HeaderValue::from_static("keep-alive");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What the head of one request is made from.
pub(super) struct Head<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) host: HeaderValue,
    pub(super) body: Bytes,
    pub(super) octet_stream: bool,
    pub(super) user: &'a [(HeaderName, HeaderValue)],
    pub(super) cookie: Option<HeaderValue>,
}

impl Head<'_> {
    /// The request as the population's platform sends it.
    pub(super) fn into_request(self, settings: &Settings) -> http::Request<Full<Bytes>> {
        let spelled = self.method == Method::Post || !self.user.is_empty() || self.cookie.is_some();
        let headers = match settings.profile {
            Profile::Node => self.node_headers(),
            Profile::Browser => self.browser_headers(&settings.origin),
        };
        let mut request = http::Request::new(Full::new(self.body));
        *request.method_mut() = match self.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        *request.uri_mut() = self.uri;
        *request.headers_mut() = headers;
        if spelled {
            *request.extensions_mut() = settings.spelling.clone();
        }
        request
    }

    /// In the order of xmlhttprequest-ssl on Node's http module.
    fn node_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8 + self.user.len());
        headers.insert(USER_AGENT, NODE_AGENT);
        headers.insert(ACCEPT, ANYTHING);
        self.add_user(&mut headers);
        if self.method == Method::Post {
            self.add_content_type(&mut headers);
        }
        self.add_cookie(&mut headers);
        headers.insert(HOST, self.host.clone());
        if self.method == Method::Post {
            headers.insert(CONTENT_LENGTH, self.body.len().into());
        }
        headers.insert(CONNECTION, CLOSE);
        headers
    }

    /// In the order of Chromium.
    fn browser_headers(&self, origin: &HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(10 + self.user.len());
        headers.insert(HOST, self.host.clone());
        headers.insert(CONNECTION, KEEP_ALIVE);
        if self.method == Method::Post {
            headers.insert(CONTENT_LENGTH, self.body.len().into());
        }
        headers.insert(USER_AGENT, BROWSER_AGENT);
        headers.insert(ACCEPT, ANYTHING);
        if self.method == Method::Post {
            self.add_content_type(&mut headers);
        }
        headers.insert(ORIGIN, origin.clone());
        headers.insert(ACCEPT_ENCODING, GZIP);
        self.add_user(&mut headers);
        self.add_cookie(&mut headers);
        headers
    }

    fn add_content_type(&self, headers: &mut HeaderMap) {
        // Unless the user set one.
        if let Entry::Vacant(entry) = headers.entry(CONTENT_TYPE) {
            entry.insert(if self.octet_stream {
                OCTET_STREAM
            } else {
                TEXT
            });
        }
    }

    /// A header of the user replaces ours of the same name.
    fn add_user(&self, headers: &mut HeaderMap) {
        for (name, value) in self.user.iter().filter(|(name, _)| !is_framing(name)) {
            headers.insert(name, value.clone());
        }
    }

    /// The cookies of the jar replace the user's.
    fn add_cookie(&self, headers: &mut HeaderMap) {
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, cookie.clone());
        }
    }
}

/// Headers that say where a message ends: not for users to set.
pub(in crate::transport) fn is_framing(name: &HeaderName) -> bool {
    *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING
}

/// hyper writes `Content-Type`, where release 4 sends `Content-type` (release 2 does not), and it
/// would spell the user's headers its own way too. It keeps the spelling of a message that it has
/// read, so it is given one to read, once per population.
pub(in crate::transport) fn header_spelling(
    profile: Profile,
    revision: EngineRevision,
    user: &[String],
) -> Extensions {
    let mut message = "GET / HTTP/1.1\r\n".to_owned();
    match revision {
        EngineRevision::V3 => {}
        EngineRevision::V4 => message.push_str("Content-type: x\r\n"),
    }
    if profile == Profile::Node {
        message.push_str("cookie: x\r\n");
    }
    for name in user {
        let known = HeaderName::try_from(name.as_str());
        if known.is_ok_and(|name| !is_framing(&name) && name != COOKIE) {
            // Writing to a String cannot fail.
            let _ = write!(message, "{name}: x\r\n");
        }
    }
    message.push_str("\r\n");
    let kept = RefCell::new(Extensions::new());
    let io = TokioIo::new(tokio::io::join(message.as_bytes(), tokio::io::sink()));
    let keep = service_fn(|request: http::Request<hyper::body::Incoming>| {
        *kept.borrow_mut() = request.extensions().clone();
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
            Empty::<Bytes>::new(),
        )))
    });
    // All input is there at once, so this ends at once; if hyper refused the message, headers
    // would go out in Title-Case, which HTTP holds equal.
    let _ = http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(io, keep)
        .now_or_never();
    kept.into_inner()
}
