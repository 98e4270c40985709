//! Record money that was taken elsewhere, so that a trip can be booked with it.

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
    let payment = Payment {
        id: act.fresh_id(),
        contact_id: c.contact_id,
        trip_id: None,
        source: PaymentSource::Recorded,
        status: PaymentStatus::Succeeded,
        amount_minor: c.amount_minor,
        currency: c.currency.clone(),
        received_minor: Some(c.amount_minor),
        received_currency: Some(c.currency.clone()),
        refunded_minor: 0,
        reference: Some(c.reference.clone()),
        checkout: None,
        stripe_session_id: None,
        checkout_url: None,
        stripe_payment_intent: c.stripe_payment_intent.clone(),
        pay_until: None,
        expires_at: None,
        processing_since: None,
        reason: None,
        flag: None,
        stripe_dispute_id: None,
        version: 1,
        created_at: act.now,
    };
    act.make_payment("payment.recorded", payment.clone());
    act.payment_done(&payment)
}
