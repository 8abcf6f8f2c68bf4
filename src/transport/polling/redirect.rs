use http::header::LOCATION;
use http::{HeaderValue, Uri};
use url::Url;

use super::Method;
use super::answer::Answer;
use crate::scenario::plan::Profile;
use crate::transport::dialer::{Dialer, Target};
use crate::transport::settings::Settings;

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

/// The rules by which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// Those of the platform's long-polling transport.
    OfEngine(Profile),
    /// Those of browsers, for requests that a scenario's steps make.
    OfApplication,
}

/// Where a response leads, if the platform follows it and the scenario lets it.
///
/// The JS client on Node follows 302, 303 and 307, but neither 301 nor 308. A browser follows all
/// five; a POST becomes a GET on 301, 302 and 303 (Fetch standard, section 4.4). Another origin than
/// the target's must be listed in the scenario: load must not reach third parties. A step's request
/// may also be redirected within the origin that the scenario sent it to.
pub(super) fn read(
    answer: &Answer,
    from: &Url,
    (method, follows): (Method, Follows),
    settings: &Settings,
) -> Option<Redirect> {
    let profile = match follows {
        Follows::OfEngine(profile) => profile,
        Follows::OfApplication => Profile::Browser,
    };
    let becomes_get = match (profile, answer.status) {
        (Profile::Node, 302 | 307) | (Profile::Browser, 307 | 308) => false,
        (Profile::Node | Profile::Browser, 303) => true,
        (Profile::Browser, 301 | 302) => method == Method::Post,
        (Profile::Node | Profile::Browser, _) => return None,
    };
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    let url = from.join(location).ok()?;
    let dialer = &settings.dialer;
    let target = dialer.target_of(&url)?;
    let is_listed = settings
        .redirects
        .iter()
        .any(|origin| *origin == target.origin());
    let stays = follows == Follows::OfApplication && url.origin() == from.origin();
    if target.origin() != dialer.target().origin() && !is_listed && !stays {
        return None;
    }
    let redirect = Redirect::to(url, dialer)?;
    Some(Redirect {
        becomes_get,
        ..redirect
    })
}
