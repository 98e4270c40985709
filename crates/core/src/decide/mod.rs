//! One decision per file. Each is a flat list of checks in the documented order of precedence
//! ([`crate::refusal`]), then the effects, which cannot fail.

mod act;
mod add_notes;
mod add_offering;
mod adjust_credits;
mod book;
mod cancel;
mod change_offering;
mod change_slot;
mod contacts;
mod import_booking;
mod mark_attendance;
mod move_booking;
mod open_slot;
mod refund_credit;
mod trips;
mod withhold;

use jiff::Timestamp;
use uuid::Uuid;

use crate::command::{Command, Key, Request};
use crate::key::fingerprint;
use crate::ledger::Ledger;
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::rows::{Remembered, Slot};

pub(crate) use act::Act;

/// What a decision may not make up itself: the time and fresh ids.
pub struct Fresh<'a> {
    /// The database's clock, read after the locks were taken.
    pub now: Timestamp,
    /// A fresh UUIDv7 at each call.
    pub id: &'a mut dyn FnMut() -> Uuid,
}

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// The answer is no.
    Refused(Refusal),
    /// The booking it names has moved to rows that are not locked: resolve again and repeat.
    ResolveAgain,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

/// Decides one request on the loaded rows. On `Ok` the ledger holds its writes; on `Err` the ledger is
/// as it was.
pub fn decide(ledger: &mut Ledger, request: &Request, fresh: &mut Fresh<'_>) -> Result<Outcome, Stop> {
    if let Some(own) = ledger.own_work(request.command_id) {
        return Ok(repeat(ledger, own, false));
    }
    let fingerprint = fingerprint(&request.command);
    if let Key::Given(key) = &request.key
        && let Some(remembered) = ledger.remembered(&request.principal, key)
    {
        if remembered.fingerprint != fingerprint {
            return Err(Refusal::IdempotencyMismatch.into());
        }
        return Ok(repeat(ledger, remembered, true));
    }

    let mut act = Act::new(ledger, request, fingerprint, fresh);
    match &request.command {
        Command::Book(c) => book::book(&mut act, c),
        Command::ImportBooking(c) => import_booking::import_booking(&mut act, c),
        Command::ImportTrip(c) => trips::import_trip(&mut act, c),
        Command::ImportPayment(c) => trips::import_payment(&mut act, c),
        Command::ImportTripBooking(c) => trips::import_trip_booking(&mut act, c),
        Command::Cancel(c) => cancel::cancel(&mut act, c),
        Command::Move(c) => move_booking::move_booking(&mut act, c),
        Command::MarkAttendance(c) => mark_attendance::mark_attendance(&mut act, c),
        Command::RefundCredit(c) => refund_credit::refund_credit(&mut act, c),
        Command::AdjustCredits(c) => adjust_credits::adjust_credits(&mut act, c),
        Command::AddContact(c) => contacts::add_contact(&mut act, c),
        Command::ChangeContact(c) => contacts::change_contact(&mut act, c),
        Command::OpenSlot(c) => open_slot::open_slot(&mut act, c),
        Command::ChangeSlot(c) => change_slot::change_slot(&mut act, c),
        Command::Withhold(c) => withhold::withhold(&mut act, c),
        Command::HoldTrip(c) => trips::hold_trip(&mut act, c),
        Command::BookTrip(c) => trips::book_trip(&mut act, c),
        Command::RecordPayment(c) => trips::record_payment(&mut act, c),
        Command::AttachCheckout(c) => trips::attach_checkout(&mut act, c),
        Command::Settle(c) => trips::settle(&mut act, c),
        Command::AwaitPayment(c) => trips::await_payment(&mut act, c),
        Command::ReleasePayment(c) => trips::release_payment(&mut act, c),
        Command::ExpireHold(c) => trips::expire_hold(&mut act, c),
        Command::FlagPayment(c) => trips::flag_payment(&mut act, c),
        Command::RefundBooking(c) => trips::refund_booking(&mut act, c),
        Command::SeeRefunds(c) => trips::see_refunds(&mut act, c),
        Command::FailRefund(c) => trips::fail_refund(&mut act, c),
        Command::AddOffering(c) => add_offering::add_offering(&mut act, c),
        Command::ChangeOffering(c) => change_offering::change_offering(&mut act, c),
        Command::AddNotes(c) => add_notes::add_notes(&mut act, c),
    }
}

/// Whether seats of a slot can be had at this moment, how many there are aside.
fn check_on_sale(slot: &Slot, now: Timestamp) -> Result<(), Refusal> {
    if !slot.is_active(now) {
        return Err(Refusal::SlotNotActive { activates_at: slot.goes_on_sale_at() });
    }
    if slot.starts_at <= now {
        return Err(Refusal::SlotPast);
    }
    if slot.is_blocked {
        return Err(Refusal::SlotBlocked);
    }
    Ok(())
}

fn repeat(ledger: &Ledger, remembered: &Remembered, replayed: bool) -> Outcome {
    Outcome { answer: remembered.answer.clone(), replayed, booking_status: ledger.present_status(remembered) }
}
