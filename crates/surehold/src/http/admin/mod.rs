//! Admin routes: for the school's staff and programs, with an admin key.

pub mod attendance;
pub mod audit;
pub mod bookings;
pub mod contacts;
pub mod credits;
pub mod experiences;
pub mod laws;
pub mod payments;
pub mod refunds;
pub mod session_changes;
pub mod sessions;
pub mod slot_series;
pub mod slots;
pub mod test_orgs;
