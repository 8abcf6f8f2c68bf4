use std::time::{Duration, Instant};

use crate::clock;
use crate::units::Share;

/// The runtime's timers round up to this; what is shorter is waited for without them.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// The time that the server takes over each event before it answers.
///
/// Two servers that differ in nothing but [`slow`](Self::slow) differ by exactly that, which is what
/// a comparison can be tried on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AnswerPace {
    /// Time between an event and its answer, as a query to a database would take it: other events
    /// are handled meanwhile. Zero by default; rounded up to whole milliseconds.
    pub ack_delay: Duration,
    /// Makes each answer take this share longer, from the event's arrival in the server to its
    /// answer, `ack_delay` and work included.
    pub slow: Option<Share>,
}

impl AnswerPace {
    /// Waits until the event that came in at `since` may be answered.
    pub(super) async fn wait(self, since: Instant) {
        let taken = clock::now().duration_since(since) + self.ack_delay;
        let due = since + taken.mul_f64(1.0 + self.slow.map_or(0.0, Share::fraction));
        let left = due.saturating_duration_since(clock::now());
        if left >= TIMER_STEP {
            tokio::time::sleep(left).await;
        }
        while clock::now() < due {
            std::hint::spin_loop();
        }
    }
}
