use crate::report::number;
use crate::results::comparison::{
    ComparedMetric, ComparedSide, Comparison, ComparisonVerdict, Difference, DifferenceKind,
    MetricVerdict,
};

/// A verdict in one word, in capitals.
pub(in crate::report) fn verdict(verdict: ComparisonVerdict) -> &'static str {
    match verdict {
        ComparisonVerdict::NoRegression => "NO REGRESSION",
        ComparisonVerdict::Regression => "REGRESSION",
        ComparisonVerdict::Inconclusive => "INCONCLUSIVE",
        ComparisonVerdict::GeneratorBound => "GENERATOR-BOUND",
    }
}

/// The verdict of a row, in a word.
pub(in crate::report) fn row_verdict(verdict: MetricVerdict) -> &'static str {
    match verdict {
        MetricVerdict::Regression => "worse",
        MetricVerdict::Improvement => "better",
        MetricVerdict::None => "no worse",
        MetricVerdict::Inconclusive => "unclear",
        MetricVerdict::NotComparable => "not comparable",
    }
}

/// How many runs of a side there are, and how many of them count.
pub(in crate::report) fn runs(side: &ComparedSide) -> String {
    let (used, all) = (side.used(), side.runs.len());
    if used == all {
        number::counted(all as u64, "run")
    } else {
        format!("{used} of {}", number::counted(all as u64, "run"))
    }
}

/// The name of a row: metric and aggregate, where the metric alone does not say it.
pub(in crate::report) fn name(row: &ComparedMetric) -> String {
    match row.aggregate.as_str() {
        "rate" | "count" => row.metric.clone(),
        aggregate => format!("{} {aggregate}", row.metric),
    }
}

/// A value in the row's unit.
pub(in crate::report) fn value(row: &ComparedMetric, value: Option<f64>) -> String {
    match (value, row.unit.as_str()) {
        (None, _) => "–".to_owned(),
        (Some(value), "us") => number::time(value),
        (Some(value), "fraction") => number::percentage(value),
        (Some(value), _) => number::rate(value),
    }
}

/// A ratio as a relative change: `+9.8 %`.
pub(in crate::report) fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let magnitude = percent.abs();
    let digits = if magnitude < 10.0 { 1 } else { 0 };
    // What rounds to nothing has no sign.
    if magnitude < 0.05 {
        return "0.0 %".to_owned();
    }
    if magnitude >= 1_000.0 {
        return format!("×{}", number::decimal(ratio));
    }
    let sign = if percent < 0.0 { '−' } else { '+' };
    format!("{sign}{magnitude:.digits$} %")
}

/// The change of a row; nothing without a ratio.
pub(in crate::report) fn row_change(row: &ComparedMetric) -> String {
    row.ratio.map_or_else(|| "–".to_owned(), change)
}

/// The interval of a row, from its least change to its greatest.
pub(in crate::report) fn interval(row: &ComparedMetric) -> String {
    let Some([low, high]) = row.interval else {
        return "–".to_owned();
    };
    let high = high.map_or_else(|| "∞".to_owned(), change);
    format!("{} … {high}", change(low.unwrap_or(0.0)))
}

/// The sentence below the verdict that says how sure it is.
pub(in crate::report) fn certainty(comparison: &Comparison) -> String {
    format!(
        "a change counts from {} on; each interval holds the true ratio with {} confidence, all \
         deciding ones together with {}",
        share(comparison.min_effect),
        share(comparison.confidence),
        share(1.0 - comparison.alpha),
    )
}

/// A fraction as a percentage without needless digits; 99.6 % is not 100 %.
pub(in crate::report) fn share(fraction: f64) -> String {
    let text = format!("{:.2}", fraction * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// The worst deciding figures in one line, with their intervals: how sure the answer is so far.
#[must_use]
pub fn line(comparison: &Comparison) -> String {
    const SHOWN: usize = 3;
    let rows = comparison
        .metrics
        .iter()
        .filter(|row| row.deciding && row.interval.is_some());
    let figures: Vec<String> = rows
        .take(SHOWN)
        .map(|row| format!("{} {} ({})", name(row), row_change(row), interval(row)))
        .collect();
    let verdict = verdict(comparison.verdict).to_lowercase();
    if figures.is_empty() {
        return verdict;
    }
    format!("{verdict}: {}", figures.join(", "))
}

/// A difference between the sides, in words.
pub(in crate::report) fn difference(difference: &Difference) -> (String, String) {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not there)".to_owned());
    (side(&difference.base), side(&difference.new))
}

/// The heading of a kind of difference.
pub(in crate::report) fn difference_kind(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Scenario => "scenario",
        DifferenceKind::Environment => "environment",
    }
}

/// Rows of counts, which stand first: what must never happen needs no interval.
pub(in crate::report) fn is_count(row: &ComparedMetric) -> bool {
    row.aggregate == "count"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign_and_no_more_digits_than_they_are_worth() {
        for (ratio, text) in [
            (1.0, "0.0 %"),
            (1.0004, "0.0 %"),
            (1.098, "+9.8 %"),
            (0.5, "−50 %"),
            (2.5, "+150 %"),
            (20.0, "×20.0"),
        ] {
            assert_eq!(change(ratio), text);
        }
        assert_eq!(share(0.99375), "99.38 %");
        assert_eq!(share(0.95), "95 %");
    }
}
