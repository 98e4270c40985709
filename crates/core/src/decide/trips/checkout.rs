//! What is learned of a payment on the way: its session, that its money is coming, that somebody has to look.

use crate::command::{AttachCheckout, AwaitPayment, FlagPayment};
use crate::decide::{Act, Stop};
use crate::outcome::Outcome;
use crate::rows::{BookingStatus, Payment, PaymentStatus};

/// Notes the session. A payment has one; what is known already stays.
pub(in crate::decide) fn attach_checkout(act: &mut Act<'_>, c: &AttachCheckout) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    if payment.stripe_session_id.is_some() {
        return act.payment_unchanged(&payment);
    }

    // Effects.
    let after =
        Payment { stripe_session_id: Some(c.session_id.clone()), checkout_url: c.url.clone(), ..payment.clone() };
    let after = act.change_payment("payment.checkout_opened", &payment, after);
    act.payment_done(&after)
}

/// The seats stay held until Stripe says whether the money came.
pub(in crate::decide) fn await_payment(act: &mut Act<'_>, c: &AwaitPayment) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    if payment.status != PaymentStatus::Pending {
        return act.payment_unchanged(&payment);
    }

    // Effects.
    let after = Payment {
        status: PaymentStatus::Processing,
        processing_since: Some(act.now),
        stripe_session_id: payment.stripe_session_id.clone().or(c.session_id.clone()),
        stripe_payment_intent: payment.stripe_payment_intent.clone().or(c.stripe_payment_intent.clone()),
        ..payment.clone()
    };
    let after = act.change_payment("payment.processing", &payment, after);
    act.move_trip_bookings(
        payment.id,
        &[BookingStatus::PendingPayment],
        BookingStatus::Processing,
        "booking.processing",
        None,
    );
    act.payment_done(&after)
}

/// Notes what an operator has to look at, or that it was looked at.
pub(in crate::decide) fn flag_payment(act: &mut Act<'_>, c: &FlagPayment) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    let after = Payment {
        flag: c.flag.clone(),
        stripe_dispute_id: c.stripe_dispute_id.clone().or(payment.stripe_dispute_id.clone()),
        ..payment.clone()
    };
    if after == payment {
        return act.payment_unchanged(&payment);
    }

    // Effects.
    let event = if c.flag.is_some() { "payment.flagged" } else { "payment.unflagged" };
    let after = act.change_payment(event, &payment, after);
    act.payment_done(&after)
}
