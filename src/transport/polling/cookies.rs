use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::{HeaderMap, SET_COOKIE};

use crate::clock;
use crate::limits;

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
            if text.len() > limits::COOKIE {
                continue;
            }
            let Some(cookie) = text.to_str().ok().and_then(|t| parse(t, clock::wall_now())) else {
                continue;
            };
            match self.0.iter_mut().find(|known| known.name == cookie.name) {
                Some(known) => *known = cookie,
                None => self.0.push(cookie),
            }
        }
        // The oldest go first, as in browsers.
        let surplus = self.0.len().saturating_sub(limits::COOKIES);
        self.0.drain(..surplus);
    }

    /// The `Cookie` header of the next request; nothing if there is no cookie.
    pub(super) fn header(&mut self) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let now = clock::wall_now();
        self.0
            .retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
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
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        let is = |known| key.trim().eq_ignore_ascii_case(known);
        // What cannot be read must not keep a cookie that was to be deleted.
        if is("expires") {
            expires = http_date(value.trim()).or(Some(SystemTime::UNIX_EPOCH));
        } else if is("max-age") {
            expires = max_age(value.trim(), now).or(Some(SystemTime::UNIX_EPOCH));
        }
    }
    Some(Cookie {
        name: name.into(),
        value: value.into(),
        expires,
    })
}

/// Nothing if it is no number above zero, for `parseInt`.
fn max_age(text: &str, now: SystemTime) -> Option<SystemTime> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let seconds: u64 = text[..digits.unwrap_or(text.len())].parse().ok()?;
    now.checked_add(Duration::from_secs(seconds))
        .filter(|expires| *expires > now)
}

/// The dates that servers write: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
/// `Sun Nov  6 08:49:37 1994`, `1994-11-06T08:49:37Z`.
fn http_date(text: &str) -> Option<SystemTime> {
    let (_weekday, date) = text.split_once(',').unwrap_or(("", text));
    let date = date.trim().replace('-', " ").replace("UTC", "GMT");
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let at = parser
        .parse_timestamp(&date)
        .or_else(|_| text.parse::<jiff::Timestamp>())
        .or_else(|_| {
            let asctime = jiff::civil::DateTime::strptime("%a %b %e %H:%M:%S %Y", text)?;
            asctime
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|at| at.timestamp())
        });
    Some(at.ok()?.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_jar_keeps_the_latest_of_too_many_cookies_and_none_that_is_too_long() {
        let many: Vec<String> = (0..limits::COOKIES + 2)
            .map(|n| format!("c{n}=1"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let header = sent(&many).unwrap();
        assert!(header.starts_with("c2=1; ") && header.ends_with("c181=1"));
        assert_eq!(sent(&[&format!("a={}", "x".repeat(limits::COOKIE))]), None);
    }

    #[test]
    fn an_expired_cookie_is_not_sent() {
        assert_eq!(sent(&["a=1; Max-Age=-1"]), None);
        assert_eq!(sent(&["a=1; Max-Age=0"]), None);
        assert_eq!(sent(&["a=1; max-age=soon"]), None);
        assert_eq!(sent(&["a=1; expires=never"]), None);
        assert_eq!(sent(&["a=1; max-age=60s"]).as_deref(), Some("a=1"));
        assert_eq!(sent(&["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT"]), None);
        assert_eq!(sent(&["a=1; Expires=Wed, 21-Oct-2015 07:28:00 GMT"]), None);
        assert_eq!(sent(&["a=1; Max-Age=60"]).as_deref(), Some("a=1"));
    }

    #[test]
    fn a_date_to_come_is_read_in_every_form_that_servers_write() {
        for date in [
            "Wed, 21 Oct 2099 07:28:00 GMT",
            "Wed, 21-Oct-2099 07:28:00 GMT",
            "Wednesday, 21-Oct-2099 07:28:00 UTC",
            "21 Oct 2099 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2099",
            "2099-10-21T07:28:00Z",
        ] {
            let cookie = format!("a=1; Expires={date}");
            assert_eq!(sent(&[&cookie]).as_deref(), Some("a=1"), "{date}");
        }
    }

    #[test]
    fn quotes_around_a_value_are_dropped_and_nameless_cookies_ignored() {
        assert_eq!(
            sent(&["a=\"1 2\"", "=3", "loose", "c=\""]).as_deref(),
            Some("a=1 2; c=")
        );
    }

    proptest! {
        #[test]
        fn no_cookie_makes_it_panic(
            text in "[ -~]{0,40}",
            near in "a=\"?[a-z]?\"?(; (Expires|Max-Age|Path)=[A-Za-z0-9 ,:+-]{0,30}){0,3}",
        ) {
            let _ = sent(&[&text, &near]);
        }
    }
}
