//! Import a trip, and import a payment: take them over as they stand elsewhere.

use std::collections::BTreeMap;

use crate::command::{ImportPayment, ImportTrip, ImportedRefund};
use crate::decide::add_offering::AMOUNT_MAX_MINOR;
use crate::decide::trips::record_payment::{never_came, recorded};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, TripSaved};
use crate::refusal::Refusal;
use crate::rows::{Entity, Payment, PaymentStatus, Refund, RefundStatus, Trip, TripStatus};

/// Why money that went back before it came here did so.
const ELSEWHERE: &str = "refunded_elsewhere";

pub(in crate::decide) fn import_trip(act: &mut Act<'_>, c: &ImportTrip) -> Result<Outcome, Stop> {
    let answer = |changed| Answer::TripSaved(TripSaved { trip_id: c.id, changed });
    if let Some(here) = act.ledger.trip(c.id) {
        if here.contact_id != c.contact_id {
            return Err(Refusal::TripNotFound.into());
        }
        return act.unchanged(Entity::Trip, c.id, answer(false), None);
    }

    // Effects.
    act.ensure_traveller(c.contact_id);
    let status = if c.is_cancelled { TripStatus::Cancelled } else { TripStatus::Planning };
    let created_at = c.created_at.unwrap_or(act.now);
    act.make_trip("trip.imported", Trip { id: c.id, contact_id: c.contact_id, status, version: 1, created_at });
    act.done(answer(true), None)
}

pub(in crate::decide) fn import_payment(act: &mut Act<'_>, c: &ImportPayment) -> Result<Outcome, Stop> {
    check_fields(c)?;
    if let Some(here) = act.ledger.payment(c.id).cloned() {
        // It is here: whatever has become of it since stays.
        return match here.contact_id == c.contact_id {
            true => act.payment_unchanged(&here),
            false => Err(Refusal::PaymentNotFound.into()),
        };
    }

    // Effects.
    act.ensure_traveller(c.contact_id);
    let payment = payment_of(act, c);
    act.make_payment("payment.imported", payment.clone());
    if let Some(refund) = &c.refund {
        let refund = refund_of(act, &payment, refund);
        act.make_refund("refund.imported", refund);
    }
    act.payment_done(&payment)
}

fn check_fields(c: &ImportPayment) -> Result<(), Refusal> {
    let mut wrong = BTreeMap::new();
    if !(1..=AMOUNT_MAX_MINOR).contains(&c.amount_minor) {
        wrong.insert("amount", format!("must be from 1 to {AMOUNT_MAX_MINOR} (minor units)"));
    }
    if let Some(refund) = &c.refund {
        if !c.is_paid {
            wrong.insert("refund", "no money came, so none can have gone back".to_owned());
        } else if !(1..=c.amount_minor).contains(&refund.amount_minor) {
            wrong.insert("refund", format!("must be from 1 to {} (minor units)", c.amount_minor));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

fn payment_of(act: &Act<'_>, c: &ImportPayment) -> Payment {
    let created_at = c.created_at.unwrap_or(act.now);
    let came = recorded(c.id, c.contact_id, c.amount_minor, c.currency.clone(), created_at);
    let money = if c.is_paid { came } else { never_came(came) };
    let refunded_minor = c.refund.as_ref().map_or(0, |refund| refund.amount_minor);
    let status = match refunded_minor {
        0 => money.status,
        minor if minor == c.amount_minor => PaymentStatus::Refunded,
        _ => PaymentStatus::PartiallyRefunded,
    };
    Payment {
        status,
        refunded_minor,
        reference: Some(format!("import:payment:{}", c.id)),
        stripe_payment_intent: c.stripe_payment_intent.clone(),
        stripe_session_id: c.stripe_session_id.clone(),
        ..money
    }
}

fn refund_of(act: &mut Act<'_>, payment: &Payment, refund: &ImportedRefund) -> Refund {
    Refund {
        id: act.fresh_id(),
        payment_id: payment.id,
        booking_id: refund.booking_id,
        amount_minor: refund.amount_minor,
        status: RefundStatus::Succeeded,
        reason: ELSEWHERE.to_owned(),
        stripe_refund_id: refund.stripe_refund_id.clone(),
        problem: None,
        version: 1,
        created_at: refund.at.unwrap_or(act.now),
    }
}
