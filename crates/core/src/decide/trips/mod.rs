//! Trips and money. What Stripe knows comes in as commands; nothing here asks it.
//!
//! ```text
//!            hold_trip                settle                    see_refunds
//! (nothing) ───────────▶ pending ──────────────▶ succeeded ──────────────────▶ (partially_)refunded
//!                         │   │  await_payment       ▲  ▲
//!                         │   └───────▶ processing ──┘  │ settle: all seats are still free
//!  expire_hold,           │                │            │
//!  release_payment        └──▶ failed ◀────┘────────────┤
//!                                                       └▶ refunding: they are gone, the money goes back
//! ```

mod book_trip;
mod checkout;
mod hold_trip;
mod import_booking;
mod import_trip;
mod items;
mod record_payment;
mod refunds;
mod release_payment;
mod rows;
mod settle;

pub(super) use book_trip::book_trip;
pub(super) use checkout::{attach_checkout, await_payment, flag_payment};
pub(super) use hold_trip::hold_trip;
pub(super) use import_booking::import_trip_booking;
pub(super) use import_trip::{import_payment, import_trip};
pub(super) use record_payment::record_payment;
pub(super) use refunds::{fail_refund, refund_booking, see_refunds};
pub(super) use release_payment::{expire_hold, release_payment};
pub(super) use rows::refundable;
pub(super) use settle::settle;
