//! Requests of steps: over the client's own connections, beside those of its engine.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::{Arrival, Connections};
use crate::client::steps::{StepAnswer, StepAsk, StepResponse, StepToken};
use crate::event::{Cause, Failure, Origin, Stage};
use crate::transport::{ApplicationRequest, Exchange, Method, Response};

/// A request of a step under way, or one that could not be begun.
pub(super) struct StepExchange {
    token: StepToken,
    state: State,
}

enum State {
    UnderWay(Exchange),
    Failed(Failure),
}

impl Connections {
    /// Keeps cookies from engine to engine, for requests of steps share them.
    pub(in crate::client) fn share_cookies(&self) {
        self.http.share_cookies();
    }

    /// Begins the request of a step; one that is still under way is given up.
    pub(in crate::client) fn step_request(&mut self, ask: StepAsk) {
        let token = ask.token;
        let state = match self.begin(ask) {
            Ok(exchange) => State::UnderWay(exchange),
            Err(failure) => State::Failed(failure),
        };
        self.step = Some(Box::new(StepExchange { token, state }));
        self.news = true;
    }

    fn begin(&mut self, ask: StepAsk) -> Result<Exchange, Failure> {
        let target = self.http.settings().dialer().origin();
        let url = url::Url::parse(&target).and_then(|target| target.join(&ask.url));
        let url = url.map_err(|_| unusable("the request's URL cannot be read"))?;
        let method = Method::from_name(&ask.method)
            .ok_or_else(|| unusable("the request's method is not known"))?;
        let body = ask.body.map(|(body, content_type)| {
            (Bytes::from(body), HeaderValue::from_static(content_type))
        });
        let mut headers = Vec::with_capacity(ask.headers.len());
        for (name, value) in ask.headers {
            let name = HeaderName::try_from(name);
            let value = HeaderValue::try_from(value);
            match (name, value) {
                (Ok(name), Ok(value)) => headers.push((name, value)),
                _ => return Err(unusable("a header's value breaks HTTP")),
            }
        }
        self.http.application_request(ApplicationRequest {
            method,
            url,
            headers,
            body,
        })
    }

    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Option<Arrival> {
        let token = self.step.as_ref()?.token;
        let answer = match &mut self.step.as_mut()?.state {
            State::Failed(failure) => Err(failure.clone()),
            State::UnderWay(exchange) => match exchange.poll(cx) {
                Poll::Pending => return None,
                Poll::Ready(end) => answer(end.result),
            },
        };
        let step = self.step.take()?;
        if let State::UnderWay(exchange) = step.state {
            self.http.finish(exchange);
        }
        Some(Arrival::StepResponse { token, answer })
    }
}

fn answer(result: Result<Response, Failure>) -> StepAnswer {
    let response = result?;
    let headers = response.headers.map_or_else(Vec::new, |headers| {
        let pairs = headers.iter();
        pairs
            .map(|(name, value)| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                (name.as_str().into(), value)
            })
            .collect()
    });
    Ok(StepResponse {
        status: response.status,
        headers,
        body: response.body,
    })
}

fn unusable(message: &str) -> Failure {
    Failure::new(Stage::Step, Cause::StepUnexpected, Origin::Scenario).with_message(message)
}
