//! Open a slot.
//!
//! An experience has one slot per date and start. No index says so: slots of all families share a table, and those
//! of exams may begin together. The lock of the offering's row does, under which the slots that are there are read.
//! Opening is rare, and bookings do not take that lock, so it costs them nothing.

use std::collections::BTreeMap;

use crate::command::OpenSlot;
use crate::decide::add_offering::price_problem;
use crate::decide::change_slot::{capacity_problem, check_prerequisite_slots};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, SlotSaved};
use crate::refusal::Refusal;
use crate::rows::{Entity, Slot, SlotStatus};

pub(super) fn open_slot(act: &mut Act<'_>, c: &OpenSlot) -> Result<Outcome, Stop> {
    let offering = act.offering(c.offering_id)?;
    let mut wrong = BTreeMap::new();
    if let Some(problem) = capacity_problem(act, c.capacity) {
        wrong.insert("capacity", problem);
    }
    if c.withheld < 0 || c.withheld > c.capacity {
        wrong.insert("withheld", format!("must be from 0 to the capacity, {}", c.capacity));
    }
    if c.status == SlotStatus::Cancelled {
        wrong.insert("status", "a new session cannot be cancelled already".to_owned());
    }
    if c.status == SlotStatus::Scheduled && c.activates_at.is_none() {
        wrong.insert("scheduled_activation_datetime", "is required for a scheduled session".to_owned());
    }
    if c.times.ends_at <= c.times.starts_at {
        wrong.insert("end_time", "must be after start_time".to_owned());
    }
    if let Some(problem) = c.price_minor.and_then(price_problem) {
        wrong.insert("price", problem);
    }
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong).into());
    }
    check_prerequisite_slots(act, &c.prerequisites)?;
    let (date, start) = (c.times.local_date, c.times.local_start);
    let by_id = c.id.and_then(|id| act.ledger.slot(id));
    let by_start = || act.ledger.slot_starting(offering.id, date, start).filter(|_| c.one_per_start);
    if let Some(there) = by_id.or_else(by_start) {
        let (id, answer) = (there.id, Answer::SlotOpened(saved(there, false)));
        return act.unchanged(Entity::Slot, id, answer, None);
    }

    // Effects.
    let slot = Slot {
        id: c.id.unwrap_or_else(|| act.fresh_id()),
        offering_id: offering.id,
        name: c.name.clone(),
        starts_at: c.times.starts_at,
        ends_at: c.times.ends_at,
        local_date: c.times.local_date,
        local_start: c.times.local_start,
        local_end: c.times.local_end,
        time_zone: c.times.time_zone.clone(),
        location: c.location.clone(),
        mock_set: c.mock_set.clone(),
        capacity: c.capacity,
        taken: 0,
        held: 0,
        withheld: c.withheld,
        status: c.status,
        activates_at: c.activates_at,
        is_blocked: false,
        blocked_reason: None,
        prerequisites: c.prerequisites.clone(),
        price_minor: c.price_minor,
        version: 1,
        edit_version: 1,
    };
    if let Some(hubspot_id) = &c.hubspot_id {
        act.ledger.link_hubspot(Entity::Slot, slot.id, hubspot_id.clone());
    }
    act.journal_slot("slot.opened", None, &slot, None);
    let answer = saved(&slot, true);
    act.ledger.insert_slot(slot);
    act.done(Answer::SlotOpened(answer), None)
}

fn saved(slot: &Slot, changed: bool) -> SlotSaved {
    SlotSaved {
        slot_id: slot.id,
        version: slot.edit_version,
        withheld: slot.withheld,
        available: slot.available(),
        changed,
    }
}
