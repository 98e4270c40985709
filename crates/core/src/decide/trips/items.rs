//! What a trip asks for: whether it may be sold, and what it costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::command::{ExpectedItem, TripItem};
use crate::decide::Act;
use crate::decide::add_offering::AMOUNT_MAX_MINOR;
use crate::refusal::{Refusal, Shortage};
use crate::rows::{Booking, Family, Offering, Slot};

/// Items of one trip. Far more than a journey has, few enough for one request of Stripe's (100 lines).
const ITEMS_MAX: usize = 50;

/// An item with what it is about.
pub(super) struct Priced {
    pub slot: Slot,
    pub offering: Arc<Offering>,
    pub guests: i32,
    /// Price of one guest, in minor units.
    pub unit_minor: i64,
}

impl Priced {
    /// What all guests pay, in minor units.
    pub fn price_minor(&self) -> i64 {
        self.unit_minor * i64::from(self.guests)
    }
}

/// Whether the cut-off before the start counts: not for money that was taken before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cutoff {
    Counts,
    Passed,
}

/// Every check of the items, in the order of precedence; seats last. Nothing is changed.
pub(super) fn check(act: &Act<'_>, items: &[TripItem], cutoff: Cutoff) -> Result<Vec<Priced>, Refusal> {
    let found = find(act, items)?;
    check_request(items, &found)?;
    let priced = price(found)?;
    check_slots(act, &priced, cutoff)?;
    check_seats(&priced)?;
    Ok(priced)
}

fn find(act: &Act<'_>, items: &[TripItem]) -> Result<Vec<(Slot, Arc<Offering>, i32)>, Refusal> {
    if items.is_empty() {
        return Err(Refusal::EmptyTrip);
    }
    items
        .iter()
        .map(|item| {
            let slot = act.slot(item.slot_id)?;
            let offering = act.offering(slot.offering_id)?;
            // Exams are not sold here; that they exist is nobody's business here either.
            if offering.family != Family::Experience {
                Err(Refusal::SlotNotFound)
            } else {
                Ok((slot, offering, item.guests))
            }
        })
        .collect()
}

fn check_request(items: &[TripItem], found: &[(Slot, Arc<Offering>, i32)]) -> Result<(), Refusal> {
    if items.len() > ITEMS_MAX {
        return Err(Refusal::invalid("tripItems", format!("at most {ITEMS_MAX} items")));
    }
    let guests = guests_of(items.iter().map(|item| (item.slot_id, item.guests)));
    let problems = items.iter().zip(found).enumerate().filter_map(|(index, (item, (slot, offering, _)))| {
        let problem = mismatch(&item.expected, slot).or_else(|| {
            let all = guests[&slot.id];
            if item.guests < 1 {
                Some("guestCount must be at least 1".to_owned())
            } else if all > i64::from(offering.guests_max) {
                Some(format!("guestCount: at most {} guests may be booked at once, not {all}", offering.guests_max))
            } else {
                None
            }
        })?;
        Some(format!("item {}: {problem}", index + 1))
    });
    let problems: Vec<String> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(Refusal::invalid("tripItems", problems.join("; "))) }
}

fn mismatch(expected: &ExpectedItem, slot: &Slot) -> Option<String> {
    if expected.offering_id.is_some_and(|id| id != slot.offering_id) {
        return Some("slotId is not a slot of experienceId".to_owned());
    }
    if expected.local_date.is_some_and(|date| date != slot.local_date) {
        return Some(format!("date: the slot is on {}", slot.local_date));
    }
    if expected.local_start.is_some_and(|time| time != slot.local_start) {
        return Some(format!("time: the slot begins at {}", slot.local_start.strftime("%H:%M")));
    }
    None
}

/// Seats by slot: one that is named twice counts together. Wide, so that absurd numbers do not wrap.
fn guests_of(items: impl Iterator<Item = (Uuid, i32)>) -> BTreeMap<Uuid, i64> {
    items.fold(BTreeMap::new(), |mut all, (slot_id, guests)| {
        *all.entry(slot_id).or_default() += i64::from(guests);
        all
    })
}

fn price(found: Vec<(Slot, Arc<Offering>, i32)>) -> Result<Vec<Priced>, Refusal> {
    let mut priced = Vec::with_capacity(found.len());
    for (slot, offering, guests) in found {
        let Some(unit_minor) = slot.price_minor.or(offering.price_minor) else {
            let problem = format!("{} has no price, so it cannot be sold.", offering.name);
            return Err(Refusal::InvalidPrice { problem });
        };
        priced.push(Priced { slot, offering, guests, unit_minor });
    }
    let total = total(&priced);
    if total <= 0 {
        return Err(Refusal::InvalidPrice {
            problem: "The trip costs nothing, so there is nothing to pay.".to_owned(),
        });
    }
    if total > AMOUNT_MAX_MINOR {
        let problem = format!("The trip costs {total} (minor units), more than one payment can be.");
        return Err(Refusal::InvalidPrice { problem });
    }
    Ok(priced)
}

pub(super) fn total(priced: &[Priced]) -> i64 {
    priced.iter().map(Priced::price_minor).sum()
}

fn check_slots(act: &Act<'_>, priced: &[Priced], cutoff: Cutoff) -> Result<(), Refusal> {
    for Priced { slot, offering, .. } in priced {
        if !slot.is_active(act.now) || !offering.is_active {
            return Err(Refusal::SlotNotActive { activates_at: slot.goes_on_sale_at() });
        }
        if slot.starts_at <= act.now {
            return Err(Refusal::SlotPast);
        }
        let until = slot.starts_at - SignedDuration::from_mins(i64::from(offering.booking_cutoff_minutes));
        if cutoff == Cutoff::Counts && until <= act.now {
            return Err(Refusal::CutoffPassed { slot_id: slot.id, until });
        }
        if slot.is_blocked {
            return Err(Refusal::SlotBlocked);
        }
    }
    Ok(())
}

fn check_seats(priced: &[Priced]) -> Result<(), Refusal> {
    let guests = guests_of(priced.iter().map(|item| (item.slot.id, item.guests)));
    let available = |id| priced.iter().find(|item| item.slot.id == id).map_or(0, |item| item.slot.available());
    let short: Vec<Shortage> = guests
        .into_iter()
        .map(|(slot_id, guests)| Shortage {
            slot_id,
            // At most the guests_max of an offering by now.
            requested: i32::try_from(guests).unwrap_or(i32::MAX),
            available: available(slot_id),
        })
        .filter(|slot| slot.requested > slot.available)
        .collect();
    if short.is_empty() { Ok(()) } else { Err(Refusal::Shortages(short)) }
}

/// Whether bookings are those that the items ask for, in any order.
pub(super) fn same(items: &[TripItem], bookings: &[&Booking]) -> bool {
    let mut wanted: Vec<(Uuid, i32)> = items.iter().map(|item| (item.slot_id, item.guests)).collect();
    let mut there: Vec<(Uuid, i32)> = bookings.iter().map(|booking| (booking.slot_id, booking.guests)).collect();
    wanted.sort_unstable();
    there.sort_unstable();
    wanted == there
}
