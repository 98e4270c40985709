//! Withhold: take seats out of sale without a booking, or put them back.

use crate::command::Withhold;
use crate::decide::{Act, Stop, check_on_sale};
use crate::outcome::{Answer, Outcome, SlotSaved};
use crate::refusal::Refusal;

pub(super) fn withhold(act: &mut Act<'_>, c: &Withhold) -> Result<Outcome, Stop> {
    let before = act.slot(c.slot_id)?;
    if c.seats == 0 {
        return Err(Refusal::invalid("seats", "must not be 0").into());
    }
    if c.seats > 0 && c.on_sale_only {
        if !act.offering(before.offering_id)?.is_active {
            return Err(Refusal::SlotNotActive { activates_at: None }.into());
        }
        check_on_sale(&before, act.now)?;
    }
    if c.seats > before.available() {
        return Err(Refusal::Full { requested: c.seats, available: before.available() }.into());
    }
    if c.seats < 0 && c.seats.saturating_neg() > before.withheld {
        return Err(Refusal::ReleaseExceedsWithheld { withheld: before.withheld }.into());
    }

    // Effects.
    act.ledger.withhold_seats(before.id, c.seats);
    let after = act.slot(before.id)?;
    let event = if c.seats > 0 { "slot.withheld" } else { "slot.released" };
    act.journal_slot(event, Some(&before), &after, c.reason.as_deref());
    let answer = SlotSaved {
        slot_id: after.id,
        version: after.edit_version,
        withheld: after.withheld,
        available: after.available(),
        changed: true,
    };
    act.done(Answer::SlotChanged(answer), None)
}
