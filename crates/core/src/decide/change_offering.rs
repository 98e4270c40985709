//! Change the price or the rules of an experience. What is booked keeps its price.

use crate::command::ChangeOffering;
use crate::decide::act::text;
use crate::decide::add_offering::{check_terms, facts, with_terms};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, OfferingSaved, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Entity, Family, Offering};

pub(super) fn change_offering(act: &mut Act<'_>, c: &ChangeOffering) -> Result<Outcome, Stop> {
    let before = act.offering(c.offering_id)?;
    if before.family != Family::Experience {
        return Err(Refusal::OfferingNotFound.into());
    }
    if let Some(expected) = c.expected_version
        && expected != before.version
    {
        return Err(Refusal::VersionConflict { expected, actual: before.version }.into());
    }
    let mut after = with_terms(Offering::clone(&before), &c.terms);
    if let Some(name) = &c.name {
        after.name.clone_from(name);
    }
    check_terms(&after)?;
    if let Some(offering_id) = act.ledger.offering_named(&after.name)
        && offering_id != before.id
    {
        return Err(Refusal::OfferingExists { offering_id }.into());
    }
    let (old, new) = (facts(&before), facts(&after));
    let changed = old != new;
    let answer = Answer::OfferingSaved(OfferingSaved {
        offering_id: before.id,
        version: before.version + i64::from(changed),
        changed,
    });
    if !changed {
        return act.unchanged(Entity::Offering, before.id, answer, None);
    }

    // Effects.
    after.version += 1;
    act.journal("offering.changed", Entity::Offering, after.id, Some(text(&old)), Some(text(&facts(&after))));
    act.ledger.write_offering(after);
    act.done(answer, None)
}
