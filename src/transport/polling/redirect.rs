use http::header::LOCATION;
use http::{HeaderValue, Uri};
use url::Url;

use super::answer::Answer;
use crate::transport::dialer::{Dialer, Target};

/// How often a request is sent elsewhere before the redirect itself is its answer; browsers stop
/// at 20.
pub(super) const LIMIT: u8 = 20;

/// Another place to ask.
pub(super) struct Redirect {
    pub(super) target: Target,
    pub(super) host: HeaderValue,
    pub(super) uri: Uri,
    pub(super) url: Url,
    /// 303 says to fetch the answer with GET.
    pub(super) becomes_get: bool,
}

impl Redirect {
    /// The way to a URL; nothing if there is none.
    pub(super) fn to(url: Url, dialer: &Dialer) -> Option<Self> {
        let target = dialer.target_of(&url)?;
        Some(Self {
            host: HeaderValue::try_from(target.authority()).ok()?,
            target,
            uri: uri_of(&url)?,
            url,
            becomes_get: false,
        })
    }
}

pub(super) fn uri_of(url: &Url) -> Option<Uri> {
    let uri = match url.query() {
        Some(query) => Uri::try_from(format!("{}?{query}", url.path())),
        None => Uri::try_from(url.path()),
    };
    uri.ok()
}

/// Where the response to an application's request leads, as browsers follow it: within its origin,
/// and with GET where they change to it.
pub(super) fn of_application(
    answer: &Answer,
    from: &Url,
    is_post: bool,
    dialer: &Dialer,
) -> Option<Redirect> {
    let becomes_get = match answer.status {
        301 | 302 => is_post,
        303 => true,
        307 | 308 => false,
        _ => return None,
    };
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    let url = from.join(location).ok()?;
    if url.origin() != from.origin() {
        return None;
    }
    let redirect = Redirect::to(url, dialer)?;
    Some(Redirect {
        becomes_get,
        ..redirect
    })
}

/// Where a response leads, if it is one of the redirects that the JS client on Node follows:
/// 302, 303 and 307, but neither 301 nor 308.
pub(super) fn read(answer: &Answer, from: &Url, dialer: &Dialer) -> Option<Redirect> {
    let becomes_get = match answer.status {
        302 | 307 => false,
        303 => true,
        _ => return None,
    };
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    let url = from.join(location).ok()?;
    let target = dialer.target_of(&url)?;
    let uri = match url.query() {
        Some(query) => Uri::try_from(format!("{}?{query}", url.path())),
        None => Uri::try_from(url.path()),
    };
    Some(Redirect {
        host: HeaderValue::try_from(target.authority()).ok()?,
        target,
        uri: uri.ok()?,
        url,
        becomes_get,
    })
}
