//! Money on its way back: what we ask for, and what Stripe says of it.

use crate::command::{FailRefund, RefundBooking, SeeRefunds, SeenRefund};
use crate::decide::cancel::{give_up, refund_by_policy};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, BookingRefunded, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Booking, BookingStatus, Payment, PaymentStatus, Refund, RefundStatus};

use super::rows::refundable;

/// A part of a booking's money, or all that is left of it; with all of it the seats go back, too.
pub(in crate::decide) fn refund_booking(act: &mut Act<'_>, c: &RefundBooking) -> Result<Outcome, Stop> {
    let mut booking = act.booking(c.booking_id)?;
    let slot = act.slot(booking.slot_id)?;
    let offering = act.offering(slot.offering_id)?;
    let Some(purchase) = booking.purchase else {
        return Err(Refusal::NotRefundable { problem: "No money paid for this booking.".to_owned() }.into());
    };
    let payment = act.payment(purchase.payment_id)?;
    if c.amount_minor.is_some_and(|minor| minor < 1) {
        return Err(Refusal::invalid("amount", "must be at least 1 (minor units)").into());
    }
    match booking.status {
        BookingStatus::PendingPayment => return Err(Refusal::CheckoutOpen { payment_id: payment.id }.into()),
        BookingStatus::Processing => return Err(Refusal::PaymentProcessing { payment_id: payment.id }.into()),
        BookingStatus::Expired => return Err(Refusal::BookingNotActive { status: booking.status }.into()),
        status if c.by_traveller && status != BookingStatus::Confirmed => {
            return Err(Refusal::BookingNotActive { status }.into());
        }
        _ => {}
    }
    if c.by_traveller && slot.starts_at <= act.now {
        return Err(Refusal::CancelTooLate { until: slot.starts_at }.into());
    }
    let left_minor = refundable(act, &payment, &booking);
    if left_minor == 0 && !c.by_traveller {
        return Err(Refusal::FullyRefunded.into());
    }
    let amount_minor = match c.amount_minor {
        // A traveller gets what the policy gives, whatever was asked for.
        _ if c.by_traveller => refund_by_policy(act.now, &slot, &offering, left_minor),
        Some(minor) if minor > left_minor => return Err(Refusal::RefundTooLarge { left_minor }.into()),
        Some(minor) => minor,
        None => left_minor,
    };

    // Effects.
    let reason = c.reason.as_deref().unwrap_or(if c.by_traveller { "cancelled_by_traveller" } else { "operator" });
    let is_whole = c.by_traveller || amount_minor == left_minor;
    if is_whole && booking.status == BookingStatus::Confirmed {
        give_up(act, &mut booking, Some(reason));
    }
    let refund = (amount_minor > 0).then(|| act.request_refund(&payment, Some(booking.id), amount_minor, reason));
    let status = booking.status;
    let answer = BookingRefunded { booking_id: booking.id, reference: booking.code, status, refund };
    act.done(Answer::BookingRefunded(answer), Some(status))
}

/// Follows Stripe: the whole list of a payment's refunds, so that any order and any repeat of events end alike. Lists
/// may also come in another order than they were read in: a refund never goes back to an earlier state, and one that
/// an older list does not have yet still counts.
pub(in crate::decide) fn see_refunds(act: &mut Act<'_>, c: &SeeRefunds) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    if payment.money() == 0 {
        return Err(Refusal::PaymentNotSucceeded { status: payment.status }.into());
    }
    let news: Vec<News> = c.refunds.iter().filter_map(|seen| see(act, &payment, seen)).collect();
    let mut changed = !news.is_empty();
    // What Stripe has; and what was taken over without saying as what Stripe knows it.
    let at_stripe = |refund: &&Refund| matches!(refund.status, RefundStatus::Pending | RefundStatus::Succeeded);
    let refunded_minor = act.ledger.refunds_of(payment.id).filter(at_stripe).map(|refund| refund.amount_minor).sum();
    let status = status_after(&payment, refunded_minor);
    let confirms_nothing = payment.status.is_open() && status == PaymentStatus::Refunded;
    let after = Payment {
        refunded_minor,
        status,
        // Should one of its refunds fail later, the money is not for its bookings all the same.
        reason: if confirms_nothing { Some("refunded".to_owned()) } else { payment.reason.clone() },
        // Only once: an operator who has looked at it has taken the flag down.
        flag: if news.contains(&News::Failed) { Some("REFUND_FAILED".to_owned()) } else { payment.flag.clone() },
        ..payment.clone()
    };
    if after != payment {
        changed = true;
        let event = if after.status == PaymentStatus::Refunded { "payment.refunded" } else { "payment.refund_seen" };
        let after = act.change_payment(event, &payment, after);
        // All of it went back, by whoever's hand: nobody has paid for these seats.
        if after.status == PaymentStatus::Refunded {
            act.move_trip_bookings(
                after.id,
                &[BookingStatus::Confirmed],
                BookingStatus::Cancelled,
                "booking.cancelled",
                Some("refunded"),
            );
            act.move_trip_bookings(
                after.id,
                &[BookingStatus::Processing],
                BookingStatus::Expired,
                "booking.expired",
                Some("refunded"),
            );
            let bookings: Vec<Booking> = act.ledger.bookings_of_payment(after.id).into_iter().cloned().collect();
            if let Some(booking) = bookings.first() {
                act.end_trip_without_bookings(booking);
            }
        }
    }
    let payment = act.payment(payment.id)?;
    if changed { act.payment_done(&payment) } else { act.payment_unchanged(&payment) }
}

/// What Stripe's word on a refund has told us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Failed,
    Else,
}

/// Follows one refund; says whether it had anything new.
fn see(act: &mut Act<'_>, payment: &Payment, seen: &SeenRefund) -> Option<News> {
    let news = |is_new: bool| if is_new && seen.status == RefundStatus::Failed { News::Failed } else { News::Else };
    let of_payment = || act.ledger.refunds_of(payment.id);
    let known = of_payment()
        .find(|refund| refund.stripe_refund_id.as_ref() == Some(&seen.stripe_refund_id))
        .or_else(|| of_payment().find(|refund| Some(refund.id) == seen.refund_id))
        .or_else(|| of_payment().find(|refund| is_nameless(refund)))
        .cloned();
    let Some(before) = known else {
        let refund = Refund {
            id: act.fresh_id(),
            payment_id: payment.id,
            booking_id: None,
            amount_minor: seen.amount_minor,
            status: seen.status,
            reason: "made_at_stripe".to_owned(),
            stripe_refund_id: Some(seen.stripe_refund_id.clone()),
            problem: None,
            version: 1,
            created_at: act.now,
        };
        act.make_refund("refund.seen", refund);
        return Some(news(true));
    };
    let is_old = before.stripe_refund_id.is_some() && seen.status < before.status;
    let status = if is_old { before.status } else { seen.status };
    let after = Refund {
        status,
        stripe_refund_id: Some(seen.stripe_refund_id.clone()),
        // Another system may have added several up under one id, or one twice.
        amount_minor: seen.amount_minor,
        ..before.clone()
    };
    if after == before {
        return None;
    }
    let event = match status {
        RefundStatus::Succeeded => "refund.succeeded",
        RefundStatus::Failed => "refund.failed",
        RefundStatus::Requested | RefundStatus::Pending => "refund.pending",
    };
    let is_back = before.status != RefundStatus::Succeeded && after.status == RefundStatus::Succeeded;
    act.change_refund(event, &before, after);
    if is_back && let Some(mut booking) = before.booking_id.and_then(|id| act.ledger.booking(id).cloned()) {
        let old = booking.clone();
        booking.refunded_by = Some("stripe".to_owned());
        act.change_booking_because("booking.refunded", &old, &mut booking, Some(&before.reason));
    }
    Some(news(before.status != RefundStatus::Failed))
}

fn status_after(payment: &Payment, refunded_minor: i64) -> PaymentStatus {
    // A reason says that all of it goes back.
    let all_goes_back = payment.reason.is_some();
    match refunded_minor {
        minor if minor >= payment.money() && minor > 0 => PaymentStatus::Refunded,
        _ if all_goes_back => PaymentStatus::Refunding,
        _ if payment.status.is_open() => payment.status,
        0 => PaymentStatus::Succeeded,
        _ => PaymentStatus::PartiallyRefunded,
    }
}

/// A refund that was taken over without Stripe's id of it: whichever Stripe says first is it.
fn is_nameless(refund: &Refund) -> bool {
    refund.status == RefundStatus::Succeeded && refund.stripe_refund_id.is_none()
}

/// Stripe will not do it: an operator has to look.
pub(in crate::decide) fn fail_refund(act: &mut Act<'_>, c: &FailRefund) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    let before = act.ledger.refund(c.refund_id).filter(|refund| refund.payment_id == payment.id).cloned();
    let Some(before) = before.filter(|refund| refund.status == RefundStatus::Requested) else {
        return act.payment_unchanged(&payment);
    };

    // Effects.
    let after = Refund { status: RefundStatus::Failed, problem: Some(c.problem.clone()), ..before.clone() };
    act.change_refund("refund.failed", &before, after);
    let flagged = Payment { flag: Some("REFUND_FAILED".to_owned()), ..payment.clone() };
    let after = if flagged == payment { payment } else { act.change_payment("payment.flagged", &payment, flagged) };
    act.payment_done(&after)
}
