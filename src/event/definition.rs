//! Metrics whose meaning has changed from one version to another.

/// The revision of a metric whose meaning has never changed.
pub const FIRST: u32 = 1;

/// Metrics that mean something else than they did in an earlier version, with the revision that this
/// version measures.
///
/// Results name them, and figures of different revisions are not compared. Whoever changes what a
/// metric counts, or from which moment to which it runs, adds or raises it here.
pub const REVISED: &[(&str, u32)] = &[];
