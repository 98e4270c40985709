//! Add and change contacts.

use serde_json::json;

use crate::command::{AddContact, ChangeContact};
use crate::decide::act::text;
use crate::decide::adjust_credits::{BALANCE_MAX, check_kinds};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, ContactSaved, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Balances, Contact, Entity, EntryReason};

pub(super) fn add_contact(act: &mut Act<'_>, c: &AddContact) -> Result<Outcome, Stop> {
    check_kinds(act, c.opening.keys())?;
    if let Some((kind, _)) = c.opening.iter().find(|(_, amount)| !(0..=BALANCE_MAX).contains(*amount)) {
        return Err(Refusal::invalid("credits", format!("{kind} must be from 0 to {BALANCE_MAX}")).into());
    }
    let here = c.id.filter(|id| act.ledger.contact(*id).is_some());
    if let Some(contact_id) = here.or_else(|| act.ledger.identity(&c.student_id, &c.email)) {
        return Err(Refusal::ContactExists { contact_id }.into());
    }

    // Effects.
    let contact = Contact {
        id: c.id.unwrap_or_else(|| act.fresh_id()),
        student_id: c.student_id.clone(),
        email: c.email.clone(),
        first_name: c.first_name.clone(),
        last_name: c.last_name.clone(),
        ndecc_exam_date: c.ndecc_exam_date,
        version: 1,
    };
    let id = contact.id;
    let after = facts(&contact);
    put_on_books(act, contact);
    for (kind, amount) in c.opening.iter().filter(|(_, amount)| **amount > 0) {
        act.enter_credit(id, kind.clone(), *amount, EntryReason::Opening, None);
    }
    if let Some(hubspot_id) = &c.hubspot_id {
        act.ledger.link_hubspot(Entity::Contact, id, hubspot_id.clone());
    }
    let balances = act.ledger.balances(id).cloned().unwrap_or_default();
    let after = json!({ "contact": after, "credits": balances });
    act.journal("contact.added", Entity::Contact, id, None, Some(text(&after)));
    let answer = ContactSaved { contact_id: id, balances };
    act.done(Answer::ContactAdded(answer), None)
}

/// Adds a contact of whom nothing else is known, with its journal row.
pub(super) fn insert_contact(act: &mut Act<'_>, contact: Contact) {
    let (id, after) = (contact.id, facts(&contact));
    put_on_books(act, contact);
    act.journal("contact.added", Entity::Contact, id, None, Some(text(&json!({ "contact": after }))));
}

/// A contact has a balance row of every kind, because a missing row cannot be locked or updated.
fn put_on_books(act: &mut Act<'_>, contact: Contact) {
    let zero: Balances = act.ledger.org.credit_kinds.iter().map(|(kind, _)| (kind.clone(), 0)).collect();
    act.ledger.insert_contact(contact, zero);
}

pub(super) fn change_contact(act: &mut Act<'_>, c: &ChangeContact) -> Result<Outcome, Stop> {
    let before = act.contact(c.contact_id)?;
    let mut after = before.clone();
    // What is not given is completed from the locked row: two operators may change one half each.
    if let Some(student_id) = &c.student_id {
        after.student_id.clone_from(student_id);
    }
    if let Some(email) = &c.email {
        after.email.clone_from(email);
    }
    if let Some(contact_id) = act.ledger.identity(&after.student_id, &after.email)
        && contact_id != before.id
    {
        return Err(Refusal::ContactExists { contact_id }.into());
    }
    if let Some(first_name) = &c.first_name {
        after.first_name.clone_from(first_name);
    }
    if let Some(last_name) = &c.last_name {
        after.last_name.clone_from(last_name);
    }
    if let Some(date) = c.ndecc_exam_date {
        after.ndecc_exam_date = date;
    }
    let answer = Answer::ContactChanged(ContactSaved {
        contact_id: before.id,
        balances: act.ledger.balances(before.id).cloned().unwrap_or_default(),
    });
    if after == before {
        return act.unchanged(Entity::Contact, before.id, answer, None);
    }

    // Effects.
    let (old, new) = (text(&facts(&before)), text(&facts(&after)));
    act.ledger.edit_contact(after);
    act.journal("contact.changed", Entity::Contact, before.id, Some(old), Some(new));
    act.done(answer, None)
}

fn facts(contact: &Contact) -> serde_json::Value {
    json!({
        "student_id": contact.student_id, "email": contact.email, "first_name": contact.first_name,
        "last_name": contact.last_name, "ndecc_exam_date": contact.ndecc_exam_date,
    })
}
