//! What a booking is about: columns differ between databases, and where a booking lacks one, its item of the trip has it.

use std::collections::HashMap;

use jiff::civil::{Date, Time};
use uuid::Uuid;

use super::money::minor_of_major;
use crate::import::move_in::calendar::Calendar;
use crate::import::move_in::record::{Record, day};
use crate::import::values;
use crate::store::move_in::TripsHere;

/// What can be told of a booking, whether it can be taken or not.
#[derive(Debug, Clone, Default)]
pub struct BookingFacts {
    /// Its id.
    pub id: Uuid,
    /// Its trip.
    pub trip_id: Option<Uuid>,
    /// The payment that it names.
    pub payment_id: Option<Uuid>,
    /// The slot that it names.
    pub named_slot: String,
    /// The slot that it is for, if that is here.
    pub slot_id: Option<Uuid>,
    /// An item of its trip says what it is for.
    pub has_item: bool,
    /// How many travel, as it is written there.
    pub guests: String,
    /// What all of them pay together, in minor units; `None`: nobody knows.
    pub price_minor: Option<i64>,
}

/// What facts are found out with.
pub struct Finder<'a> {
    calendar: &'a Calendar,
    prices: HashMap<Uuid, i64>,
    items: HashMap<String, &'a Record>,
    items_of_trip: HashMap<String, Vec<&'a Record>>,
    by_start: HashMap<(Uuid, Date, Time), Uuid>,
}

impl<'a> Finder<'a> {
    /// Of items of trips, slots, and what experiences cost that are here or were taken.
    pub fn of(
        items: &'a [Record],
        calendar: &'a Calendar,
        here: &TripsHere,
        taken: &HashMap<Uuid, Option<i64>>,
    ) -> Finder<'a> {
        let known = here.experiences.iter().map(|experience| (experience.id, experience.price_minor));
        let prices = known.chain(taken.iter().map(|(id, price)| (*id, *price)));
        let mut items_of_trip: HashMap<String, Vec<&Record>> = HashMap::new();
        for item in items {
            items_of_trip.entry(item.text(&["trip_id"])).or_default().push(item);
        }
        Finder {
            calendar,
            prices: prices.filter_map(|(id, price)| Some((id, price?))).collect(),
            items: items.iter().map(|item| (item.text(&["id"]), item)).collect(),
            items_of_trip,
            by_start: (calendar.slots.values())
                .map(|slot| ((slot.offering_id, slot.local_date, slot.local_start), slot.id))
                .collect(),
        }
    }

    /// What can be told of a booking. `None`: it has no id.
    pub fn facts(&self, booking: &Record) -> Option<BookingFacts> {
        let item = self.item(booking);
        let text = |own: &[&str], of_item: &[&str]| {
            let own = booking.text(own);
            if own.is_empty() { item.map_or_else(String::new, |item| item.text(of_item)) } else { own }
        };
        let named_slot = text(&["slot_id"], &["slot_id"]);
        let slot_id = match named_slot.is_empty() {
            false => self.calendar.find("", named_slot.parse().ok()),
            true => self.starting(
                &text(&["experience_id"], &["experience_id"]),
                &text(&["booking_date", "date"], &["date", "slot_date"]),
                &text(&["booking_time", "time"], &["time", "slot_time"]),
            ),
        };
        let guests = text(&["guest_count", "guests"], &["guests", "guest_count"]);
        let id = |column| booking.text(&[column]).parse().ok();
        Some(BookingFacts {
            id: id("id")?,
            trip_id: id("trip_id"),
            payment_id: id("payment_id"),
            price_minor: self.price(booking, item, slot_id, &guests),
            has_item: item.is_some(),
            named_slot,
            slot_id,
            guests,
        })
    }

    /// The item of the trip that a booking is for: the one that it names, else the only one that it can be.
    fn item(&self, booking: &Record) -> Option<&'a Record> {
        if let Some(item) = self.items.get(&booking.text(&["trip_item_id"])) {
            return Some(item);
        }
        let experience = booking.text(&["experience_id"]);
        let of_trip = self.items_of_trip.get(&booking.text(&["trip_id"]))?;
        let mut fitting =
            of_trip.iter().filter(|item| experience.is_empty() || item.text(&["experience_id"]) == experience);
        fitting.next().copied().filter(|_| fitting.next().is_none())
    }

    fn starting(&self, experience: &str, date: &str, time: &str) -> Option<Uuid> {
        let start = (experience.parse().ok()?, values::date(day(date)).ok()?, values::time(time).ok()?);
        self.by_start.get(&start).copied()
    }

    /// What it says that it costs; else what its item does; else what the slot or its experience costs.
    fn price(&self, booking: &Record, item: Option<&Record>, slot_id: Option<Uuid>, guests: &str) -> Option<i64> {
        let written = |record: &Record| {
            let total = minor_of_major(&record.text(&["total_price", "total_amount"])).ok();
            total.filter(|minor| *minor > 0)
        };
        let computed = || {
            let slot = self.calendar.slots.get(&slot_id?)?;
            let unit = slot.price_minor.or_else(|| self.prices.get(&slot.offering_id).copied())?;
            unit.checked_mul(guests.parse::<i64>().ok()?).filter(|minor| *minor > 0)
        };
        written(booking).or_else(|| written(item?)).or_else(computed)
    }
}
