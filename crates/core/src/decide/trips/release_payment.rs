//! No money will come for a payment: its seats go back on sale.

use super::rows::money_left;
use crate::command::{ExpireHold, ReleasePayment, ReleaseReason};
use crate::decide::{Act, Stop};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::rows::{BookingStatus, Payment, PaymentStatus};

pub(in crate::decide) fn release_payment(act: &mut Act<'_>, c: &ReleasePayment) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    match (payment.status, c.reason) {
        // Ending its session at Stripe was heard of before we could say why: money that comes is not wanted.
        (PaymentStatus::Failed, ReleaseReason::Replaced) if payment.reason.as_deref() != Some("replaced") => {
            let after = Payment { reason: Some(ReleaseReason::Replaced.as_str().to_owned()), ..payment.clone() };
            let after = act.change_payment("payment.replaced", &payment, after);
            return act.payment_done(&after);
        }
        (PaymentStatus::Failed | PaymentStatus::Refunding | PaymentStatus::Refunded, _) => {
            return act.payment_unchanged(&payment);
        }
        (PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded, _) => {
            return Err(Refusal::PaymentSucceeded.into());
        }
        // Only an operator decides on money that came otherwise than asked.
        (_, reason) if payment.received_minor.is_some() && reason != ReleaseReason::Operator => {
            return Err(Refusal::PaymentProcessing { payment_id: payment.id }.into());
        }
        // Its checkout is done; only Stripe's word on the money ends it, or an operator.
        (PaymentStatus::Processing, ReleaseReason::PaymentFailed | ReleaseReason::Operator) => {}
        (PaymentStatus::Processing, _) => return Err(Refusal::PaymentProcessing { payment_id: payment.id }.into()),
        // Another request was given the session, and the traveller may be paying at this moment.
        (PaymentStatus::Pending, ReleaseReason::CheckoutRefused) if payment.stripe_session_id.is_some() => {
            return act.payment_unchanged(&payment);
        }
        (PaymentStatus::Pending, _) => {}
    }
    end(act, &payment, c.reason.as_str())
}

/// The hold's own end. Needs no word from Stripe: its session cannot be paid any more.
pub(in crate::decide) fn expire_hold(act: &mut Act<'_>, c: &ExpireHold) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    let is_due = payment.expires_at.is_some_and(|at| at <= act.now);
    if payment.status != PaymentStatus::Pending || !is_due {
        return act.payment_unchanged(&payment);
    }
    end(act, &payment, "expired")
}

fn end(act: &mut Act<'_>, payment: &Payment, reason: &str) -> Result<Outcome, Stop> {
    // Effects.
    act.move_trip_bookings(
        payment.id,
        &[BookingStatus::PendingPayment, BookingStatus::Processing],
        BookingStatus::Expired,
        "booking.expired",
        Some(reason),
    );
    let came = payment.received_minor.filter(|minor| *minor > 0);
    // Somebody may have sent a part of it back in Stripe's dashboard.
    let left_minor = money_left(act, payment);
    let after = Payment {
        status: if came.is_some() { PaymentStatus::Refunding } else { PaymentStatus::Failed },
        reason: Some(reason.to_owned()),
        flag: None,
        ..payment.clone()
    };
    let event = if came.is_some() { "payment.refunding" } else { "payment.failed" };
    let after = act.change_payment(event, payment, after);
    if left_minor > 0 {
        act.request_refund(&after, None, left_minor, reason);
    }
    act.payment_done(&after)
}
