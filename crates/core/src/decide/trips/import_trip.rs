//! Import a trip, and import a payment: take them over as they stand elsewhere.

use std::collections::BTreeMap;

use crate::command::{ImportPayment, ImportTrip, ImportedRefund};
use crate::decide::add_offering::AMOUNT_MAX_MINOR;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, TripSaved};
use crate::refusal::Refusal;
use crate::rows::{Entity, Payment, PaymentSource, PaymentStatus, Refund, RefundStatus, Trip, TripStatus};

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
    let refunded_minor = c.refund.as_ref().map_or(0, |refund| refund.amount_minor);
    let status = match refunded_minor {
        _ if !c.is_paid => PaymentStatus::Failed,
        0 => PaymentStatus::Succeeded,
        minor if minor == c.amount_minor => PaymentStatus::Refunded,
        _ => PaymentStatus::PartiallyRefunded,
    };
    Payment {
        id: c.id,
        contact_id: c.contact_id,
        trip_id: None,
        source: PaymentSource::Recorded,
        status,
        amount_minor: c.amount_minor,
        currency: c.currency.clone(),
        received_minor: c.is_paid.then_some(c.amount_minor),
        received_currency: c.is_paid.then(|| c.currency.clone()),
        refunded_minor,
        reference: Some(format!("import:payment:{}", c.id)),
        checkout: None,
        stripe_session_id: c.stripe_session_id.clone(),
        checkout_url: None,
        stripe_payment_intent: c.stripe_payment_intent.clone(),
        pay_until: None,
        expires_at: None,
        processing_since: None,
        reason: None,
        flag: None,
        stripe_dispute_id: None,
        version: 1,
        created_at: c.created_at.unwrap_or(act.now),
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
