/// An interval for a ratio, new ÷ base; an end that the data do not bound is infinite or zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gate) struct Interval {
    /// At least this.
    pub(in crate::gate) low: f64,
    /// At most this.
    pub(in crate::gate) high: f64,
}

impl Interval {
    /// The one that excludes nothing.
    pub(in crate::gate) const UNBOUNDED: Self = Self {
        low: 0.0,
        high: f64::INFINITY,
    };
}
