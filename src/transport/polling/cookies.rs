use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::{HeaderMap, SET_COOKIE};

use crate::clock;

/// The cookies of one client, as the reference client's jar keeps them (`globals.node.ts`): by
/// name alone, whatever their Domain, Path and Secure say.
#[derive(Debug, Default)]
pub(in crate::transport) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: Box<str>,
    value: Box<str>,
    expires: Option<SystemTime>,
}

impl Jar {
    /// Takes over the cookies that a response sets.
    pub(super) fn fill(&mut self, headers: &HeaderMap) {
        for text in headers.get_all(SET_COOKIE) {
            let Some(cookie) = text.to_str().ok().and_then(|t| parse(t, clock::wall_now())) else {
                continue;
            };
            match self.0.iter_mut().find(|known| known.name == cookie.name) {
                Some(known) => *known = cookie,
                None => self.0.push(cookie),
            }
        }
    }

    /// The `Cookie` header of the next request; nothing if there is no cookie.
    pub(super) fn header(&mut self) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let now = clock::wall_now();
        self.0
            .retain(|cookie| cookie.expires.is_none_or(|expires| expires >= now));
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::try_from(pairs.join("; ")).ok()
    }
}

fn parse(text: &str, now: SystemTime) -> Option<Cookie> {
    let mut parts = text.split("; ");
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return None;
    }
    let value = match value.strip_prefix('"') {
        // The reference cuts the last character, whatever it is.
        Some(rest) => rest.strip_suffix(|_| true).unwrap_or(rest),
        None => value,
    };
    let mut expires = None;
    for part in parts {
        match part.split_once('=').map(|(k, v)| (k.trim(), v.trim())) {
            Some(("Expires", date)) => expires = http_date(date).or(expires),
            Some(("Max-Age", seconds)) => expires = max_age(seconds, now).or(expires),
            Some(_) | None => {}
        }
    }
    Some(Cookie {
        name: name.into(),
        value: value.into(),
        expires,
    })
}

fn max_age(seconds: &str, now: SystemTime) -> Option<SystemTime> {
    let seconds: i64 = seconds.parse().ok()?;
    let length = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        now.checked_sub(length)
    } else {
        now.checked_add(length)
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, with spaces or the older dashes.
fn http_date(text: &str) -> Option<SystemTime> {
    let text = text.replace('-', " ");
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(&text)
        .ok()?;
    Some(at.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(cookies: &[&str]) -> Jar {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        let mut jar = Jar::default();
        jar.fill(&headers);
        jar
    }

    fn sent(cookies: &[&str]) -> Option<String> {
        let header = jar(cookies).header()?;
        Some(header.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_later_cookie_replaces_one_of_the_same_name_in_place() {
        let cookies = [
            "a=1; Path=/x; HttpOnly",
            "b=2; Secure",
            "a=3; Domain=other.test",
        ];
        assert_eq!(sent(&cookies).as_deref(), Some("a=3; b=2"));
    }

    #[test]
    fn an_expired_cookie_is_not_sent() {
        assert_eq!(sent(&["a=1; Max-Age=-1"]), None);
        assert_eq!(sent(&["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT"]), None);
        assert_eq!(sent(&["a=1; Expires=Wed, 21-Oct-2015 07:28:00 GMT"]), None);
        assert_eq!(sent(&["a=1; Max-Age=60"]).as_deref(), Some("a=1"));
        assert_eq!(
            sent(&["a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT"]).as_deref(),
            Some("a=1")
        );
    }

    #[test]
    fn quotes_around_a_value_are_dropped_and_nameless_cookies_ignored() {
        assert_eq!(
            sent(&["a=\"1 2\"", "=3", "loose", "c=\""]).as_deref(),
            Some("a=1 2; c=")
        );
    }
}
