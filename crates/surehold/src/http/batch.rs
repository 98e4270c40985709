//! What routes that do one thing to many bookings have in common.

use super::fields::Name;

/// The bookings: each named by HubSpot number, UUID or booking ID.
pub const BOOKING_IDS: Name = Name(&["booking_ids", "bookingIds", "bookings"]);
/// Bookings in one request.
pub const ITEMS_MAX: usize = 100;
/// Items under way at once: enough to share transactions, few enough to leave connections to others.
pub const AT_ONCE: usize = 16;
