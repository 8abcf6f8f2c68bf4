//! Numbers as people read them: thousands separated, times with a unit, never more digits than
//! they can use.

use std::time::Duration;

/// Thousands separated by commas: `1,234,567`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and how many: `1 client`, `1,000 clients`.
#[must_use]
pub fn counted(value: u64, singular: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(value))
}

/// A number with a fraction, to three significant digits: `0.48`, `12.3`, `1,234`.
#[must_use]
pub fn decimal(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 99.95 {
        let whole = count(magnitude.round() as u64);
        return if value < 0.0 {
            format!("-{whole}")
        } else {
            whole
        };
    }
    if magnitude >= 9.995 {
        return format!("{value:.1}");
    }
    format!("{value:.2}")
}

/// A rate: [`count`] where it is whole, else [`decimal`].
#[must_use]
pub fn rate(value: f64) -> String {
    if value.fract() == 0.0 && value >= 0.0 {
        count(value as u64)
    } else {
        decimal(value)
    }
}

/// A round time without digits that say nothing: `10 µs`, `1 ms`, `5 s`.
#[must_use]
pub fn short_time(microseconds: f64) -> String {
    let (value, unit) = match microseconds {
        value if value < 1e3 => (value, "µs"),
        value if value < 1e6 => (value / 1e3, "ms"),
        value => (value / 1e6, "s"),
    };
    format!("{} {unit}", rate(value))
}

/// A time in the unit that suits it, to three significant digits; the unit takes two columns, so
/// that a column of times lines up: `812 µs`, `4.20 ms`, `12.3 s `.
#[must_use]
pub fn padded_time(microseconds: f64) -> String {
    if microseconds < 999.5 {
        return format!("{} µs", microseconds.round());
    }
    if microseconds < 999_500.0 {
        return format!("{} ms", decimal(microseconds / 1e3));
    }
    format!("{} s ", decimal(microseconds / 1e6))
}

/// A time in the unit that suits it, to three significant digits: `812 µs`, `4.20 ms`, `12.3 s`.
#[must_use]
pub fn time(microseconds: f64) -> String {
    padded_time(microseconds).trim_end().to_owned()
}

/// A time given in seconds, as [`time`] prints it.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    time(seconds * 1e6)
}

/// A fraction in [0, 1] as a percentage: `0.48 %`.
///
/// Only nothing at all is `0 %`, and only the whole is `100 %`: what rounds to either is shown as
/// `< 0.01 %` or `> 99.9 %`, because one lost client in a million is not none.
#[must_use]
pub fn percentage(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent == 0.0 {
        return "0 %".to_owned();
    }
    if percent > 0.0 && percent < 0.01 {
        return "< 0.01 %".to_owned();
    }
    if (99.95..100.0).contains(&percent) {
        return "> 99.9 %".to_owned();
    }
    format!("{} %", decimal(percent))
}

/// A fraction that somebody chose, in percent without digits that say nothing: `30 %`, `2.5 %`.
#[must_use]
pub fn share(fraction: f64) -> String {
    format!("{} %", (fraction * 1e4).round() / 1e2)
}

/// Bytes in binary units, to three significant digits: `812 B`, `1.21 KiB`, `45.3 MiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", decimal(scaled), UNITS[unit])
}

/// Minutes and seconds as on a stopwatch: `0:45`, `12:03`, `1:02:03`.
#[must_use]
pub fn stopwatch(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn times_keep_three_digits_whatever_their_unit() {
        for (microseconds, text) in [
            (0.0, "0 µs"),
            (812.4, "812 µs"),
            (999.6, "1.00 ms"),
            (4_200.0, "4.20 ms"),
            (12_345.0, "12.3 ms"),
            (812_000.0, "812 ms"),
            (999_600.0, "1.00 s"),
            (9_996_000.0, "10.0 s"),
            (3_600_000_000.0, "3,600 s"),
        ] {
            assert_eq!(time(microseconds), text);
        }
    }

    #[test]
    fn a_little_is_not_nothing_and_nearly_all_is_not_all() {
        for (fraction, text) in [
            (0.0, "0 %"),
            (0.000_001, "< 0.01 %"),
            (0.0048, "0.48 %"),
            (0.999_999, "> 99.9 %"),
            (1.0, "100 %"),
            (1.5, "150 %"),
        ] {
            assert_eq!(percentage(fraction), text);
        }
    }

    #[test]
    fn bytes_and_stopwatches_read_well() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1 << 20), "1.00 MiB");
        assert_eq!(bytes(47_500_000), "45.3 MiB");
        assert_eq!(stopwatch(Duration::from_millis(45_900)), "0:45");
        assert_eq!(stopwatch(Duration::from_secs(3723)), "1:02:03");
    }
}
