//! The heads of requests, byte for byte as each platform sends them.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderName, HeaderValue, Uri};

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

/// What one request is made from.
pub(super) struct Head<'a> {
    pub(super) method: Method,
    pub(super) uri: &'a Uri,
    pub(super) host: &'a HeaderValue,
    pub(super) body: &'a Bytes,
    pub(super) octet_stream: bool,
    /// Of an application's request.
    pub(super) content_type: Option<&'a HeaderValue>,
    pub(super) user: &'a [(HeaderName, HeaderValue)],
    pub(super) cookie: Option<HeaderValue>,
}

impl Head<'_> {
    /// The request as the population's platform sends it, its body included.
    pub(super) fn into_bytes(self, settings: &Settings) -> Vec<u8> {
        let headers = match settings.profile {
            Profile::Node => self.node_headers(),
            Profile::Browser => self.browser_headers(&settings.origin),
        };
        let target = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut bytes = Vec::with_capacity(target.len() + self.body.len() + 320);
        bytes.extend_from_slice(self.method.name().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(target.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in &headers.0 {
            push_name(&mut bytes, name, settings);
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body);
        bytes
    }

    /// In the order of xmlhttprequest-ssl on Node's http module.
    fn node_headers(&self) -> Headers {
        let mut headers = Headers::with_room_for(self.user.len());
        headers.set(&USER_AGENT, NODE_AGENT);
        headers.set(&ACCEPT, ANYTHING);
        self.add_user(&mut headers);
        if self.has_body() {
            self.add_content_type(&mut headers);
        }
        self.add_cookie(&mut headers);
        headers.set(&HOST, self.host.clone());
        if self.has_body() {
            headers.set(&CONTENT_LENGTH, self.body.len().into());
        }
        headers.set(&CONNECTION, CLOSE);
        headers
    }

    /// In the order of Chromium.
    fn browser_headers(&self, origin: &HeaderValue) -> Headers {
        let mut headers = Headers::with_room_for(self.user.len());
        headers.set(&HOST, self.host.clone());
        headers.set(&CONNECTION, KEEP_ALIVE);
        if self.has_body() {
            headers.set(&CONTENT_LENGTH, self.body.len().into());
        }
        headers.set(&USER_AGENT, BROWSER_AGENT);
        headers.set(&ACCEPT, ANYTHING);
        if self.has_body() {
            self.add_content_type(&mut headers);
        }
        headers.set(&ORIGIN, origin.clone());
        headers.set(&ACCEPT_ENCODING, GZIP);
        self.add_user(&mut headers);
        self.add_cookie(&mut headers);
        headers
    }

    /// Whether a length is told.
    fn has_body(&self) -> bool {
        match self.method {
            Method::Get => false,
            Method::Post | Method::Put | Method::Patch => true,
            Method::Delete => !self.body.is_empty(),
        }
    }

    /// Unless the user set one.
    fn add_content_type(&self, headers: &mut Headers) {
        if let Some(content_type) = self.content_type {
            if !headers.has(&CONTENT_TYPE) {
                headers.set(&CONTENT_TYPE, content_type.clone());
            }
        } else if !headers.has(&CONTENT_TYPE) && self.method == Method::Post {
            headers.set(
                &CONTENT_TYPE,
                if self.octet_stream {
                    OCTET_STREAM
                } else {
                    TEXT
                },
            );
        }
    }

    /// A header of the user replaces ours of the same name.
    fn add_user(&self, headers: &mut Headers) {
        for (name, value) in self.user.iter().filter(|(name, _)| !is_framing(name)) {
            headers.set(name, value.clone());
        }
    }

    /// The cookies of the jar replace the user's.
    fn add_cookie(&self, headers: &mut Headers) {
        if let Some(cookie) = &self.cookie {
            headers.set(&COOKIE, cookie.clone());
        }
    }
}

/// Headers in the order in which they go out.
struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    fn with_room_for(user: usize) -> Self {
        Self(Vec::with_capacity(10 + user))
    }

    /// Adds a header, or gives one that is there another value in its place.
    fn set(&mut self, name: &HeaderName, value: HeaderValue) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.clone(), value)),
        }
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

/// Headers that say where a message ends: not for users to set.
pub(in crate::transport) fn is_framing(name: &HeaderName) -> bool {
    *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING
}

/// As the platform spells it, a header of the user as the user does, and everything else in
/// Title-Case.
fn push_name(bytes: &mut Vec<u8>, name: &HeaderName, settings: &Settings) {
    if *name == CONTENT_TYPE && settings.revision == EngineRevision::V4 {
        bytes.extend_from_slice(b"Content-type");
    } else if *name == COOKIE && settings.profile == Profile::Node {
        bytes.extend_from_slice(b"cookie");
    } else if *name != COOKIE
        && let Some(spelled) = settings.spelled(name)
    {
        bytes.extend_from_slice(spelled.as_bytes());
    } else {
        let mut starts_word = true;
        for byte in name.as_str().bytes() {
            bytes.push(if starts_word {
                byte.to_ascii_uppercase()
            } else {
                byte
            });
            starts_word = byte == b'-';
        }
    }
}
