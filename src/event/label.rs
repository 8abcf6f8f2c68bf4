use std::fmt;

use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};
use serde::{Deserialize, Serialize};

/// A name from the scenario by which a metric is split.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// An event that clients emit or listen to: `ack.time{event=message}`.
    Event(String),
    /// A step of a client: `step.login.time`.
    Step(String),
    /// A `[[clients.listen]]` table: `listen.news.missing`.
    Listen(String),
}

impl Label {
    /// The kind of name.
    #[must_use]
    pub fn kind(&self) -> LabelKind {
        match self {
            Self::Event(_) => LabelKind::Event,
            Self::Step(_) => LabelKind::Step,
            Self::Listen(_) => LabelKind::Listen,
        }
    }

    /// The name itself.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Event(name) | Self::Step(name) | Self::Listen(name) => name,
        }
    }
}

/// The kinds of names by which metrics are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LabelKind {
    /// Events.
    Event,
    /// Steps.
    Step,
    /// `[[clients.listen]]` tables.
    Listen,
}

impl LabelKind {
    /// The label of this kind with this name.
    #[must_use]
    pub fn label(self, name: String) -> Label {
        match self {
            Self::Event => Label::Event(name),
            Self::Step => Label::Step(name),
            Self::Listen => Label::Listen(name),
        }
    }
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event => "event",
            Self::Step => "step",
            Self::Listen => "listen",
        })
    }
}

/// How a metric is split by names of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labelling {
    /// Not at all: `connect.time`.
    Never,
    /// There is one series for everything, and one per name beside it: `ack.time{event=message}`.
    Also(LabelKind),
    /// There are series per name alone, and the name is part of the metric's: `step.login.time`.
    Only(LabelKind),
}

impl Labelling {
    /// What the documentation adds to the explanation of a metric; may be empty.
    #[must_use]
    pub fn remark(self) -> String {
        match self {
            Self::Never | Self::Only(_) => String::new(),
            Self::Also(kind) => format!(" Also per {kind}."),
        }
    }
}

/// The place of a label in its run's [`Labels`]: the same on every worker, since both follow from
/// the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelId(pub u16);

/// All labels of a run, in order and each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// The labels of a run, in whatever order and however often they are mentioned.
    ///
    /// # Panics
    /// If there are more than 65,536.
    #[must_use]
    pub fn new(labels: impl IntoIterator<Item = Label>) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        assert!(
            labels.len() <= usize::from(u16::MAX) + 1,
            "a scenario has fewer names than a label id can tell apart"
        );
        Self(labels)
    }

    /// The id of a label; nothing if the run does not have it.
    #[must_use]
    pub fn id(&self, label: &Label) -> Option<LabelId> {
        let place = self.0.binary_search(label).ok()?;
        u16::try_from(place).ok().map(LabelId)
    }

    /// The label with this id; nothing if the run has no such.
    #[must_use]
    pub fn label(&self, id: LabelId) -> Option<&Label> {
        self.0.get(usize::from(id.0))
    }

    /// Each label with its id.
    pub fn iter(&self) -> impl Iterator<Item = (LabelId, &Label)> {
        (0..=u16::MAX).map(LabelId).zip(&self.0)
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<T: IntoIterator<Item = Label>>(labels: T) -> Self {
        Self::new(labels)
    }
}

/// What cannot stand for itself within a selector.
const IN_SELECTORS: &AsciiSet = &CONTROLS
    .add(b'%')
    .add(b'{')
    .add(b'}')
    .add(b',')
    .add(b'=')
    .add(b'"');

/// What does not stand for itself in file names and in the tags of an interval log.
const IN_FILE_NAMES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'{')
    .remove(b'}')
    .remove(b'=')
    // What is escaped already stays as it is.
    .remove(b'%');

/// The longest file name that every usual file system takes, less room for an extension.
const LONGEST_FILE_NAME: usize = 200;

pub(super) fn escape(name: &str) -> String {
    utf8_percent_encode(name, IN_SELECTORS).to_string()
}

pub(super) fn unescape(written: &str) -> String {
    percent_decode_str(written).decode_utf8_lossy().into_owned()
}

/// A series' name as a tag of an interval log: without blanks, commas and line ends. Reading it as
/// a selector gives the series back.
pub(super) fn tag(series: &str) -> String {
    utf8_percent_encode(series, IN_FILE_NAMES).to_string()
}

/// A series' name as a file name without extension, of at most 200 bytes: a longer one is cut, and
/// told apart by a checksum.
pub(super) fn file_name(series: &str) -> String {
    let mut name = tag(series);
    if name.len() > LONGEST_FILE_NAME {
        let checksum = fnv1a(name.as_bytes());
        // Escaped names are ASCII.
        name.truncate(LONGEST_FILE_NAME - 17);
        return format!("{name}-{checksum:016x}");
    }
    name
}

/// FNV-1a: stable over versions and machines, which the standard library's hasher is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_names_and_not_from_their_order() {
        let event = |name: &str| Label::Event(name.to_owned());
        let labels = Labels::new([
            event("b"),
            Label::Step("a".to_owned()),
            event("a"),
            event("b"),
        ]);
        let again = Labels::new([event("a"), event("b"), Label::Step("a".to_owned())]);
        assert_eq!(labels, again);
        for (id, label) in labels.iter() {
            assert_eq!(labels.id(label), Some(id));
            assert_eq!(labels.label(id), Some(label));
        }
        assert_eq!(labels.iter().count(), 3);
        assert_eq!(labels.id(&event("c")), None);
    }

    #[test]
    fn long_names_are_cut_and_still_differ() {
        let long = |end: char| file_name(&format!("ack.time{{event={}{end}}}", "/".repeat(300)));
        assert_eq!(long('a').len(), LONGEST_FILE_NAME);
        assert_ne!(long('a'), long('b'));
        assert_eq!(
            file_name("ack.time{event=a/b c}"),
            "ack.time{event=a%2Fb%20c}"
        );
    }
}
