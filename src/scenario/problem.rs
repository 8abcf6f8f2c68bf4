use std::cell::RefCell;

use crate::diagnostic::{Diagnostic, Place};
pub(super) use crate::keys::{Checked, Reported};

/// The kinds of problems: identifier, the word that never changes, and one line of explanation.
macro_rules! codes {
    ($($variant:ident => $word:literal, $about:literal;)*) => {
        /// What is wrong with a scenario.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $about] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in every output; it never changes.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it means, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
}

codes! {
    Syntax => "syntax", "The file is not valid TOML.";
    UnreadableFile => "unreadable_file", "A file cannot be read: the scenario, its CSV file, a certificate or a key.";
    UnknownKey => "unknown_key", "There is no such key in this table.";
    MissingKey => "missing_key", "A key that has to be there is not.";
    WrongType => "wrong_type", "A text where a number belongs, and the like.";
    SingleTable => "single_table", "One table in single brackets, `[clients]`, where each is written in double ones, `[[clients]]`.";
    BadUnit => "bad_unit", "A duration, rate, size or share without its unit, or with one that does not exist.";
    OutOfRange => "out_of_range", "A number that its key cannot take.";
    UnknownWord => "unknown_word", "A word that its key does not know.";
    BadValue => "bad_value", "A text that is not what its key asks for: a URL, an address, a header name.";
    Contradiction => "contradiction", "Keys that exclude each other, or one without the other that it needs.";
    NoClients => "no_clients", "The scenario has no clients at all.";
    DuplicateName => "duplicate_name", "Two things have the same name.";
    UnknownPopulation => "unknown_population", "No population has this name.";
    UnknownLabel => "unknown_label", "No event, step or listener of the scenario has the name by which a metric is to be split.";
    UnknownNamespace => "unknown_namespace", "The population does not connect to this namespace.";
    ReservedEvent => "reserved_event", "Socket.IO keeps this event name for itself.";
    UnknownFault => "unknown_fault", "There is no such fault.";
    LaterVersion => "later_version", "Known by name, but not in this version yet.";
    ForeignKey => "foreign_key", "The key belongs to another fault.";
    NeedsServer => "needs_server", "The fault needs a server that the run starts (`[server]`).";
    OtherSystem => "other_system", "The fault needs an operating system other than this one.";
    AfterEnd => "after_end", "The fault comes after the end of the run.";
    BadTemplate => "bad_template", "A `{{placeholder}}` that is not closed, not known or wrongly used.";
    BadPath => "bad_path", "A JSONPath (RFC 9535) or regular expression that cannot be read.";
    BadStep => "bad_step", "A step that is none of `request`, `emit`, `wait`, `think`, `disconnect` and `connect`, or two at once.";
    MissingCapture => "missing_capture", "A `{{capture.NAME}}` that could be used before anything is captured.";
    MissingVariable => "missing_variable", "A `${NAME}` that the environment does not have.";
    BadCsv => "bad_csv", "The CSV file has no header, no rows, or rows of different lengths.";
    UnknownMetric => "unknown_metric", "There is no such metric.";
    BadThreshold => "bad_threshold", "Not a bound that this metric can have.";
    BadOverride => "bad_override", "A `--set` whose path leads nowhere.";
}

impl Code {
    /// Whether the problem is all in the marked text.
    ///
    /// Others may be mere consequences of a syntax error elsewhere.
    pub(super) fn is_local(self) -> bool {
        matches!(
            self,
            Self::UnknownKey
                | Self::WrongType
                | Self::BadUnit
                | Self::OutOfRange
                | Self::UnknownWord
                | Self::BadValue
                | Self::ReservedEvent
                | Self::UnknownFault
                | Self::LaterVersion
                | Self::UnknownMetric
                | Self::BadThreshold
        )
    }
}

/// Collects what is wrong, from wherever it is found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<(Code, Diagnostic)>>,
}

impl Problems {
    /// Takes note of a problem; `refine` adds label, help and the rest.
    pub(super) fn report(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        refine: impl FnOnce(Diagnostic) -> Diagnostic,
    ) -> Reported {
        let diagnostic = refine(Diagnostic::new(code.name(), place, message));
        self.found.borrow_mut().push((code, diagnostic));
        Reported
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub(super) fn into_inner(self) -> Vec<(Code, Diagnostic)> {
        self.found.into_inner()
    }
}
