//! The time, as Stripe writes it.

use jiff::Timestamp;

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}
