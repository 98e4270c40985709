//! Cancel: give a booking up. Its credit comes back as the kind that paid, at most once; its money by the policy of
//! its offering, or all of it if an operator cancels.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::command::Cancel;
use crate::decide::trips::refundable;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Cancelled, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Booking, BookingStatus, Entity, Offering, Slot};

pub(super) fn cancel(act: &mut Act<'_>, c: &Cancel) -> Result<Outcome, Stop> {
    let mut booking = act.booking(c.booking_id)?;
    let slot = act.slot(booking.slot_id)?;
    let offering = act.offering(slot.offering_id)?;

    if let Some(cancelled_at) = booking.cancelled_at {
        let again = Cancelled {
            booking_id: booking.id,
            code: booking.code,
            slot_id: slot.id,
            cancelled_at,
            credits_returned: 0,
            returned_kind: None,
            balance: None,
            already: true,
            refund: None,
        };
        return act.unchanged(Entity::Booking, booking.id, Answer::Cancelled(again), Some(booking.status));
    }
    if !booking.status.is_live() {
        return Err(Refusal::BookingNotActive { status: booking.status }.into());
    }
    let until = slot.starts_at - SignedDuration::from_mins(i64::from(offering.cancel_cutoff_minutes));
    if c.by_student && act.now >= until {
        return Err(Refusal::CancelTooLate { until }.into());
    }

    if let Some(purchase) = booking.purchase {
        return cancel_paid(act, c, booking, &slot, &offering, purchase.payment_id);
    }

    // Effects.
    let before = booking.clone();
    leave(act, &mut booking);
    let returned_kind = booking.credit_kind.clone().filter(|_| c.return_credit && booking.credit_returned_at.is_none());
    let balance = returned_kind.clone().map(|kind| act.return_credit(&mut booking, kind));
    act.change_booking_because("booking.cancelled", &before, &mut booking, c.reason.as_deref());
    let answer = Cancelled {
        booking_id: booking.id,
        code: booking.code,
        slot_id: slot.id,
        cancelled_at: act.now,
        credits_returned: returned_kind.as_ref().map_or(0, |_| i64::from(booking.guests)),
        returned_kind,
        balance,
        already: false,
        refund: None,
    };
    act.done(Answer::Cancelled(answer), Some(BookingStatus::Cancelled))
}

/// Seats back, and the refund asked for, in one transaction.
fn cancel_paid(
    act: &mut Act<'_>,
    c: &Cancel,
    mut booking: Booking,
    slot: &Slot,
    offering: &Offering,
    payment_id: Uuid,
) -> Result<Outcome, Stop> {
    let payment = act.payment(payment_id)?;
    match booking.status {
        BookingStatus::PendingPayment => return Err(Refusal::CheckoutOpen { payment_id }.into()),
        BookingStatus::Processing => return Err(Refusal::PaymentProcessing { payment_id }.into()),
        _ => {}
    }
    let left_minor = refundable(act, &payment, &booking);
    let amount_minor = match (c.by_student, c.return_credit) {
        (true, _) => refund_by_policy(act.now, slot, offering, left_minor),
        (false, true) => left_minor,
        (false, false) => 0,
    };

    // Effects.
    give_up(act, &mut booking, c.reason.as_deref());
    let reason = c.reason.as_deref().unwrap_or(if c.by_student { "cancelled_by_traveller" } else { "operator" });
    let refund = (amount_minor > 0).then(|| act.request_refund(&payment, Some(booking.id), amount_minor, reason));
    let answer = Cancelled {
        booking_id: booking.id,
        code: booking.code,
        slot_id: slot.id,
        cancelled_at: act.now,
        credits_returned: 0,
        returned_kind: None,
        balance: None,
        already: false,
        refund,
    };
    act.done(Answer::Cancelled(answer), Some(BookingStatus::Cancelled))
}

/// What a traveller who cancels now gets back of what is left, in minor units, rounded down.
pub(super) fn refund_by_policy(now: Timestamp, slot: &Slot, offering: &Offering, left_minor: i64) -> i64 {
    let free_until = slot.starts_at - SignedDuration::from_mins(i64::from(offering.free_cancel_minutes));
    if now < free_until { left_minor } else { left_minor * i64::from(offering.late_refund_percent) / 100 }
}

/// Gives a booking that was paid with money up.
pub(super) fn give_up(act: &mut Act<'_>, booking: &mut Booking, reason: Option<&str>) {
    let before = booking.clone();
    leave(act, booking);
    act.change_booking_because("booking.cancelled", &before, booking, reason);
    act.end_trip_without_bookings(booking);
}

/// Gives the seats back and marks the booking.
fn leave(act: &mut Act<'_>, booking: &mut Booking) {
    act.give_seats_back(booking);
    booking.status = BookingStatus::Cancelled;
    booking.cancelled_at = Some(act.now);
    let by = act.request.on_behalf_of.as_deref().unwrap_or(&act.request.principal);
    booking.cancelled_by = Some(by.to_owned());
}
