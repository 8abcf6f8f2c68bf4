//! A population's journey in words, for `sio-load check`.

use super::plan::{
    Journey, OnDisconnect, OnError, Step, StepAction, StepDisconnect, StepList, When,
};
use crate::units::{Share, format_duration};

impl Journey {
    /// One line for each part of a client's life that has steps.
    #[must_use]
    pub(super) fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for list in StepList::ALL {
            let steps: Vec<_> = self.list(list).iter().map(describe).collect();
            if !steps.is_empty() {
                let when = self.lead(list);
                lines.push(format!("{when}: {}", steps.join(" → ")));
            }
        }
        lines
    }

    fn lead(&self, list: StepList) -> String {
        match list {
            StepList::BeforeConnect => "before connecting".to_owned(),
            StepList::OnConnect => "after connecting, until ready".to_owned(),
            StepList::OnRejected => {
                let attempts = self.on_rejected.iter().map(|step| step.attempts).max();
                format!("when rejected, up to {} times", attempts.unwrap_or(1))
            }
            StepList::Steps => {
                let times = match self.iterations {
                    Some(1) => "once".to_owned(),
                    Some(times) => format!("{times} times"),
                    None => "again and again".to_owned(),
                };
                let pace = self
                    .pace
                    .map(|pace| format!(", one every {}", format_duration(pace)));
                let resume = match self.on_disconnect {
                    OnDisconnect::Restart => "",
                    OnDisconnect::Resume => ", resumed after a loss",
                };
                format!("when ready, {times}{}{resume}", pace.unwrap_or_default())
            }
        }
    }
}

fn describe(step: &Step) -> String {
    let mut text = match &step.action {
        StepAction::Request(request) => format!("{} {}", request.method, request.url.source()),
        StepAction::Emit { emit, wait } => {
            let ack = if emit.ack.is_some() { " with ack" } else { "" };
            let wait = wait
                .as_ref()
                .map(|wait| format!(", wait for {}", wait.event));
            format!("emit {}{ack}{}", emit.event, wait.unwrap_or_default())
        }
        StepAction::Wait(wait) => format!("wait for {}", wait.event),
        StepAction::Think { min, max } if min == max => format!("think {}", format_duration(*min)),
        StepAction::Think { min, max } => format!(
            "think {} to {}",
            format_duration(*min),
            format_duration(*max)
        ),
        StepAction::Disconnect(StepDisconnect::Namespace) => "disconnect".to_owned(),
        StepAction::Disconnect(StepDisconnect::Close) => "close".to_owned(),
        StepAction::Connect => "connect".to_owned(),
    };
    let mut notes = Vec::new();
    match step.when {
        When::Always => {}
        When::First => notes.push("first connect".to_owned()),
        When::Again => notes.push("reconnects".to_owned()),
        When::NotRecovered => notes.push("unrecovered reconnects".to_owned()),
    }
    if let Some(chance) = Share::new(step.chance).filter(|_| step.chance < 1.0) {
        notes.push(format!("chance {chance}"));
    }
    if step.repeat > 1 {
        notes.push(format!("{} times", step.repeat));
    }
    match step.on_error {
        OnError::End => {}
        OnError::Continue => notes.push("errors ignored".to_owned()),
        OnError::Leave => notes.push("leaves on error".to_owned()),
    }
    if !notes.is_empty() {
        text = format!("{text} ({})", notes.join(", "));
    }
    text
}
