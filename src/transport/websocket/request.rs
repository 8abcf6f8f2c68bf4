use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, HOST};
use http::{HeaderName, HeaderValue};

use super::deflate::OFFER;
use crate::scenario::plan::Profile;
use crate::transport::polling::{BROWSER_AGENT, is_framing};
use crate::transport::settings::Settings;

/// A handshake as bytes.
///
/// As `ws` or a browser sends it.
pub(in crate::transport) struct HandshakeRequest {
    pub(super) head: Vec<u8>,
    /// The value of `Sec-WebSocket-Key`.
    pub(super) key: String,
    pub(super) offers_compression: bool,
}

impl HandshakeRequest {
    /// The headers of the user are for the `node` profile alone: scripts in browsers can set none.
    pub(in crate::transport) fn new(
        settings: &Settings,
        path_and_query: &str,
        user: &[(HeaderName, HeaderValue)],
        cookie: Option<HeaderValue>,
    ) -> Self {
        let mut nonce = [0; 16];
        fastrand::fill(&mut nonce);
        let key = STANDARD.encode(nonce);
        let mut lines = Lines(Vec::with_capacity(384));
        lines.push(&["GET ", path_and_query, " HTTP/1.1"]);
        match settings.profile {
            Profile::Node => {
                lines.push_user(settings, user, cookie);
                lines.push_node(settings, &key, user.iter().any(|(name, _)| *name == HOST));
            }
            Profile::Browser => {
                lines.push_browser(settings);
                if let Some(cookie) = cookie {
                    lines.push_header("Cookie", &cookie);
                }
                lines.push(&["Sec-WebSocket-Key: ", &key]);
                lines.push_offer(settings);
            }
        }
        lines.push(&[]);
        Self {
            head: lines.0,
            key,
            offers_compression: settings.compression,
        }
    }
}

/// A head, line by line.
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
        self.0.extend_from_slice(b"\r\n");
    }

    fn push_header(&mut self, name: &str, value: &HeaderValue) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    /// The cookies of the jar come in the place of the user's header, and behind its own if the
    /// user spells it in lower case, as the reference client has it (`websocket.node.ts`).
    fn push_user(
        &mut self,
        settings: &Settings,
        user: &[(HeaderName, HeaderValue)],
        mut cookie: Option<HeaderValue>,
    ) {
        for (name, value) in user.iter().filter(|(name, _)| !is_framing(name)) {
            let spelled = settings.spelled(name).unwrap_or(name.as_str());
            match cookie.take_if(|_| *name == COOKIE) {
                None => self.push_header(spelled, value),
                Some(jar) if spelled == "cookie" => self.push_cookies(&[value, &jar]),
                Some(jar) => self.push_cookies(&[&jar]),
            }
        }
        if let Some(jar) = cookie {
            self.push_cookies(&[&jar]);
        }
    }

    fn push_cookies(&mut self, cookies: &[&HeaderValue]) {
        self.0.extend_from_slice(b"cookie: ");
        for (place, cookie) in cookies.iter().enumerate() {
            if place > 0 {
                self.0.extend_from_slice(b"; ");
            }
            self.0.extend_from_slice(cookie.as_bytes());
        }
        self.0.extend_from_slice(b"\r\n");
    }

    /// In the order of `ws` on Node's http module, which takes a `Host` of the user for its own.
    fn push_node(&mut self, settings: &Settings, key: &str, has_host: bool) {
        self.push(&["Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ", key]);
        self.push(&["Connection: Upgrade\r\nUpgrade: websocket"]);
        self.push_offer(settings);
        if !has_host {
            self.push_header("Host", &settings.host);
        }
    }

    fn push_offer(&mut self, settings: &Settings) {
        if settings.compression {
            self.push(&["Sec-WebSocket-Extensions: ", OFFER]);
        }
    }

    /// In the order of Chromium.
    fn push_browser(&mut self, settings: &Settings) {
        self.push_header("Host", &settings.host);
        self.push(&["Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache"]);
        self.push_header("User-Agent", &BROWSER_AGENT);
        self.push(&["Upgrade: websocket"]);
        self.push_header("Origin", &settings.origin);
        self.push(&["Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip"]);
    }
}
