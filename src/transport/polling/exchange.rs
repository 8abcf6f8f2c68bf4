use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Uri};
use url::Url;

use super::answer::Answer;
use super::head::Head;
use super::http_connection::{self, HttpConnection};
use super::redirect::{self, Follows, Redirect};
use super::{ApplicationRequest, Method, Request, Response, SharedJar};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::limits;
use crate::scenario::plan::Profile;
use crate::transport::budget::Share;
use crate::transport::dialer::Timings;
use crate::transport::failure;
use crate::transport::link_conditions::LinkConditions;
use crate::transport::settings::Settings;
use crate::transport::socket::TcpSlot;

/// How a request ended.
#[derive(Debug)]
pub struct ExchangeEnd {
    /// Any status is a response; a failure says that there was none. Failures of the exchange
    /// itself stand at stage `open`: a caller that has a session moves them.
    pub result: Result<Response, Failure>,
    /// Of the last connection made for it; nothing if none was, because a kept one was used or
    /// because it failed.
    pub timings: Option<Timings>,
}

/// Who makes a request.
pub(super) struct Asker<'a> {
    pub(super) client: u64,
    pub(super) jar: Option<&'a SharedJar>,
    pub(super) network: Option<&'a Rc<LinkConditions>>,
}

/// A request under way. Dropping it closes its connection.
pub struct Exchange {
    run: Pin<Box<dyn Future<Output = Finished>>>,
    slot: Rc<TcpSlot>,
    left: Option<Box<HttpConnection>>,
}

struct Finished {
    end: ExchangeEnd,
    left: Option<Box<HttpConnection>>,
}

impl Exchange {
    pub(super) fn new(
        settings: &Rc<Settings>,
        asker: &Asker<'_>,
        request: Request<'_>,
        kept: Option<Box<HttpConnection>>,
    ) -> Self {
        let slot = Rc::new(TcpSlot::on(asker.network));
        let job = Job {
            settings: Rc::clone(settings),
            slot: Rc::clone(&slot),
            client: asker.client,
            jar: asker.jar.cloned(),
            method: request.method,
            uri: Uri::try_from(request.path_and_query).ok(),
            body: request.body.unwrap_or_default(),
            octet_stream: request.octet_stream,
            user: request.headers.into(),
            limit: if request.opens {
                limits::HANDSHAKE_BODY
            } else {
                limits::BODY
            },
            share: settings.budget.share(),
            timings: None,
            application: None,
        };
        Self {
            run: Box::pin(job.run(kept)),
            slot,
            left: None,
        }
    }

    pub(super) fn of_application(
        settings: &Rc<Settings>,
        asker: &Asker<'_>,
        (request, elsewhere): (ApplicationRequest, Option<Redirect>),
        kept: Option<Box<HttpConnection>>,
    ) -> Self {
        let slot = Rc::new(TcpSlot::on(asker.network));
        let (body, content_type) = request.body.unzip();
        let job = Job {
            settings: Rc::clone(settings),
            slot: Rc::clone(&slot),
            client: asker.client,
            jar: asker.jar.cloned(),
            method: request.method,
            uri: redirect::uri_of(&request.url),
            body: body.unwrap_or_default(),
            octet_stream: false,
            user: request.headers.into(),
            limit: limits::BODY,
            share: settings.budget.share(),
            timings: None,
            application: Some(Box::new(Application {
                content_type,
                elsewhere,
            })),
        };
        Self {
            run: Box::pin(job.run(kept)),
            slot,
            left: None,
        }
    }

    /// Goes on until there is an answer. Must not be called again after that.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ExchangeEnd> {
        let finished = ready!(self.run.as_mut().poll(cx));
        self.left = finished.left;
        self.slot.set(None);
        Poll::Ready(finished.end)
    }

    /// Its connection, now or once it is made, belongs to a network that is not sound.
    ///
    /// # Errors
    /// If the kernel refuses the filter.
    pub fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.slot.join(network)
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.slot.reset_on_close();
    }

    /// Sends FIN; the answer, or the end of the connection, can still come. A request on a kept
    /// connection that ends without a byte is then sent again on a new one, as browsers do it.
    pub fn fin(&self) {
        self.slot.fin();
    }

    /// What the request holds while it waits, in bytes, beyond its connection.
    #[cfg(test)]
    pub(in crate::transport) fn held_bytes(&self) -> usize {
        size_of_val(&*self.run)
    }

    pub(super) fn into_link(self) -> Option<Box<HttpConnection>> {
        self.left
    }
}

/// Everything that a request needs until its end.
struct Job {
    settings: Rc<Settings>,
    slot: Rc<TcpSlot>,
    client: u64,
    jar: Option<SharedJar>,
    method: Method,
    /// Nothing if it cannot be sent.
    uri: Option<Uri>,
    body: Bytes,
    octet_stream: bool,
    user: Box<[(HeaderName, HeaderValue)]>,
    /// Longest body of a 200, in bytes.
    limit: usize,
    share: Share,
    timings: Option<Timings>,
    /// Nothing for a request of Engine.IO.
    application: Option<Box<Application>>,
}

/// What the request of an application has beyond one of Engine.IO.
struct Application {
    content_type: Option<HeaderValue>,
    /// Where it begins, if not at the target.
    elsewhere: Option<Redirect>,
}

/// What a header adds to the body of an answer for whoever has to understand it: where a redirect
/// leads, and how to authenticate.
fn noted(answer: &Answer) -> Option<Box<str>> {
    let (name, header) = match answer.status {
        300..=399 => ("redirects to", answer.headers.get(LOCATION)?),
        401 => ("asks for", answer.headers.get(WWW_AUTHENTICATE)?),
        _ => return None,
    };
    Some(format!("{name} {}", String::from_utf8_lossy(header.as_bytes())).into())
}

impl Job {
    async fn run(mut self, kept: Option<Box<HttpConnection>>) -> Finished {
        match self.follow(kept).await {
            Ok((response, left)) => Finished {
                end: ExchangeEnd {
                    result: Ok(response),
                    timings: self.timings,
                },
                left,
            },
            Err(failure) => Finished {
                end: ExchangeEnd {
                    result: Err(failure),
                    timings: self.timings,
                },
                left: None,
            },
        }
    }

    /// Asks, and asks elsewhere for as long as the answers say so.
    async fn follow(
        &mut self,
        kept: Option<Box<HttpConnection>>,
    ) -> Result<(Response, Option<Box<HttpConnection>>), Failure> {
        let mut uri = self.uri.take().ok_or_else(|| {
            Failure::new(Stage::Open, Cause::ProtocolViolation, Origin::Scenario)
                .with_message("the path or query breaks HTTP")
        })?;
        let mut elsewhere: Option<Box<Redirect>> = self
            .application
            .as_mut()
            .and_then(|application| application.elsewhere.take())
            .map(Box::new);
        let mut kept = kept;
        for asked in 0..=redirect::LIMIT {
            let (answer, link) = self.ask(&uri, elsewhere.as_deref(), kept.take()).await?;
            if let Some(jar) = &self.jar {
                jar.borrow_mut().fill(&answer.headers);
            }
            if asked < redirect::LIMIT
                && let Some(next) = self.redirect(&answer, &uri, elsewhere.as_deref())
            {
                if next.becomes_get {
                    self.method = Method::Get;
                    self.body = Bytes::new();
                    if let Some(application) = &mut self.application {
                        application.content_type = None;
                    }
                }
                uri = next.uri.clone();
                elsewhere = Some(Box::new(next));
                continue;
            }
            let status = answer.status;
            let note = noted(&answer);
            let headers = self
                .application
                .is_some()
                .then(|| Box::new(answer.headers.clone()));
            let body = match self.settings.profile {
                Profile::Browser => http_connection::decoded(answer, self.limit, &mut self.share)?,
                // The reference client on Node asks for no compression, and undoes none.
                Profile::Node => answer.body,
            };
            if failure::wants_tls(status, &body) {
                return Err(failure::tls_required().with_status(status));
            }
            let share = std::mem::replace(&mut self.share, self.settings.budget.share());
            let body = share
                .charge(body)
                .map_err(|exhausted| failure::too_large(&exhausted.to_string()))?;
            // A connection to another server than the target is of no use later.
            let left = link.filter(|_| elsewhere.is_none());
            let response = Response {
                status,
                body,
                headers,
                note,
            };
            return Ok((response, left));
        }
        unreachable!("the last answer is returned whatever it is")
    }

    /// One request and its answer; a kept connection that the server had closed is replaced.
    async fn ask(
        &mut self,
        uri: &Uri,
        elsewhere: Option<&Redirect>,
        kept: Option<Box<HttpConnection>>,
    ) -> Result<(Answer, Option<Box<HttpConnection>>), Failure> {
        if let Some(mut link) = kept {
            self.slot.set(Some(Rc::clone(link.tcp())));
            let request = self.request(uri, elsewhere);
            match link.exchange(request, self.limit, &mut self.share).await {
                Ok(answer) => {
                    let link = Some(link).filter(|_| answer.keeps_alive);
                    return Ok((answer, link));
                }
                Err(failure) if link.tcp().is_answered() => return Err(failure),
                Err(_closed_while_idle) => {}
            }
        }
        let mut link = self.connect(elsewhere).await?;
        let request = self.request(uri, elsewhere);
        let answer = link.exchange(request, self.limit, &mut self.share).await?;
        let link = self.kept(link, &answer);
        Ok((answer, link))
    }

    async fn connect(&mut self, elsewhere: Option<&Redirect>) -> Result<HttpConnection, Failure> {
        let dialer = &self.settings.dialer;
        let target = elsewhere.map_or_else(|| dialer.target(), |redirect| &redirect.target);
        let dialed = dialer.dial_to(target, self.client, &self.slot).await?;
        self.timings = Some(dialed.timings);
        Ok(HttpConnection::new(dialed.stream))
    }

    fn kept(&self, link: HttpConnection, answer: &Answer) -> Option<Box<HttpConnection>> {
        match self.settings.profile {
            Profile::Browser if answer.keeps_alive => Some(Box::new(link)),
            Profile::Node | Profile::Browser => {
                link.hang_up();
                None
            }
        }
    }

    fn request(&self, uri: &Uri, elsewhere: Option<&Redirect>) -> Vec<u8> {
        Head {
            method: self.method,
            uri,
            host: elsewhere.map_or(&self.settings.host, |redirect| &redirect.host),
            body: &self.body,
            octet_stream: self.octet_stream,
            content_type: self
                .application
                .as_ref()
                .and_then(|application| application.content_type.as_ref()),
            user: &self.user,
            cookie: self.jar.as_ref().and_then(|jar| jar.borrow_mut().header()),
        }
        .into_bytes(&self.settings)
    }

    fn redirect(
        &self,
        answer: &Answer,
        uri: &Uri,
        elsewhere: Option<&Redirect>,
    ) -> Option<Redirect> {
        if !(300..400).contains(&answer.status) {
            return None;
        }
        let dialer = &self.settings.dialer;
        let from = match elsewhere {
            Some(redirect) => redirect.url.clone(),
            None => Url::parse(&format!("{}{uri}", dialer.target().origin())).ok()?,
        };
        let follows = match &self.application {
            Some(_) => Follows::OfApplication,
            None => Follows::OfEngine(self.settings.profile),
        };
        redirect::read(answer, &from, (self.method, follows), &self.settings)
    }
}
