//! Move: a booking goes to another slot of its offering. The same credit pays; the booking ID follows
//! the date.

use crate::codes::booking_code;
use crate::command::Move;
use crate::decide::book::{check_prerequisites, duplicate};
use crate::decide::{Act, Stop, check_on_sale};
use crate::outcome::{Answer, Moved, Outcome};
use crate::refusal::Refusal;
use crate::rows::Entity;

pub(super) fn move_booking(act: &mut Act<'_>, c: &Move) -> Result<Outcome, Stop> {
    let mut booking = act.booking(c.booking_id)?;
    let to = act.slot(c.to_slot_id)?;
    let offering = act.offering(to.offering_id)?;
    let contact = act.contact(booking.contact_id)?;

    if !booking.status.is_active() {
        return Err(Refusal::BookingNotActive { status: booking.status }.into());
    }
    if booking.purchase.is_some() {
        return Err(Refusal::PaidBooking.into());
    }
    let from_slot_id = booking.slot_id;
    if from_slot_id == to.id {
        let answer = Moved {
            booking_id: booking.id,
            code: booking.code,
            from_slot_id,
            to_slot_id: to.id,
            local_date: to.local_date,
        };
        return act.unchanged(Entity::Booking, booking.id, Answer::Moved(answer), Some(booking.status));
    }
    if booking.offering_id != to.offering_id {
        return Err(Refusal::TypeMismatch.into());
    }
    check_on_sale(&to, act.now)?;
    let clash = act.ledger.bookings_of(contact.id).find(|b| {
        b.id != booking.id
            && b.status.is_live()
            && (b.slot_id == to.id
                || (b.offering_id == offering.id && offering.one_per_day && b.exclusive_date == Some(to.local_date)))
    });
    if let Some(other) = clash {
        return Err(duplicate(other).into());
    }
    check_prerequisites(act, contact.id, &to, Some(booking.id))?;
    if to.available() < booking.guests {
        return Err(Refusal::Full { requested: booking.guests, available: to.available() }.into());
    }

    // Effects.
    let before = booking.clone();
    let from_date = act.slot(from_slot_id)?.local_date;
    let code_on = |date| booking_code(offering.code_style, &offering.name, &contact.student_id, date, before.id);
    act.give_seats_back(&booking);
    booking.slot_id = to.id;
    if booking.status.is_taken() {
        act.ledger.take_seats(to.id, booking.guests);
    } else {
        act.ledger.hold_seats(to.id, booking.guests);
    }
    booking.exclusive_date = offering.one_per_day.then_some(to.local_date);
    // An ID of the offering's own style follows the date; one that the caller wanted kept is kept.
    if booking.code == code_on(from_date) {
        booking.code = code_on(to.local_date);
    }
    act.change_booking("booking.moved", &before, &mut booking);
    let answer = Moved {
        booking_id: booking.id,
        code: booking.code,
        from_slot_id,
        to_slot_id: to.id,
        local_date: to.local_date,
    };
    act.done(Answer::Moved(answer), Some(booking.status))
}
