use super::page::{Ink, Page};
use crate::report::number;
use crate::results::summary::Distribution;

/// With fewer values the percentiles say nothing that the table does not.
const FEWEST_VALUES: u64 = 20;

/// Draws the percentiles of a time as bars: where the bars jump, a few clients wait much longer.
pub(super) fn write(page: &mut Page, name: &str, distribution: &Distribution) {
    if distribution.count < FEWEST_VALUES || distribution.max == 0 {
        return;
    }
    let points = [
        ("p50", distribution.p50),
        ("p75", distribution.p75),
        ("p90", distribution.p90),
        ("p95", distribution.p95),
        ("p99", distribution.p99),
        ("p99.9", distribution.p999),
        ("max", distribution.max),
    ];
    page.line(&[]);
    page.line(&[(Ink::Dim, format!("  {name}, by percentile"))]);
    let room = page.width().saturating_sub(24).min(72);
    for (label, value) in points {
        let share = value as f64 / distribution.max as f64;
        page.line(&[
            (Ink::Dim, format!("  {label:>5}  ")),
            (
                Ink::Plain,
                format!("{:>11}  ", number::padded_time(value as f64)),
            ),
            (Ink::Good, bar(share, room)),
        ]);
    }
}

/// A bar of up to `width` columns, to the eighth of a column; what is above zero can be seen.
pub(super) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_hides_a_value() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.001, 4), "▏");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.625, 4), "██▌");
        assert_eq!(bar(2.0, 4), "████");
    }
}
