//! Whose timeout it was, by how long it took.

use std::time::Duration;

/// Periods at which connections are closed by default, in seconds.
const PERIODS: [(u64, &str); 9] = [
    (5, "netty-socketio's first-data timeout"),
    (
        30,
        "HAProxy (`timeout client` and `timeout server`) or a Google Cloud backend",
    ),
    (50, "HAProxy as Debian configures it"),
    (55, "Heroku's router"),
    (
        60,
        "nginx (`proxy_read_timeout`), Apache (`ProxyTimeout`) or an AWS ALB (idle timeout)",
    ),
    (100, "Cloudflare"),
    (230, "Azure's load balancer"),
    (300, "Apache (`Timeout`)"),
    (350, "an AWS NLB"),
];

/// Who closes connections after about this time.
pub(super) fn typical(silence: Duration) -> Option<&'static str> {
    let seconds = silence.as_secs_f64();
    PERIODS
        .iter()
        .find(|(period, _)| (seconds / *period as f64 - 1.0).abs() < 0.04)
        .map(|(_, who)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_recognised_although_it_is_never_exact() {
        let of = |ms| typical(Duration::from_millis(ms)).unwrap_or_default();
        assert!(of(60_080).contains("nginx"));
        assert!(of(30_002).contains("HAProxy"));
        assert_eq!(of(42_000), "");
    }
}
