//! What may be secret in a flag's value or a scenario's, masked wherever it is shown or stored.

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// A setting with one of these words in it may hold a secret.
const SECRET_WORDS: [&str; 8] = [
    "auth", "header", "cookie", "token", "secret", "password", "query", "env",
];

/// A header or a variable whose name has one of these words in it holds a secret.
const SECRET_NAMES: [&str; 7] = [
    "auth", "cookie", "token", "secret", "password", "key", "session",
];

/// Whether what goes by this name, as a header or a variable of the environment, is a secret.
#[must_use]
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// The value of `--set`, `path.to.key=value`, without what may be secret.
#[must_use]
pub fn mask_setting(setting: &str) -> String {
    let Some((path, value)) = setting.split_once('=') else {
        return setting.to_owned();
    };
    let words = setting.to_ascii_lowercase();
    if SECRET_WORDS.iter().any(|word| words.contains(word)) {
        return format!("{path}={MASK}");
    }
    if value.contains("://") {
        return format!("{path}={}", mask_url(value.trim_matches(['"', '\''])));
    }
    setting.to_owned()
}

/// A URL without its credentials and its query; its host and path are no secrets.
#[must_use]
pub fn mask_url(text: &str) -> String {
    if !text.contains(['@', '?']) {
        return text.to_owned();
    }
    // Without a scheme it may be all credentials, as `user:password@host` is.
    let url = url::Url::parse(text).ok();
    let Some(mut url) = url.filter(|url| !url.cannot_be_a_base()) else {
        return MASK.to_owned();
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if has_credentials && (url.set_username(MASK).is_err() || url.set_password(None).is_err()) {
        return MASK.to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some(MASK));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_lose_their_secrets_and_keep_the_rest() {
        for (setting, shown) in [
            ("target.auth.token=x", "target.auth.token=***"),
            ("target={auth={a=\"x\"}}", "target=***"),
            ("target.url=http://u:p@h/", "target.url=http://***@h/"),
            (
                "target.proxy=\"http://u:p@h/\"",
                "target.proxy=http://***@h/",
            ),
            ("clients.web.count=5", "clients.web.count=5"),
            ("duration", "duration"),
        ] {
            assert_eq!(mask_setting(setting), shown);
        }
    }

    #[test]
    fn a_name_tells_what_is_secret() {
        for name in [
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "x-auth-token",
            "DB_PASSWORD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["x-plain", "User-Agent", "PORT", "NODE_ENV"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn urls_lose_credentials_and_query() {
        for (url, shown) in [
            ("http://u:p@h:1/a?t=1", "http://***@h:1/a?***"),
            ("http://h/a", "http://h/a"),
            ("u:p@h:1", "***"),
            ("//u:p@h", "***"),
            ("localhost:3000", "localhost:3000"),
        ] {
            assert_eq!(mask_url(url), shown, "{url}");
        }
    }
}
