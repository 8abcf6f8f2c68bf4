//! Takes secrets out of a command line before it is written into results.

use crate::scenario::secret::{mask_setting, mask_url};

/// Flags whose value is a setting of the scenario.
const SETTINGS: [&str; 3] = ["--set", "--base-set", "--new-set"];

/// The command line with every value that may be secret replaced by `***`.
pub(super) fn mask(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut masked = Vec::new();
    let mut follows_set = false;
    for argument in arguments {
        let attached = SETTINGS.iter().find_map(|flag| {
            let setting = argument.strip_prefix(flag)?.strip_prefix('=')?;
            Some(format!("{flag}={}", mask_setting(setting)))
        });
        masked.push(match attached {
            _ if follows_set => mask_setting(&argument),
            Some(attached) => attached,
            None => mask_urls(&argument),
        });
        follows_set = !follows_set && SETTINGS.contains(&argument.as_str());
    }
    masked
}

/// Whatever the flag, and whether its value is attached to it: `--url=…`, `-xhttp://…`.
fn mask_urls(argument: &str) -> String {
    let Some(scheme_end) = argument.find("://") else {
        return argument.to_owned();
    };
    let scheme_start = ["http", "https", "ws", "wss"]
        .iter()
        .filter(|scheme| argument[..scheme_end].ends_with(*scheme))
        .map(|scheme| scheme_end - scheme.len())
        .min()
        .unwrap_or(0);
    let (flag, url) = argument.split_at(scheme_start);
    format!("{flag}{}", mask_url(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> String {
        mask(line.split(' ').map(str::to_owned)).join(" ")
    }

    #[test]
    fn what_may_be_secret_is_replaced_and_the_rest_stays() {
        for (line, shown) in [
            (
                "sio-load run a.toml --set target.auth.token=x --clients 5 --set seed=3",
                "sio-load run a.toml --set target.auth.token=*** --clients 5 --set seed=3",
            ),
            (
                "run a.toml --set=clients.web.headers.x=y --url=http://u:p@h/a?t=1",
                "run a.toml --set=clients.web.headers.x=*** --url=http://***@h/a?***",
            ),
            (
                "ab a.toml --new-set target.auth.token=x --base-set=target.auth.token=y",
                "ab a.toml --new-set target.auth.token=*** --base-set=target.auth.token=***",
            ),
            ("run -x https://u:p@h:1/", "run -x https://***@h:1/"),
            ("run -kxhttp://u:p@h:1/", "run -kxhttp://***@h:1/"),
            (
                "run --set --set --url http://h/",
                "run --set --set --url http://h/",
            ),
        ] {
            assert_eq!(masked(line), shown);
        }
    }
}
