//! Change a slot: capacity, block, activation, prerequisites, name and place, cancellation.
//!
//! Cancelling a slot ends its sale at once, in this command. Its bookings are cancelled by commands of
//! their own, one each, so that a crash in between loses nothing: whoever finds a cancelled slot with
//! live bookings goes on.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::command::ChangeSlot;
use crate::decide::add_offering::price_problem;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, SlotSaved};
use crate::refusal::Refusal;
use crate::rows::{Entity, Slot, SlotStatus};

pub(super) fn change_slot(act: &mut Act<'_>, c: &ChangeSlot) -> Result<Outcome, Stop> {
    let before = act.slot(c.slot_id)?;
    if let Some(expected) = c.expected_version
        && expected != before.edit_version
    {
        return Err(Refusal::VersionConflict { expected, actual: before.edit_version }.into());
    }
    let after = edited(before.clone(), c);
    check(act, &before, &after, c)?;

    let changed = after != before;
    if changed {
        act.ledger.edit_slot(after.clone());
    }
    let answer = Answer::SlotChanged(SlotSaved {
        slot_id: after.id,
        version: after.edit_version + i64::from(changed),
        withheld: after.withheld,
        available: after.available(),
        changed,
    });
    if !changed {
        return act.unchanged(Entity::Slot, after.id, answer, None);
    }
    let event = match (before.status, after.status) {
        (old, SlotStatus::Cancelled) if old != SlotStatus::Cancelled => "slot.cancelled",
        _ if before.is_blocked != after.is_blocked && after.is_blocked => "slot.blocked",
        _ if before.is_blocked != after.is_blocked => "slot.unblocked",
        _ => "slot.changed",
    };
    act.journal_slot(event, Some(&before), &after, None);
    act.done(answer, None)
}

fn edited(mut slot: Slot, c: &ChangeSlot) -> Slot {
    if let Some(name) = &c.name {
        slot.name.clone_from(name);
    }
    if let Some(times) = &c.times {
        slot.starts_at = times.starts_at;
        slot.ends_at = times.ends_at;
        slot.local_date = times.local_date;
        slot.local_start = times.local_start;
        slot.local_end = times.local_end;
        slot.time_zone.clone_from(&times.time_zone);
    }
    if let Some(location) = &c.location {
        slot.location.clone_from(location);
    }
    if let Some(mock_set) = &c.mock_set {
        slot.mock_set.clone_from(mock_set);
    }
    if let Some(capacity) = c.capacity {
        slot.capacity = capacity;
    }
    if let Some(status) = c.status {
        slot.status = status;
    }
    if let Some(at) = c.activates_at {
        slot.activates_at = Some(at);
    }
    if let Some(blocked) = &c.blocked {
        slot.is_blocked = blocked.is_some();
        slot.blocked_reason.clone_from(blocked);
    }
    if let Some(prerequisites) = &c.prerequisites {
        slot.prerequisites.clone_from(prerequisites);
    }
    if let Some(price_minor) = c.price_minor {
        slot.price_minor = price_minor;
    }
    slot
}

fn check(act: &Act<'_>, before: &Slot, after: &Slot, c: &ChangeSlot) -> Result<(), Refusal> {
    let mut wrong = BTreeMap::new();
    if c.capacity.is_some()
        && let Some(problem) = capacity_problem(act, after.capacity)
    {
        wrong.insert("capacity", problem);
    }
    if let Some(problem) = c.price_minor.flatten().and_then(price_problem) {
        wrong.insert("price", problem);
    }
    if after.status == SlotStatus::Scheduled && after.activates_at.is_none() {
        wrong.insert("scheduled_activation_datetime", "is required for a scheduled session".to_owned());
    }
    if after.ends_at <= after.starts_at {
        wrong.insert("end_time", "must be after start_time".to_owned());
    }
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong));
    }
    if let Some(prerequisites) = &c.prerequisites {
        if prerequisites.contains(&before.id) {
            return Err(Refusal::invalid("prerequisite_exam_ids", "a session cannot require itself"));
        }
        check_prerequisite_slots(act, prerequisites)?;
    }
    if before.status == SlotStatus::Cancelled && after.status != SlotStatus::Cancelled {
        return Err(Refusal::SlotCancelled);
    }
    let booked = before.taken + before.held;
    let day = |slot: &Slot| (slot.starts_at, slot.ends_at, slot.local_date);
    if booked > 0 && day(before) != day(after) {
        return Err(Refusal::SlotHasBookings { bookings: booked });
    }
    if after.available() < 0 {
        return Err(Refusal::CapacityTooLow { in_use: before.capacity - before.available() });
    }
    Ok(())
}

/// What is wrong with a capacity, if anything.
pub(super) fn capacity_problem(act: &Act<'_>, capacity: i32) -> Option<String> {
    let max = act.ledger.org.slot_capacity_max;
    (!(1..=max).contains(&capacity)).then(|| format!("must be from 1 to {max}"))
}

/// Refuses a required slot that does not exist.
pub(super) fn check_prerequisite_slots(act: &Act<'_>, prerequisites: &[Uuid]) -> Result<(), Refusal> {
    match prerequisites.iter().find(|id| !act.ledger.has_slot(**id)) {
        None => Ok(()),
        Some(id) => Err(Refusal::invalid("prerequisite_exam_ids", format!("there is no session {id}"))),
    }
}
