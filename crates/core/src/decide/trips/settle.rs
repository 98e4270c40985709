//! Settle: the money of a payment is there. Its bookings are confirmed; or, if their seats went back on sale
//! meanwhile, they get them again, all of them or none, and then all of the money goes back.
//!
//! Called by the webhook, the success page and the reconciliation, any number of times and at the same moment:
//! money that was counted once is not counted again.

use crate::command::Settle;
use crate::decide::{Act, Stop};
use crate::outcome::Outcome;
use crate::rows::{Booking, BookingStatus, Payment, PaymentStatus, Slot, TripStatus};

/// Reasons for which a payment failed whose money is not wanted any more, should it come all the same.
const NOT_WANTED: [&str; 2] = ["replaced", "operator"];

pub(in crate::decide) fn settle(act: &mut Act<'_>, c: &Settle) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    let counted = payment.received_minor.is_some();
    if counted || !(payment.status.is_open() || payment.status == PaymentStatus::Failed) {
        return act.payment_unchanged(&payment);
    }
    let paid = Payment {
        received_minor: Some(c.amount_minor),
        received_currency: Some(c.currency.clone()),
        stripe_session_id: payment.stripe_session_id.clone().or(c.session_id.clone()),
        stripe_payment_intent: c.stripe_payment_intent.clone().or(payment.stripe_payment_intent.clone()),
        ..payment.clone()
    };
    let as_asked = c.amount_minor == payment.amount_minor && c.currency == payment.currency;
    let after = match (payment.status.is_open(), as_asked) {
        (true, true) => confirm(act, &payment, paid),
        (true, false) => flag(act, &payment, paid),
        (false, true) => match seats_again(act, &payment) {
            Ok(()) => confirm(act, &payment, paid),
            Err(reason) => give_back(act, &payment, paid, reason),
        },
        (false, false) => give_back(act, &payment, paid, "amount_mismatch"),
    };
    act.payment_done(&after)
}

fn confirm(act: &mut Act<'_>, before: &Payment, paid: Payment) -> Payment {
    let after = Payment { status: PaymentStatus::Succeeded, reason: None, ..paid };
    let after = act.change_payment("payment.succeeded", before, after);
    act.move_trip_bookings(
        after.id,
        &[BookingStatus::PendingPayment, BookingStatus::Processing, BookingStatus::Expired],
        BookingStatus::Confirmed,
        "booking.confirmed",
        None,
    );
    if let Some(trip_id) = after.trip_id {
        act.set_trip(trip_id, TripStatus::Booked);
    }
    after
}

/// Another amount than was asked for: nothing is confirmed, the seats stay held until an operator has decided.
fn flag(act: &mut Act<'_>, before: &Payment, paid: Payment) -> Payment {
    let after = Payment {
        status: PaymentStatus::Processing,
        processing_since: before.processing_since.or(Some(act.now)),
        flag: Some("AMOUNT_MISMATCH".to_owned()),
        ..paid
    };
    let after = act.change_payment("payment.flagged", before, after);
    act.move_trip_bookings(
        after.id,
        &[BookingStatus::PendingPayment],
        BookingStatus::Processing,
        "booking.processing",
        Some("another amount was paid than was asked for"),
    );
    after
}

fn give_back(act: &mut Act<'_>, before: &Payment, paid: Payment, reason: &'static str) -> Payment {
    let minor = paid.money();
    let nothing_came = minor == 0;
    let status = if nothing_came { PaymentStatus::Failed } else { PaymentStatus::Refunding };
    let after =
        act.change_payment("payment.refunding", before, Payment { status, reason: Some(reason.to_owned()), ..paid });
    if !nothing_came {
        act.request_refund(&after, None, minor, reason);
    }
    after
}

/// Whether a trip whose seats went back on sale can have all of them again; else why not.
fn seats_again(act: &Act<'_>, payment: &Payment) -> Result<(), &'static str> {
    if payment.reason.as_deref().is_some_and(|reason| NOT_WANTED.contains(&reason)) {
        return Err("replaced");
    }
    let another =
        |p: &&Payment| p.id != payment.id && p.trip_id == payment.trip_id && (p.status.is_open() || p.status.pays());
    if act.ledger.payments().any(|p| another(&p)) {
        return Err("trip_paid_otherwise");
    }
    let bookings = act.ledger.bookings_of_payment(payment.id);
    let wants = |slot: &Slot| -> i32 {
        bookings.iter().filter(|booking| booking.slot_id == slot.id).map(|booking| booking.guests).sum()
    };
    let fits = |booking: &&Booking| {
        booking.status == BookingStatus::Expired
            && act.ledger.slot(booking.slot_id).is_some_and(|slot| {
                slot.is_active(act.now)
                    && !slot.is_blocked
                    && slot.starts_at > act.now
                    && slot.available() >= wants(slot)
            })
    };
    if !bookings.is_empty() && bookings.iter().all(fits) { Ok(()) } else { Err("seats_gone") }
}
