use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::{Host, Url};

use crate::scenario::plan::Tls;

/// What to examine, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http`, `https`, `ws` or `wss`; its path names the namespace, its query goes with every
    /// handshake, as in the JS client.
    pub url: Url,
    /// The HTTP path, `/socket.io/` by default.
    pub path: String,
    /// In place of the URL's path.
    pub namespace: Option<String>,
    /// The JSON text of the object that the CONNECT carries.
    pub auth: Option<String>,
    /// The origin of the page, for CORS: scheme, host and port.
    pub origin: Option<String>,
    /// Whom to trust.
    pub tls: Tls,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// For how long connections are held.
    pub watch: Option<Duration>,
    /// An event that the server answers with another.
    pub recovery_event: Option<String>,
    /// Whether values of auth, cookies and headers stand in report and trace.
    pub show_secrets: bool,
}

/// An option that cannot be what it should be.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Not of one of the four schemes, or without a host.
    #[error("{0:?} is not an http, https, ws or wss URL with a host")]
    Url(String),
    /// No header.
    #[error("{0:?} is no header: write it as 'Name: value'")]
    Header(String),
    /// No JSON object.
    #[error("--auth takes a JSON object, such as '{{\"token\":\"…\"}}'")]
    Auth,
    /// No origin.
    #[error(
        "{0:?} is no origin: write scheme and host as in https://app.example.com, without a path"
    )]
    Origin(String),
    /// A path or namespace that does not begin with a slash.
    #[error("{0:?} must begin with a slash")]
    Slash(String),
}

impl Options {
    /// The path by default.
    pub const PATH: &str = "/socket.io/";

    /// The options for a URL, everything else as by default. A URL without scheme is `http`.
    ///
    /// # Errors
    /// If it names no server.
    pub fn new(url: &str) -> Result<Self, OptionsError> {
        let wrong = || OptionsError::Url(url.to_owned());
        let whole = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let parsed = Url::parse(&whole).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https" | "ws" | "wss") || !parsed.has_host() {
            return Err(wrong());
        }
        Ok(Self {
            url: parsed,
            path: Self::PATH.to_owned(),
            namespace: None,
            auth: None,
            origin: None,
            tls: Tls::default(),
            headers: Vec::new(),
            watch: None,
            recovery_event: None,
            show_secrets: false,
        })
    }

    /// Adds a header as curl takes it, `Name: value`.
    ///
    /// # Errors
    /// If it breaks HTTP.
    pub fn add_header(&mut self, header: &str) -> Result<(), OptionsError> {
        let wrong = || OptionsError::Header(header.to_owned());
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        HeaderName::try_from(name).map_err(|_| wrong())?;
        HeaderValue::try_from(value).map_err(|_| wrong())?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Sets what the CONNECT carries.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn set_auth(&mut self, json: &str) -> Result<(), OptionsError> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|_| OptionsError::Auth)?;
        self.auth = Some(serde_json::Value::from(object).to_string());
        Ok(())
    }

    /// Sets the path; with `add_trailing_slash` it ends with a slash, as the JS client has it by
    /// default.
    ///
    /// # Errors
    /// If it does not begin with a slash.
    pub fn set_path(&mut self, path: &str, add_trailing_slash: bool) -> Result<(), OptionsError> {
        if !path.starts_with('/') {
            return Err(OptionsError::Slash(path.to_owned()));
        }
        let bare = path.strip_suffix('/').unwrap_or(path);
        self.path = match add_trailing_slash {
            true => format!("{bare}/"),
            false => bare.to_owned(),
        };
        Ok(())
    }

    /// Sets the origin of the page. A slash at its end is left out, as browsers send none.
    ///
    /// # Errors
    /// If it is more or less than scheme, host and port.
    pub fn set_origin(&mut self, origin: &str) -> Result<(), OptionsError> {
        let wrong = || OptionsError::Origin(origin.to_owned());
        let bare = origin.strip_suffix('/').unwrap_or(origin);
        // What pages without an origin send, such as those of files.
        if bare == "null" {
            self.origin = Some(bare.to_owned());
            return Ok(());
        }
        let url = Url::parse(bare).map_err(|_| wrong())?;
        let is_bare = matches!(url.path(), "" | "/")
            && !bare.contains(['?', '#'])
            && url.username().is_empty()
            && url.password().is_none();
        let rest = bare.split_once("://").map_or("", |(_, rest)| rest);
        if !url.has_host() || !is_bare || rest.contains('/') {
            return Err(wrong());
        }
        self.origin = Some(bare.to_owned());
        Ok(())
    }

    /// The query of the URL without the keys that the engine itself sets, which win.
    #[must_use]
    pub fn query(&self) -> String {
        let own = |pair: &&str| {
            let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
            !matches!(name, "EIO" | "transport" | "sid" | "t" | "b64")
        };
        let query = self.url.query().unwrap_or_default();
        let pairs: Vec<&str> = query.split('&').filter(own).collect();
        pairs.join("&")
    }

    /// Whether the URL carries a user or a password, which clients leave out of their requests.
    #[must_use]
    pub fn has_userinfo(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// Sets the namespace.
    ///
    /// # Errors
    /// If it does not begin with a slash.
    pub fn set_namespace(&mut self, namespace: &str) -> Result<(), OptionsError> {
        if !namespace.starts_with('/') {
            return Err(OptionsError::Slash(namespace.to_owned()));
        }
        self.namespace = Some(namespace.to_owned());
        Ok(())
    }

    /// The namespace that is connected to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        let path = self.url.path();
        match &self.namespace {
            Some(namespace) => namespace,
            None if path.is_empty() => "/",
            None => path,
        }
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.url.scheme(), "https" | "wss")
    }

    /// Whether the URL names this machine, which browsers trust without TLS.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// The port that is connected to.
    #[must_use]
    pub fn port(&self) -> u16 {
        // All four schemes have a default.
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// `host[:port]` as the Host header has it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// `scheme://host[:port]` of HTTP.
    #[must_use]
    pub fn base(&self) -> String {
        let scheme = if self.is_secure() { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_url_is_the_namespace_unless_one_is_given() {
        let mut options = Options::new("localhost:3000/admin?token=x").unwrap();
        assert_eq!(options.namespace(), "/admin");
        assert_eq!(options.base(), "http://localhost:3000");
        options.set_namespace("/other").unwrap();
        assert_eq!(options.namespace(), "/other");
        assert_eq!(Options::new("wss://example.com").unwrap().namespace(), "/");
    }

    #[test]
    fn what_is_wrong_on_the_command_line_is_told() {
        assert!(Options::new("ftp://example.com").is_err());
        assert!(Options::new("http://").is_err());
        let mut options = Options::new("http://example.com").unwrap();
        assert!(options.set_auth("[1]").is_err());
        assert!(options.add_header("no colon").is_err());
        assert!(options.set_path("socket.io", true).is_err());
        options.set_path("/x", true).unwrap();
        assert_eq!(options.path, "/x/");
        options.set_path("/x/", false).unwrap();
        assert_eq!(options.path, "/x");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_no_more() {
        let mut options = Options::new("http://example.com").unwrap();
        for good in ["https://a.example", "https://a.example:8443", "null"] {
            options.set_origin(good).unwrap();
            assert_eq!(options.origin.as_deref(), Some(good));
        }
        options.set_origin("https://a.example/").unwrap();
        assert_eq!(options.origin.as_deref(), Some("https://a.example"));
        for bad in [
            "a.example",
            "https://a.example/app",
            "https://a.example?x",
            "https://u@a.example",
            "app",
        ] {
            assert!(options.set_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_the_engine_in_the_url_are_those_of_the_engine() {
        let url = "ws://example.com/socket.io/?EIO=4&token=x&transport=websocket&sid=1";
        assert_eq!(Options::new(url).unwrap().query(), "token=x");
        assert!(
            Options::new("http://u:p@example.com")
                .unwrap()
                .has_userinfo()
        );
    }
}
