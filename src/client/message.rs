//! What a client says in the scenario's words: templates rendered for this client, at this time.

use std::cell::Ref;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::behaviour::Tick;
use super::blueprint::{Blueprint, Handshake};
use super::secrets::SentSecrets;
use crate::event::{ClientId, Failure};
use crate::protocol::engine_io::query::append_pair;
use crate::scenario::template::{Captures, Scope};
use crate::units::ByteSize;

/// Renders templates for one client.
#[derive(Debug)]
pub(super) struct Composer {
    client: u64,
    /// Engines so far; `{{n}}` in query and headers.
    engines: u64,
    /// CONNECT packets so far; `{{n}}` in auth.
    connects: u64,
    /// What it has sent as secrets, to know them again in what comes back.
    secrets: SentSecrets,
    /// Acks sent so far, by listen table; `{{n}}` in replies. Empty until the first.
    replies: Vec<u64>,
    random: fastrand::Rng,
}

/// The arguments of one event, in the scratch space that all clients of a thread share.
pub(super) struct Message<'a> {
    arguments: Ref<'a, String>,
    attachments: &'a [Bytes],
}

impl Message<'_> {
    /// JSON text, separated by commas, without brackets.
    pub(super) fn arguments(&self) -> &str {
        &self.arguments
    }

    pub(super) fn attachments(&self) -> &[Bytes] {
        self.attachments
    }
}

impl Composer {
    pub(super) fn new(client: ClientId, random: fastrand::Rng) -> Self {
        Self {
            client: client.0,
            engines: 0,
            connects: 0,
            secrets: SentSecrets::default(),
            replies: Vec::new(),
            random,
        }
    }

    /// The client's number.
    pub(super) fn client(&self) -> u64 {
        self.client
    }

    /// The query and headers of the next engine.
    pub(super) fn handshake(
        &mut self,
        blueprint: &Blueprint,
        now: Instant,
        captures: Option<&Captures>,
    ) -> Handshake {
        let n = self.engines;
        self.engines += 1;
        let mut scope = blueprint.scope(self.client, n, now, &mut self.random);
        scope.captures = captures;
        let handshake = Handshake {
            query: query(blueprint, &mut scope),
            headers: headers(blueprint, &mut scope),
        };
        self.secrets.note_headers(&handshake.headers);
        handshake
    }

    /// The CONNECT payload, a JSON object.
    pub(super) fn auth(
        &mut self,
        blueprint: &Blueprint,
        now: Instant,
        captures: Option<&Captures>,
    ) -> Option<String> {
        let n = self.connects;
        self.connects += 1;
        let template = blueprint.client.auth.as_ref()?;
        let mut auth = String::new();
        let mut scope = blueprint.scope(self.client, n, now, &mut self.random);
        scope.captures = captures;
        template.render(&mut scope, &mut auth);
        self.secrets.note_auth(&auth);
        Some(auth)
    }

    /// Masks what the client sent as a secret wherever a failure's message repeats it.
    pub(super) fn mask_secrets(&self, failure: &mut Failure) {
        self.secrets.mask(failure);
    }

    /// The arguments of the ack that a listen table answers with: JSON text, separated by commas,
    /// without brackets. Nothing if the table has no `reply`.
    pub(super) fn reply<'a>(
        &mut self,
        blueprint: &'a Blueprint,
        table: u16,
        now: Instant,
        captures: Option<&Captures>,
    ) -> Option<Ref<'a, String>> {
        let template = blueprint.reply(table)?;
        let table = usize::from(table);
        if self.replies.len() <= table {
            self.replies.resize(table + 1, 0);
        }
        let n = self.replies[table];
        self.replies[table] += 1;
        let mut scope = blueprint.scope(self.client, n, now, &mut self.random);
        scope.captures = captures;
        {
            let mut arguments = blueprint.scratch.borrow_mut();
            arguments.clear();
            template.render(&mut scope, &mut arguments);
        }
        Some(blueprint.scratch.borrow())
    }

    /// The event number `number` of a table, due at this tick.
    pub(super) fn message<'a>(
        &mut self,
        blueprint: &'a Blueprint,
        tick: Tick,
        number: u64,
        captures: Option<&Captures>,
    ) -> Message<'a> {
        let emit = &blueprint.emits[tick.table];
        let mut scope = blueprint.scope(self.client, number, tick.intended, &mut self.random);
        scope.captures = captures;
        {
            let mut arguments = blueprint.scratch.borrow_mut();
            arguments.clear();
            emit.data.render(&mut scope, &mut arguments);
            pad(&mut arguments, emit.size.filter(|_| !emit.binary));
        }
        Message {
            arguments: blueprint.scratch.borrow(),
            attachments: &blueprint.buffers[tick.table],
        }
    }
}

/// Adds one more string argument, so that the arguments' JSON text is `size` bytes long.
pub(super) fn pad(arguments: &mut String, size: Option<ByteSize>) {
    let Some(size) = size else {
        return;
    };
    let missing = usize::try_from(size.0)
        .unwrap_or(usize::MAX)
        .saturating_sub(arguments.len());
    if missing == 0 {
        return;
    }
    let separator = if arguments.is_empty() { "\"" } else { ",\"" };
    arguments.push_str(separator);
    let fill = missing.saturating_sub(separator.len() + 1);
    arguments.extend(std::iter::repeat_n('x', fill));
    arguments.push('"');
}

fn query(blueprint: &Blueprint, scope: &mut Scope<'_>) -> Box<str> {
    if let Some(fixed) = &blueprint.url_query {
        return fixed.clone();
    }
    let mut query = String::new();
    let mut value = String::new();
    // What the engine sets itself overwrites the user's, it does not stand beside it.
    let is_free = |name: &str| !matches!(name, "EIO" | "transport");
    let pairs = blueprint.client.query.iter();
    for (name, template) in pairs.filter(|(name, _)| is_free(name)) {
        value.clear();
        template.render(scope, &mut value);
        append_pair(&mut query, name, &value);
    }
    query.into_boxed_str()
}

fn headers(blueprint: &Blueprint, scope: &mut Scope<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(blueprint.header_names.len());
    for (name, (_, template)) in blueprint.header_names.iter().zip(&blueprint.client.headers) {
        let mut value = String::new();
        template.render(scope, &mut value);
        // A row of a CSV file may hold what no header can: a line break becomes a space.
        let value = value.replace(char::is_control, " ");
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.push((name.clone(), value));
        }
    }
    headers
}
