//! What travellers do once their seats are held.

use serde::Serialize;

/// How somebody goes about paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Pays.
    Pays,
    /// Confirms a bank transfer, which arrives.
    PaysLater,
    /// Confirms a bank transfer, which fails.
    TransferFails,
    /// A card is declined, then another one is not.
    DeclinedFirst,
    /// Leaves; the session is over before its time.
    Leaves,
    /// Clicks again, three times at once; then pays.
    ClicksAgain,
    /// Wants other slots; then pays.
    ChangesItems,
    /// Pays twice at the same moment, and checks out once more.
    PaysTwice,
    /// Pays while another window changes the trip.
    PaysWhileChanging,
    /// Pays, then gives a booking up.
    Cancels,
    /// Confirms a bank transfer; the office gives the payment up; then the money comes after all.
    PaysTooLate,
}

/// In the order in which they are handed out.
pub const ALL: [Habit; 11] = [
    Habit::Pays,
    Habit::PaysTooLate,
    Habit::ChangesItems,
    Habit::Leaves,
    Habit::Cancels,
    Habit::PaysLater,
    Habit::PaysWhileChanging,
    Habit::TransferFails,
    Habit::PaysTwice,
    Habit::DeclinedFirst,
    Habit::ClicksAgain,
];

impl Habit {
    /// For a report.
    pub fn name(self) -> &'static str {
        match self {
            Habit::Pays => "paid",
            Habit::PaysLater => "paid by a transfer",
            Habit::TransferFails => "had a transfer fail",
            Habit::DeclinedFirst => "had a card declined, then paid",
            Habit::Leaves => "left",
            Habit::ClicksAgain => "clicked again",
            Habit::ChangesItems => "changed the trip",
            Habit::PaysTwice => "paid twice",
            Habit::PaysWhileChanging => "paid while changing the trip",
            Habit::Cancels => "paid, then cancelled",
            Habit::PaysTooLate => "paid too late",
        }
    }
}
