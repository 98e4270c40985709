//! Record money that was taken elsewhere, so that a trip can be booked with it.

use jiff::Timestamp;
use uuid::Uuid;

use crate::command::RecordPayment;
use crate::decide::add_offering::AMOUNT_MAX_MINOR;
use crate::decide::{Act, Stop};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::rows::{Payment, PaymentSource, PaymentStatus};

pub(in crate::decide) fn record_payment(act: &mut Act<'_>, c: &RecordPayment) -> Result<Outcome, Stop> {
    if !(1..=AMOUNT_MAX_MINOR).contains(&c.amount_minor) {
        return Err(Refusal::invalid("amount", format!("must be from 1 to {AMOUNT_MAX_MINOR} (minor units)")).into());
    }
    let known = act.ledger.payments().find(|p| p.reference.as_ref() == Some(&c.reference)).cloned();
    if let Some(known) = known {
        let same = known.contact_id == c.contact_id
            && known.amount_minor == c.amount_minor
            && known.currency == c.currency
            && known.stripe_payment_intent == c.stripe_payment_intent;
        if !same {
            return Err(Refusal::invalid("reference", "was recorded with another user, amount or currency").into());
        }
        return act.payment_unchanged(&known);
    }

    // Effects.
    act.ensure_traveller(c.contact_id);
    let money = recorded(act.fresh_id(), c.contact_id, c.amount_minor, c.currency.clone(), act.now);
    let payment = Payment {
        reference: Some(c.reference.clone()),
        stripe_payment_intent: c.stripe_payment_intent.clone(),
        ..money
    };
    act.make_payment("payment.recorded", payment.clone());
    act.payment_done(&payment)
}

/// Money that was taken elsewhere: all of it came, and none has gone back.
pub(super) fn recorded(
    id: Uuid,
    contact_id: Uuid,
    amount_minor: i64,
    currency: String,
    created_at: Timestamp,
) -> Payment {
    Payment {
        id,
        contact_id,
        trip_id: None,
        source: PaymentSource::Recorded,
        status: PaymentStatus::Succeeded,
        amount_minor,
        received_minor: Some(amount_minor),
        received_currency: Some(currency.clone()),
        currency,
        refunded_minor: 0,
        reference: None,
        checkout: None,
        stripe_session_id: None,
        checkout_url: None,
        stripe_payment_intent: None,
        pay_until: None,
        expires_at: None,
        processing_since: None,
        reason: None,
        flag: None,
        stripe_dispute_id: None,
        version: 1,
        created_at,
    }
}

/// The same, of which nothing came after all.
pub(super) fn never_came(payment: Payment) -> Payment {
    Payment { status: PaymentStatus::Failed, received_minor: None, received_currency: None, ..payment }
}
