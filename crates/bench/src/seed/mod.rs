//! The seed's way, as a contestant: the product's own HTTP, and one call of a PL/pgSQL function per request.
//!
//! | File | Idea |
//! |---|---|
//! | `create_booking.sql` | the function |
//! | `route`   | the route that calls it |
//! | `refusal` | what it raises, as the product's errors |
//! | `server`  | `surehold-bench serve-seed` |

pub mod refusal;
pub mod route;
pub mod server;

/// Makes the function `create_booking` in a migrated database.
pub const FUNCTION: &str = include_str!("create_booking.sql");
