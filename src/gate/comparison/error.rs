/// Why two sides cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A metric that neither side has.
    #[error("no run has a metric `{name}`; there are {known}")]
    UnknownMetric {
        /// As asked for.
        name: String,
        /// What there is.
        known: String,
    },
}
