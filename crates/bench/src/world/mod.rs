//! The schools and the marketplace that are booked at: who goes there, and what is on sale.
//!
//! Each world is a database that was filled once; rounds work on copies of it, so that every contestant starts
//! from the same bytes.

mod fill;

use std::ops::Range;

use hyper::header::HeaderValue;
use uuid::Uuid;

pub use fill::{large, market, mirrored, school, small_orgs};

/// The type of the one session that everybody wants, and of those beside it.
pub const HOT_TYPE: &str = "Situational Judgment";
/// The type of the sessions that bookings are spread over.
pub const SPREAD_TYPE: &str = "Clinical Skills";
/// Seats of a session that is not to be full.
pub const SEATS_ENOUGH: i32 = 2_000_000;
/// Seats of the session that is.
pub const SEATS_FEW: i32 = 100;
/// Sessions that bookings are spread over.
pub const SPREAD_SESSIONS: usize = 1000;
/// Organisations of the world of many.
pub const SMALL_ORGS: usize = 200;

/// A filled database.
#[derive(Debug)]
pub struct World {
    /// Its name in the cluster.
    pub database: &'static str,
    /// Its organisations.
    pub orgs: Vec<Org>,
    /// What its first organisation sells for money, if anything.
    pub market: Option<Market>,
}

/// Trips that are paid and not booked yet, and slots that they may be booked on.
#[derive(Debug)]
pub struct Market {
    /// What all slots are of.
    pub experience: Uuid,
    /// Slots with seats enough.
    pub slots: Vec<SlotOnSale>,
    /// Recorded payments, each by a traveller of its own and of the price of one trip.
    pub paid: Vec<PaidTrip>,
}

/// A slot of a market. All begin at 9:00.
#[derive(Debug, Clone, Copy)]
pub struct SlotOnSale {
    /// Its id.
    pub id: Uuid,
    /// Its local date.
    pub date: jiff::civil::Date,
}

/// The money for a trip.
#[derive(Debug, Clone, Copy)]
pub struct PaidTrip {
    /// The payment.
    pub payment_id: Uuid,
    /// Who paid.
    pub traveller: Uuid,
}

/// An organisation of a world.
#[derive(Debug)]
pub struct Org {
    /// Its id.
    pub id: Uuid,
    /// `Bearer` and a service key.
    pub authorization: HeaderValue,
    /// The numbers of its students.
    pub students: Range<usize>,
    /// A session with seats enough.
    pub hot: Uuid,
    /// A session with [`SEATS_FEW`] seats.
    pub rush: Uuid,
    /// Sessions with seats enough, on many days.
    pub spread: Vec<Uuid>,
}

/// A student's ID.
pub fn student_id(number: usize) -> String {
    format!("S{number:07}")
}

/// A student's email.
pub fn email(number: usize) -> String {
    format!("s{number:07}@example.org")
}
