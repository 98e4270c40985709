//! Cancel: give a booking up. Its credit comes back as the kind that paid, at most once.

use jiff::SignedDuration;

use crate::command::Cancel;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Cancelled, Outcome};
use crate::refusal::Refusal;
use crate::rows::{BookingStatus, Entity};

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

    // Effects.
    let before = booking.clone();
    act.give_seats_back(&booking);
    booking.status = BookingStatus::Cancelled;
    booking.cancelled_at = Some(act.now);
    let by = act.request.on_behalf_of.as_deref().unwrap_or(&act.request.principal);
    booking.cancelled_by = Some(by.to_owned());
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
    };
    act.done(Answer::Cancelled(answer), Some(BookingStatus::Cancelled))
}
