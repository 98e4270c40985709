//! Adjust credits: grant or take by a difference, never set to a value.

use crate::command::AdjustCredits;
use crate::decide::act::text;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, CreditsAdjusted, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Balances, CreditKind, Entity};

/// No balance goes beyond this: far above any school's numbers, far below overflow.
pub(super) const BALANCE_MAX: i64 = 1_000_000_000;

pub(super) fn adjust_credits(act: &mut Act<'_>, c: &AdjustCredits) -> Result<Outcome, Stop> {
    let contact = act.contact(c.contact_id)?;
    check_kinds(act, c.deltas.keys())?;
    let too_large = |(kind, delta): &(&CreditKind, &i64)| {
        **delta > 0 && act.ledger.balance(contact.id, kind).saturating_add(**delta) > BALANCE_MAX
    };
    if let Some((kind, _)) = c.deltas.iter().find(too_large) {
        return Err(Refusal::invalid("credits", format!("{kind} cannot go beyond {BALANCE_MAX}")).into());
    }
    let mut applied = Balances::new();
    for (kind, delta) in &c.deltas {
        let balance = act.ledger.balance(contact.id, kind);
        let after = balance.saturating_add(*delta);
        if after < 0 && !c.stop_at_zero {
            return Err(Refusal::InsufficientCredits {
                needed: delta.saturating_neg(),
                available: balance,
                kinds: vec![kind.clone()],
            }
            .into());
        }
        applied.insert(kind.clone(), after.max(0) - balance);
    }

    let before = act.ledger.balances(contact.id).cloned().unwrap_or_default();
    if applied.values().all(|delta| *delta == 0) {
        let answer = CreditsAdjusted { contact_id: contact.id, balances: before, applied };
        return act.unchanged(Entity::Contact, contact.id, Answer::CreditsAdjusted(answer), None);
    }

    // Effects.
    for (kind, delta) in applied.iter().filter(|(_, delta)| **delta != 0) {
        act.enter_credit(contact.id, kind.clone(), *delta, c.reason, None);
    }
    let after = act.ledger.balances(contact.id).cloned().unwrap_or_default();
    let after_text = text(&serde_json::json!({ "credits": after, "note": c.note }));
    let before_text = text(&serde_json::json!({ "credits": before }));
    act.journal("credits.adjusted", Entity::Contact, contact.id, Some(before_text), Some(after_text));
    let answer = CreditsAdjusted { contact_id: contact.id, balances: after, applied };
    act.done(Answer::CreditsAdjusted(answer), None)
}

/// Refuses a kind of credit that the organisation does not have.
pub(super) fn check_kinds<'k>(act: &Act<'_>, kinds: impl Iterator<Item = &'k CreditKind>) -> Result<(), Refusal> {
    for kind in kinds {
        if act.ledger.org.token_label(kind).is_none() {
            return Err(Refusal::CreditKindNotAllowed {
                kind: kind.to_string(),
                allowed: act.ledger.org.credit_kinds.iter().map(|(k, _)| k.to_string()).collect(),
            });
        }
    }
    Ok(())
}
