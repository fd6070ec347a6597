use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a session lives: both limits are the server's, and a session at its limit is expired.
///
/// Whole seconds count: a part of a second is rounded up. The cookie's Max-Age is what is left of the nearer limit.
///
/// # Default
///
/// Idle 7 days, absolute 30 days: OWASP ASVS 5.0, 7.3.1 and 7.3.2 ask for both kinds of limit, and NIST SP 800-63B-3 §4.1.3
/// names 30 days for the lowest assurance level. Shorten both where more is at stake.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use session::Expiry;
///
/// let expiry = Expiry { idle: Duration::from_secs(30 * 60), ..Expiry::default() };
/// assert_eq!(expiry.absolute, Duration::from_secs(30 * 24 * 3600));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// How long a session lives without a request that uses it.
    pub idle: Duration,
    /// How long a session lives from its creation, however busy it is.
    pub absolute: Duration,
}

impl Default for Expiry {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            idle: 7 * DAY,
            absolute: 30 * DAY,
        }
    }
}

impl Expiry {
    /// When a session that is used now expires, in seconds since the Unix epoch.
    pub(crate) fn deadline(&self, created_at: u64, now: u64) -> u64 {
        let idle = now.saturating_add(whole_seconds(self.idle));
        idle.min(self.end(created_at))
    }

    /// Whether a session is past its own limit or the absolute one.
    pub(crate) fn has_passed(&self, created_at: u64, expires_at: u64, now: u64) -> bool {
        now >= expires_at || now >= self.end(created_at)
    }

    /// Whether the deadline has moved enough to be written: by a tenth of the idle timeout.
    pub(crate) fn is_worth_writing(&self, stored: u64, deadline: u64) -> bool {
        stored.abs_diff(deadline) >= self.step()
    }

    /// How much a deadline moves at least.
    pub(crate) fn step(&self) -> u64 {
        (whole_seconds(self.idle) / 10).max(1)
    }

    fn end(&self, created_at: u64) -> u64 {
        created_at.saturating_add(whole_seconds(self.absolute))
    }
}

/// Tells the time to whatever checks an expiry. Tests turn one by hand; a platform without a system clock brings its own.
///
/// # Example
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use session::Clock;
///
/// struct Stopped;
///
/// impl Clock for Stopped {
///     fn now(&self) -> SystemTime {
///         UNIX_EPOCH + Duration::from_secs(1_000)
///     }
/// }
/// assert_eq!(Stopped.now(), Stopped.now());
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The operating system's clock; on Workers, where there is none, the platform's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown", feature = "workers-kv")))]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown", feature = "workers-kv"))]
    fn now(&self) -> SystemTime {
        // `SystemTime::now` panics on this target.
        UNIX_EPOCH + Duration::from_millis(worker::Date::now().as_millis())
    }
}

/// A duration in whole seconds, rounded up.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// A time in whole seconds since the Unix epoch; what lies before it is 0.
pub(crate) fn to_unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The time that lies so many seconds after the Unix epoch; what no clock can show becomes the year 9999.
pub(crate) fn from_unix(seconds: u64) -> SystemTime {
    const YEAR_9999: u64 = 253_402_300_799;
    UNIX_EPOCH + Duration::from_secs(seconds.min(YEAR_9999))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRY: Expiry = Expiry {
        idle: Duration::from_secs(100),
        absolute: Duration::from_secs(250),
    };

    #[test]
    fn the_nearer_limit_counts() {
        assert_eq!(EXPIRY.deadline(1000, 1000), 1100);
        assert_eq!(EXPIRY.deadline(1000, 1149), 1249);
        assert_eq!(EXPIRY.deadline(1000, 1200), 1250);
    }

    #[test]
    fn a_session_at_its_limit_is_expired() {
        assert!(!EXPIRY.has_passed(1000, 1100, 1099));
        assert!(EXPIRY.has_passed(1000, 1100, 1100));
        assert!(!EXPIRY.has_passed(1000, 9999, 1249));
        assert!(EXPIRY.has_passed(1000, 9999, 1250));
    }

    #[test]
    fn a_deadline_is_written_once_per_tenth_of_the_idle_timeout() {
        assert!(!EXPIRY.is_worth_writing(1100, 1109));
        assert!(EXPIRY.is_worth_writing(1100, 1110));
        assert!(EXPIRY.is_worth_writing(1100, 1000));
    }

    #[test]
    fn parts_of_a_second_round_up_and_extremes_do_not_overflow() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        let endless = Expiry {
            idle: Duration::MAX,
            absolute: Duration::MAX,
        };
        assert_eq!(endless.deadline(5, 5), u64::MAX);
        assert!(from_unix(u64::MAX) > SystemTime::now());
        assert_eq!(to_unix(from_unix(77)), 77);
    }
}
