//! Add an offering of a marketplace: an experience.

use serde_json::json;

use crate::command::{AddOffering, OfferingTerms};
use crate::decide::act::text;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, OfferingSaved, Outcome};
use crate::refusal::Refusal;
use crate::rows::{CodeStyle, Entity, Family, Offering};

/// Stripe takes at most eight digits.
pub(super) const AMOUNT_MAX_MINOR: i64 = 99_999_999;
/// A cut-off of a year is a mistake.
const MINUTES_MAX: i32 = 366 * 24 * 60;

pub(super) fn add_offering(act: &mut Act<'_>, c: &AddOffering) -> Result<Outcome, Stop> {
    let offering = with_terms(
        Offering {
            id: c.id.unwrap_or_else(|| act.fresh_id()),
            family: Family::Experience,
            name: c.name.clone(),
            credit_policy: Vec::new(),
            one_per_day: false,
            needs_dominant_hand: false,
            needs_attending_location: false,
            code_style: CodeStyle::Bk,
            cancel_cutoff_minutes: 0,
            price_minor: None,
            guests_max: 10,
            booking_cutoff_minutes: 120,
            free_cancel_minutes: 24 * 60,
            late_refund_percent: 0,
            is_active: true,
            version: 1,
        },
        &c.terms,
    );
    check_terms(&offering)?;
    if let Some(here) = c.id.and_then(|id| act.ledger.offering(id)) {
        let answer = OfferingSaved { offering_id: here.id, version: here.version, changed: false };
        return act.unchanged(Entity::Offering, offering.id, Answer::OfferingSaved(answer), None);
    }
    if let Some(offering_id) = act.ledger.offering_named(&c.name) {
        return Err(Refusal::OfferingExists { offering_id }.into());
    }

    // Effects.
    act.journal("offering.added", Entity::Offering, offering.id, None, Some(text(&facts(&offering))));
    let answer = OfferingSaved { offering_id: offering.id, version: 1, changed: true };
    act.ledger.write_offering(offering);
    act.done(Answer::OfferingSaved(answer), None)
}

pub(super) fn with_terms(mut offering: Offering, terms: &OfferingTerms) -> Offering {
    offering.price_minor = terms.price_minor.or(offering.price_minor);
    offering.guests_max = terms.guests_max.unwrap_or(offering.guests_max);
    offering.booking_cutoff_minutes = terms.booking_cutoff_minutes.unwrap_or(offering.booking_cutoff_minutes);
    offering.free_cancel_minutes = terms.free_cancel_minutes.unwrap_or(offering.free_cancel_minutes);
    offering.late_refund_percent = terms.late_refund_percent.unwrap_or(offering.late_refund_percent);
    offering.is_active = terms.is_active.unwrap_or(offering.is_active);
    offering
}

pub(super) fn check_terms(offering: &Offering) -> Result<(), Refusal> {
    let mut wrong = std::collections::BTreeMap::new();
    if let Some(problem) = offering.price_minor.and_then(price_problem) {
        wrong.insert("price", problem);
    }
    if !(1..=1000).contains(&offering.guests_max) {
        wrong.insert("maxGuests", "must be from 1 to 1000".to_owned());
    }
    for (field, minutes) in
        [("cutoffMinutes", offering.booking_cutoff_minutes), ("freeCancellationMinutes", offering.free_cancel_minutes)]
    {
        if !(0..=MINUTES_MAX).contains(&minutes) {
            wrong.insert(field, format!("must be from 0 to {MINUTES_MAX}"));
        }
    }
    if !(0..=100).contains(&offering.late_refund_percent) {
        wrong.insert("lateRefundPercent", "must be from 0 to 100".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

/// What is wrong with a price in minor units, if anything.
pub(super) fn price_problem(minor: i64) -> Option<String> {
    (!(0..=AMOUNT_MAX_MINOR).contains(&minor)).then(|| format!("must be from 0 to {AMOUNT_MAX_MINOR} (minor units)"))
}

pub(super) fn facts(offering: &Offering) -> serde_json::Value {
    json!({
        "name": offering.name, "price_minor": offering.price_minor, "guests_max": offering.guests_max,
        "booking_cutoff_minutes": offering.booking_cutoff_minutes,
        "free_cancel_minutes": offering.free_cancel_minutes, "late_refund_percent": offering.late_refund_percent,
        "is_active": offering.is_active, "version": offering.version,
    })
}
