use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::expiry::Clock;

/// A clock that stands still until it is turned. Clones show the same time.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use session::{Clock as _, testing::TestClock};
///
/// let clock = TestClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), before + Duration::from_secs(60));
/// ```
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<SystemTime>>);

impl TestClock {
    /// A clock that shows the time of its making, cut to whole seconds.
    pub fn new() -> Self {
        let now = crate::expiry::to_unix(SystemTime::now());
        Self(Arc::new(Mutex::new(crate::expiry::from_unix(now))))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
