//! What a booking of the other system may be for: the sessions that are here, and those that came with it.

use std::collections::HashMap;

use jiff::civil::Date;
use surehold_core::rows::{Slot, SlotStatus};
use uuid::Uuid;

use crate::import::importer::Done;
use crate::import::sessions::SessionRow;
use crate::import::table::Problem;
use crate::store::move_in::Here;

/// Sessions by what a booking calls them.
#[derive(Default)]
pub struct Calendar {
    /// The sessions.
    pub slots: HashMap<Uuid, Slot>,
    by_link: HashMap<String, Uuid>,
}

impl Calendar {
    /// Those that are here and those that were taken. In a dry run the latter are not here yet, or not as they will be.
    pub fn of(here: &Here, taken: &[(Done, SessionRow)], dry_run: bool) -> Calendar {
        let mut calendar = Calendar::default();
        for (slot, link) in &here.slots {
            calendar.by_link.extend(link.clone().map(|link| (link, slot.id)));
            calendar.slots.insert(slot.id, slot.clone());
        }
        for (done, row) in taken {
            let id = match calendar.find(&row.record_id.clone().unwrap_or_default(), row.id) {
                Some(id) => id,
                None => calendar.twin(row).or(row.id).unwrap_or_else(Uuid::now_v7),
            };
            calendar.by_link.extend(row.record_id.clone().map(|link| (link, id)));
            // One that was here before has an id of its own.
            calendar.by_link.extend(row.id.filter(|own| *own != id).map(|own| (own.to_string(), id)));
            let slot = calendar.slots.entry(id).or_insert_with(|| opened(id, row));
            if dry_run && *done == Done::Changed {
                (slot.capacity, slot.status) = (row.capacity, row.status);
            }
        }
        calendar
    }

    /// A session that is here without a record at HubSpot, and is taken for this one.
    fn twin(&self, row: &SessionRow) -> Option<Uuid> {
        let times = |slot: &Slot| (slot.offering_id, slot.local_date, slot.local_start, slot.location.clone());
        let wanted = (row.offering_id, row.times.local_date, row.times.local_start, row.location.clone());
        let linked = |id: &Uuid| self.by_link.values().any(|linked| linked == id);
        self.slots.values().find(|slot| times(slot) == wanted && !linked(&slot.id)).map(|slot| slot.id)
    }

    /// A session by HubSpot's id or by ours.
    pub fn find(&self, link: &str, id: Option<Uuid>) -> Option<Uuid> {
        let by_id = || id.or_else(|| link.parse().ok()).filter(|id| self.slots.contains_key(id));
        self.by_link.get(link).copied().or_else(by_id)
    }

    /// What a booking is for: by HubSpot's id or ours, else the only session of a type on a day.
    pub fn find_for(&self, link: &str, offering: Option<Uuid>, day: Option<Date>) -> Result<Uuid, Problem> {
        if let Some(id) = self.find(link, None) {
            return Ok(id);
        }
        let that_day = |slot: &&Slot| {
            Some(slot.offering_id) == offering && Some(slot.local_date) == day && slot.status != SlotStatus::Cancelled
        };
        let mut found = self.slots.values().filter(that_day);
        let reason = match (found.next(), found.next()) {
            (Some(slot), None) => return Ok(slot.id),
            (Some(_), Some(_)) => "is no session here, and there are several of its type on that day",
            (None, _) => "is no session here: there is none, or it could not be taken",
        };
        Err(Problem { column: "associated_mock_exam", value: link.to_owned(), reason: reason.to_owned() })
    }
}

/// As the desk will open it.
fn opened(id: Uuid, row: &SessionRow) -> Slot {
    Slot {
        id,
        offering_id: row.offering_id,
        name: row.name.clone(),
        starts_at: row.times.starts_at,
        ends_at: row.times.ends_at,
        local_date: row.times.local_date,
        local_start: row.times.local_start,
        local_end: row.times.local_end,
        time_zone: row.times.time_zone.clone(),
        location: row.location.clone(),
        mock_set: row.mock_set.clone().flatten(),
        capacity: row.capacity,
        taken: 0,
        held: 0,
        withheld: 0,
        status: row.status,
        activates_at: row.activates_at,
        is_blocked: row.blocked.unwrap_or_default(),
        blocked_reason: None,
        prerequisites: Vec::new(),
        price_minor: row.price_minor.flatten(),
        version: 1,
        edit_version: 1,
    }
}
