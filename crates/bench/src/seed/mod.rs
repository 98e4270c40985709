//! The seeds' way, as a contestant: the product's own HTTP, and one call of a PL/pgSQL function per request.
//!
//! | File | Idea |
//! |---|---|
//! | `create_booking.sql` | the function for an exam |
//! | `create_booking_atomic.sql` | the function for a trip |
//! | `route`   | the service, and the route of exams |
//! | `trips`   | the route of trips |
//! | `refusal` | what the functions raise, as the product's errors |
//! | `server`  | `surehold-bench serve-seed` |

pub mod refusal;
pub mod route;
pub mod server;
pub mod trips;

/// Make the functions in a migrated database.
pub const FUNCTIONS: [&str; 2] = [include_str!("create_booking.sql"), include_str!("create_booking_atomic.sql")];
