//! The marketplace's routes, with the shapes of the seed's functions: no envelope around a success, and an
//! `errorCode` in a failure.

pub mod catalogue;
pub mod checkout;
pub mod create_booking;
mod error;
pub mod give_up;
pub mod items;
pub mod refusals;
mod traveller;
pub mod webhook;

pub use error::TripError;
pub use traveller::USER_ID;
