//! How memcached counts time: so many seconds from now, up to 30 days of them, or else the seconds since the Unix epoch.

use std::time::SystemTime;

use crate::expiry::{from_unix, to_unix};

/// The longest lifetime that is given in seconds from now. That way is the better one: it does not ask what time the
/// server thinks it is.
const LONGEST: u32 = 30 * 24 * 3600;
/// A time that has passed for sure: the first that is not a lifetime, 31 January 1970. The server's clock lags by up to a
/// second, so it would keep what expired just now.
const LONG_AGO: u32 = LONGEST + 1;
/// The last time that memcached can tell, 19 January 2038.
const LAST: u32 = i32::MAX.unsigned_abs();

/// A deadline as memcached takes it.
pub(super) fn until(expires_at: SystemTime, now: SystemTime) -> u32 {
    let expires_at = to_unix(expires_at);
    match expires_at.saturating_sub(to_unix(now)) {
        0 => LONG_AGO,
        left => match u32::try_from(left) {
            Ok(left @ ..=LONGEST) => left,
            _ => u32::try_from(expires_at).map_or(LAST, |time| time.min(LAST)),
        },
    }
}

/// The deadline of an item with so many seconds left. One without a limit is not ours to end: that is up to the absolute
/// timeout of its session.
pub(super) fn expires_at(left: Option<i64>, now: SystemTime) -> SystemTime {
    match left.map(u64::try_from) {
        Some(Ok(left)) => from_unix(to_unix(now).saturating_add(left)),
        _ => from_unix(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    fn until_unix(expires_at: u64) -> u32 {
        until(from_unix(expires_at), from_unix(NOW))
    }

    #[test]
    fn up_to_30_days_are_counted_from_now_and_more_is_a_time() {
        assert_eq!(until_unix(NOW + 1), 1);
        assert_eq!(until_unix(NOW + 2_592_000), 2_592_000);
        assert_eq!(until_unix(NOW + 2_592_001), 1_792_592_001);
    }

    #[test]
    fn a_deadline_that_has_come_lies_long_ago() {
        for deadline in [NOW, NOW - 1, 0] {
            assert_eq!(until_unix(deadline), LONG_AGO);
        }
    }

    #[test]
    fn what_memcached_cannot_tell_is_the_last_time_that_it_can() {
        assert_eq!(until_unix(u64::from(u32::MAX) + 1), 2_147_483_647);
        assert_eq!(until_unix(2_147_483_648), 2_147_483_647);
        assert_eq!(until_unix(u64::MAX), 2_147_483_647);
    }

    #[test]
    fn an_item_without_a_limit_expires_when_its_session_does() {
        assert_eq!(expires_at(Some(60), from_unix(NOW)), from_unix(NOW + 60));
        assert_eq!(expires_at(Some(-1), from_unix(NOW)), from_unix(u64::MAX));
    }
}
