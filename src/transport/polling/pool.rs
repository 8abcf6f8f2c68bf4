use std::io;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::http_connection::HttpConnection;
use crate::transport::link_conditions::LinkConditions;

/// Idle keep-alive connections of one client.
#[derive(Default)]
pub(super) struct Pool(Vec<HttpConnection>);

impl Pool {
    pub(super) fn put(&mut self, link: HttpConnection) {
        self.0.push(link);
    }

    /// The connection used last that still stands, as far as can be known here.
    pub(super) fn take(&mut self) -> Option<Box<HttpConnection>> {
        self.poll(&mut Context::from_waker(Waker::noop()));
        self.0.pop().map(Box::new)
    }

    /// Drops what the server closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.0.retain_mut(|link| link.poll_idle(cx));
    }

    pub(super) fn join(&self, network: &Rc<LinkConditions>) -> io::Result<()> {
        self.0.iter().try_for_each(|link| link.tcp().join(network))
    }

    pub(super) fn reset(&mut self) {
        for link in self.0.drain(..) {
            link.tcp().reset_on_close();
        }
    }
}
