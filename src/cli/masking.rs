//! Takes secrets out of a command line before it is written into results.

/// Values of these flags never reach results.
const SECRET_FLAGS: [&str; 2] = ["--proxy", "-x"];

/// Settings whose path has one of these words in it never reach results.
const SECRET_WORDS: [&str; 8] = [
    "auth", "header", "cookie", "token", "secret", "password", "query", "env",
];

/// The command line with every value that may be secret replaced by `***`.
pub(super) fn mask(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut masked = Vec::new();
    let mut flag: Option<String> = None;
    for argument in arguments {
        let shown = match (&flag, argument.split_once('=')) {
            (Some(flag), _) => mask_value(flag, &argument),
            (None, Some((name, value))) if name.starts_with("--") => {
                format!("{name}={}", mask_value(name, value))
            }
            (None, _) => argument.clone(),
        };
        let takes_value =
            flag.is_none() && ["--set", "--url", "--proxy", "-x"].contains(&&*argument);
        flag = takes_value.then_some(argument);
        masked.push(shown);
    }
    masked
}

fn mask_value(flag: &str, value: &str) -> String {
    match flag {
        "--set" => match value.split_once('=') {
            Some((path, _)) if is_secret(path) => format!("{path}=***"),
            Some(_) | None => value.to_owned(),
        },
        "--url" => mask_url(value),
        flag if SECRET_FLAGS.contains(&flag) => mask_url(value),
        _ => value.to_owned(),
    }
}

fn is_secret(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| path.contains(word))
}

/// Credentials and query of a URL may be secret, its host and path are not.
fn mask_url(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return "***".to_owned();
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if has_credentials && (url.set_username("***").is_err() || url.set_password(None).is_err()) {
        return "***".to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> String {
        mask(line.split(' ').map(str::to_owned)).join(" ")
    }

    #[test]
    fn what_may_be_secret_is_replaced_and_the_rest_stays() {
        assert_eq!(
            masked("sio-load run a.toml --set target.auth.token=x --clients 5 --set seed=3"),
            "sio-load run a.toml --set target.auth.token=*** --clients 5 --set seed=3"
        );
        assert_eq!(
            masked("run a.toml --set=clients.web.headers.x=y --url=http://u:p@h/a?t=1"),
            "run a.toml --set=clients.web.headers.x=*** --url=http://***@h/a?***"
        );
        assert_eq!(
            masked("run -x http://u:p@proxy:1/"),
            "run -x http://***@proxy:1/"
        );
    }
}
