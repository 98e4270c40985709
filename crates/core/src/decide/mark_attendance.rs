//! Mark attendance: the contact came, did not come, or it is not known after all.

use crate::command::MarkAttendance;
use crate::decide::trips::refundable;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, AttendanceMarked, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Attendance, BookingStatus, Entity};

pub(super) fn mark_attendance(act: &mut Act<'_>, c: &MarkAttendance) -> Result<Outcome, Stop> {
    let mut booking = act.booking(c.booking_id)?;
    if !booking.status.is_taken() {
        return Err(Refusal::BookingNotActive { status: booking.status }.into());
    }
    let status = match c.attendance {
        Some(Attendance::Yes) => BookingStatus::Completed,
        Some(Attendance::No) => BookingStatus::NoShow,
        None => BookingStatus::Confirmed,
    };
    let answer = Answer::AttendanceMarked(AttendanceMarked {
        booking_id: booking.id,
        code: booking.code.clone(),
        attendance: c.attendance,
        status,
    });
    if booking.status == status && booking.attendance == c.attendance {
        return act.unchanged(Entity::Booking, booking.id, answer, Some(status));
    }

    // A refunded booking does not become active again: its seat would cost nothing.
    if let (None, Some(at)) = (c.attendance, booking.credit_returned_at) {
        return Err(Refusal::AlreadyRefunded { at }.into());
    }
    if let (None, Some(purchase)) = (c.attendance, booking.purchase) {
        let payment = act.payment(purchase.payment_id)?;
        let is_back = purchase.price_minor > 0 && refundable(act, &payment, &booking) == 0;
        if is_back || !payment.status.pays() {
            return Err(Refusal::FullyRefunded.into());
        }
    }

    // Effects. The seat stays taken in all three states.
    let before = booking.clone();
    booking.status = status;
    booking.attendance = c.attendance;
    act.change_booking("booking.attendance", &before, &mut booking);
    act.done(answer, Some(status))
}
