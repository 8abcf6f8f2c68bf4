//! What a fault's file defines, and the macros that make enums of such files.

use std::fmt;
use std::time::Duration;

use super::FaultKind;
use super::setting::{Setting, Source};
use crate::keys::{Checked, Key, TableSpec};

/// The definition of one fault. Its file implements this; everything else follows from it.
pub(crate) trait Definition: Member + fmt::Debug {
    /// The word in scenarios and results.
    const NAME: &'static str;

    /// What the fault does, in one or two sentences for the reference.
    const ABOUT: &'static str;

    /// The keys of its `[[chaos]]` table, in the order of the reference.
    const KEYS: &'static [Key];

    /// Whether it needs the kernel to drop packets, as Linux can.
    const NEEDS_LINUX: bool = false;

    /// Whether the end of the load undoes it for good, rather than cuts it off.
    const ENDS_WITH_THE_LOAD: bool = true;

    /// Whether it holds processes that somebody has to release if the run is killed.
    const NEEDS_GUARDIAN: bool = false;

    /// Reads the settings from a table that has only keys of this fault.
    ///
    /// # Errors
    /// If a value is wrong; that has been reported then.
    fn read(source: &dyn Source) -> Checked<Self>;

    /// Its own keys with their values, so that reading them makes the same fault again.
    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }

    /// How long it is at work: with a key `for` as long as that says, or until the end of the run;
    /// without one it is over at once.
    fn length(&self, span: Span) -> Duration {
        if Self::KEYS.iter().any(|key| key.name == "for") {
            span.lasts.unwrap_or(span.run)
        } else {
            Duration::ZERO
        }
    }

    /// How it clashes with another fault that is at work at the same time.
    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        let _ = other;
        None
    }

    /// The only server instance that it acts on; nothing for all of them.
    fn instance(&self) -> Option<u16> {
        None
    }
}

/// The executors of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Impulse,
    Condition,
    Toxic,
    Listener,
    Request,
    Idle,
    Balancer,
    Process,
    Hook,
}

/// A fault as a member of a mechanism; the macro [`mechanism!`] implements this.
pub(crate) trait Member: Sized {
    /// The enum of all faults of the mechanism.
    type Group: Group + From<Self>;
}

/// The faults of one mechanism.
pub(crate) trait Group: Sized {
    const MECHANISM: Mechanism;

    /// The whole fault, with what all faults of the mechanism read besides their own settings.
    ///
    /// # Errors
    /// If a value is wrong; that has been reported then.
    fn complete(own: Checked<Self>, source: &dyn Source) -> Checked<FaultKind>;
}

/// What the length of a fault depends on besides its own settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The key `for`.
    pub(crate) lasts: Option<Duration>,
    /// The duration of the run.
    pub(crate) run: Duration,
    /// The number of server instances.
    pub(crate) instances: u16,
}

/// A reason why two faults cannot both do their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) clash: Clash,
    /// A main clause for the help line.
    pub(crate) why: &'static str,
}

/// When a fault clashes with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// Whenever both are at work.
    Meeting,
    /// When it begins while the other is at work.
    Beginning,
    /// When the other is at work only while it lasts, so that the other has nothing to do; provided
    /// that it strikes all clients.
    Hiding,
}

/// A fault without its settings.
#[derive(Debug)]
pub(crate) struct FaultSpec {
    /// The word in scenarios and results.
    pub(crate) name: &'static str,
    pub(crate) mechanism: Mechanism,
    /// The keys of its `[[chaos]]` table.
    pub(crate) table: TableSpec,
    pub(crate) needs_linux: bool,
    pub(crate) ends_with_the_load: bool,
    pub(crate) needs_guardian: bool,
    /// Reads the settings from a table.
    pub(crate) read: fn(&dyn Source) -> Checked<FaultKind>,
}

impl FaultSpec {
    /// The description of a fault by its definition.
    pub(super) const fn of<F: Definition>() -> Self {
        Self {
            name: F::NAME,
            mechanism: F::Group::MECHANISM,
            table: TableSpec {
                title: "[[chaos]]",
                about: F::ABOUT,
                keys: F::KEYS,
            },
            needs_linux: F::NEEDS_LINUX,
            ends_with_the_load: F::ENDS_WITH_THE_LOAD,
            needs_guardian: F::NEEDS_GUARDIAN,
            read: read::<F>,
        }
    }

    /// Whether its table has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.key(key).is_some()
    }

    /// Whether it lasts until it is undone, as its key `for` says.
    pub(crate) fn is_undone(&self) -> bool {
        self.has("for")
    }

    /// The keys that not every fault has.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        let names = self.table.keys.iter().map(|key| key.name);
        names.filter(|name| !["at", "fault"].contains(name))
    }
}

fn read<F: Definition>(source: &dyn Source) -> Checked<FaultKind> {
    F::Group::complete(F::read(source).map(Into::into), source)
}

/// A [`Definition`] without its constants: what a fault, a mechanism and all faults together have.
pub(crate) trait Describe {
    fn spec(&self) -> &'static FaultSpec;
    fn settings(&self) -> Vec<Setting>;
    fn length(&self, span: Span) -> Duration;
    fn conflict(&self, other: &FaultKind) -> Option<Conflict>;
    fn instance(&self) -> Option<u16>;
}

impl<F: Definition> Describe for F {
    fn spec(&self) -> &'static FaultSpec {
        const { &FaultSpec::of::<F>() }
    }

    fn settings(&self) -> Vec<Setting> {
        Definition::settings(self)
    }

    fn length(&self, span: Span) -> Duration {
        Definition::length(self, span)
    }

    fn conflict(&self, other: &FaultKind) -> Option<Conflict> {
        Definition::conflict(self, other)
    }

    fn instance(&self) -> Option<u16> {
        Definition::instance(self)
    }
}

/// Implements [`Describe`] for an enum whose variants hold something that implements it.
macro_rules! delegate {
    ($name:ident { $($variant:ident),+ $(,)? }) => {
        impl $crate::fault::definition::Describe for $name {
            fn spec(&self) -> &'static $crate::fault::FaultSpec {
                match self {
                    $(Self::$variant(fault) => $crate::fault::Describe::spec(fault)),+
                }
            }

            fn settings(&self) -> Vec<$crate::fault::Setting> {
                match self {
                    $(Self::$variant(fault) => $crate::fault::Describe::settings(fault)),+
                }
            }

            fn length(&self, span: $crate::fault::Span) -> std::time::Duration {
                match self {
                    $(Self::$variant(fault) => $crate::fault::Describe::length(fault, span)),+
                }
            }

            fn conflict(
                &self,
                other: &$crate::fault::FaultKind,
            ) -> Option<$crate::fault::Conflict> {
                match self {
                    $(Self::$variant(fault) => $crate::fault::Describe::conflict(fault, other)),+
                }
            }

            fn instance(&self) -> Option<u16> {
                match self {
                    $(Self::$variant(fault) => $crate::fault::Describe::instance(fault)),+
                }
            }
        }
    };
}
pub(super) use delegate;

/// Makes a mechanism of the faults that one executor carries out: the table to which a new fault is
/// added.
macro_rules! mechanism {
    ($(#[$attribute:meta])* $name:ident { $($fault:ident),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[expect(missing_docs, reason = "each variant is documented as the fault that it holds")]
        pub enum $name {
            $($fault($fault)),+
        }

        impl $name {
            pub(super) const FAULTS: &'static [$crate::fault::FaultSpec] =
                &[$($crate::fault::FaultSpec::of::<$fault>()),+];
        }

        $crate::fault::delegate!($name { $($fault),+ });

        $(
            impl $crate::fault::definition::Member for $fault {
                type Group = $name;
            }

            impl From<$fault> for $name {
                fn from(fault: $fault) -> Self {
                    Self::$fault(fault)
                }
            }
        )+
    };
}
pub(super) use mechanism;
