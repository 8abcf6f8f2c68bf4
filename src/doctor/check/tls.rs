//! TLS: what the server shows, and whether clients believe it.

use std::time::Duration;

use super::Skipped;
use crate::catalogue::{self, CERTIFICATE_ENDS_SOON, HTTP2_ONLY, VERIFICATION_OFF};
use crate::clock;
use crate::doctor::exchange::ms;
use crate::doctor::known::Known;
use crate::doctor::notes::Notes;
use crate::doctor::probe::Probe;
use crate::doctor::session::Session;
use crate::event::{Cause, EngineRevision, Failure, Origin, Stage};
use crate::report::number;
use crate::scenario::plan::Tls;
use crate::transport::{CertificateFacts, Timings};

/// How long a TLS handshake may take.
const LIMIT: Duration = Duration::from_secs(5);
/// A certificate that ends sooner is worth a warning, in seconds.
const SOON: u64 = 14 * 24 * 3600;

pub(super) async fn run(probe: &Probe, known: &mut Known, notes: &mut Notes) -> Skipped {
    if !probe.options.is_secure() {
        return Some("the URL asks for no TLS".to_owned());
    }
    let (verified, id) = shake(probe, notes, false).await;
    let shown = match &verified {
        Ok(facts) => facts.clone(),
        Err(_) => shake(probe, notes, true).await.0.ok().flatten(),
    };
    if let Some(facts) = &shown {
        describe(notes, facts, id);
    }
    let Err(failure) = verified else {
        let by = match &probe.options.tls.ca {
            Some(ca) => format!("by {}", ca.display()),
            None => "by the authorities of this system".to_owned(),
        };
        notes.fact(format!("the certificate is trusted {by}"));
        return None;
    };
    if shown.is_some() && is_about_trust(failure.cause) {
        untrusted(probe, known, notes, &failure, id).await;
    } else {
        match is_about_protocols(&failure) {
            true => notes.find(&HTTP2_ONLY, format!("TLS: {failure}."), &[id]),
            false => notes.find_failure(&failure, "TLS", &[id]),
        }
        known.unreachable = Some("TLS fails");
    }
    None
}

/// Whether the server refused the only protocol that was offered, HTTP/1.1.
fn is_about_protocols(failure: &Failure) -> bool {
    let message = failure.message.as_deref().unwrap_or_default();
    message.contains("NoApplicationProtocol")
}

/// Whether verification alone failed, so that a client that does not verify would get through.
fn is_about_trust(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::TlsSelfSigned
            | Cause::TlsUnknownCa
            | Cause::TlsWrongHost
            | Cause::TlsExpired
            | Cause::TlsFailed
    )
}

/// One handshake; with `anyone`, whatever the certificate is.
async fn shake(
    probe: &Probe,
    notes: &mut Notes,
    anyone: bool,
) -> (Result<Option<CertificateFacts>, Failure>, usize) {
    let began = clock::now();
    let what = if anyone {
        "TLS handshake without verification"
    } else {
        "TLS handshake"
    };
    let dialer = probe.wire.other_dialer(|settings| {
        settings.tls = Tls {
            insecure: anyone,
            ..settings.tls.clone()
        };
    });
    let failed = |error: String| {
        Failure::new(Stage::Tls, Cause::TlsFailed, Origin::Scenario).with_message(&error)
    };
    let result = match dialer {
        Err(error) => Err(failed(error.to_string())),
        Ok(dialer) => match tokio::time::timeout(LIMIT, dialer.dial(0)).await {
            Ok(dialed) => dialed,
            Err(_) => Err(Failure::new(Stage::Tls, Cause::TimedOut, Origin::Server)
                .with_message("the TLS handshake gets no answer")),
        },
    };
    let timings: Result<Timings, Failure> = match &result {
        Ok(dialed) => Ok(dialed.timings),
        Err(failure) => Err(failure.clone()),
    };
    let id = probe.note_dial(what.to_owned(), began, &timings);
    if let Ok(Timings { tls: Some(tls), .. }) = timings {
        let time = number::time(ms(tls) * 1e3);
        notes.fact(format!("{what} in {time}"));
    }
    (result.map(|dialed| dialed.stream.certificate()), id)
}

fn describe(notes: &mut Notes, facts: &CertificateFacts, id: usize) {
    let CertificateFacts {
        protocol,
        subject,
        issuer,
        names,
        chain_length,
        ..
    } = facts;
    notes.fact(format!(
        "{protocol}; certificate of “{subject}” by “{issuer}” for {}; {}",
        if names.is_empty() {
            "no name".to_owned()
        } else {
            names.join(", ")
        },
        number::counted(*chain_length as u64, "certificate") + " sent",
    ));
    notes.fact(format!(
        "valid from {} to {}",
        date(facts.not_before),
        date(facts.not_after)
    ));
    let now = clock::wall_now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if now < facts.not_after && facts.not_after - now < SOON {
        let days = (facts.not_after - now) / (24 * 3600);
        let seen = format!(
            "It ends on {}, in {}.",
            date(facts.not_after),
            number::counted(days, "day")
        );
        notes.find(&CERTIFICATE_ENDS_SOON, seen, &[id]);
    }
}

/// The day, in UTC.
fn date(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    match timestamp {
        Some(timestamp) => timestamp.strftime("%Y-%m-%d").to_string(),
        None => format!("{seconds} s after 1970"),
    }
}

/// Says what is wrong with the certificate, and what is behind it: with `--insecure` everything
/// else is examined; without it one handshake is made, without secrets.
async fn untrusted(
    probe: &Probe,
    known: &mut Known,
    notes: &mut Notes,
    failure: &Failure,
    id: usize,
) {
    let finding = catalogue::of(failure.cause);
    if probe.options.tls.insecure {
        let seen = format!("Without --insecure: {failure}. See {}.", finding.code);
        notes.find(&VERIFICATION_OFF, seen, &[id]);
        return;
    }
    let behind = behind(probe).await;
    notes.find(finding, format!("{failure}. {behind}"), &[id]);
    known.unreachable =
        Some("the certificate is not trusted; --insecure or --cacert lets the checks go on");
}

async fn behind(probe: &Probe) -> String {
    if probe.wire.trust_anyone().is_err() {
        return String::new();
    }
    let (opened, _) = Session::open(probe, EngineRevision::V4, None).await;
    match opened {
        Ok(session) => {
            session.close(probe).await;
            "With `rejectUnauthorized: false` the client would get through to a Socket.IO server; \
             with `ca` it would, safely."
                .to_owned()
        }
        Err(refused) => format!(
            "With `rejectUnauthorized: false` the client would get as far as: {}.",
            refused.failure
        ),
    }
}
