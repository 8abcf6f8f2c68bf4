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
