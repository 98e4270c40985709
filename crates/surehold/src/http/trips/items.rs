//! The items of a trip, as callers write them.

use surehold_core::Refusal;
use surehold_core::command::{ExpectedItem, TripItem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::TripError;
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::fields::{Fields, Name};
use crate::http::kinds;
use crate::store::payments;

/// The caller's own id of the trip.
pub const TRIP_ID: Name = Name(&["tripId", "trip_id"]);
/// What is booked.
pub const TRIP_ITEMS: Name = Name(&["tripItems", "trip_items"]);
const EXPERIENCE_ID: Name = Name(&["experienceId", "experience_id"]);
const SLOT_ID: Name = Name(&["slotId", "slot_id"]);
const GUESTS: Name = Name(&["guestCount", "guest_count", "guests"]);
const DATE: Name = Name(&["date"]);
const TIME: Name = Name(&["time"]);
/// More than a trip can have: the desk says how many those are.
const ITEMS_MAX: usize = 200;

/// One slot of a trip.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct TripItemRequest {
    /// The experience.
    pub experience_id: Uuid,
    /// The slot. Without it, `date` and `time` name it.
    pub slot_id: Option<Uuid>,
    /// Seats.
    #[schema(example = 2, minimum = 1)]
    pub guest_count: i32,
    /// The local date you believe it is on; checked if given.
    #[schema(format = Date, example = "2027-01-15")]
    pub date: Option<String>,
    /// The local start you believe it has; checked if given.
    #[schema(example = "18:00")]
    pub time: Option<String>,
}

/// Items whose slots may still have to be found.
pub struct WantedItems {
    /// The field that they came in.
    name: Name,
    items: Vec<WantedItem>,
}

struct WantedItem {
    slot_id: Option<Uuid>,
    guests: i32,
    expected: ExpectedItem,
}

/// Reads the items of a field; every bad one is named by its place.
pub fn read(fields: &mut Fields, name: Name) -> WantedItems {
    if !fields.mentions(name) {
        fields.problem(name.own(), "is required");
    }
    WantedItems { name, items: fields.list(name, ITEMS_MAX, read_item).unwrap_or_default() }
}

fn read_item(value: &serde_json::Value) -> Result<WantedItem, String> {
    let members = value.as_object().ok_or("must be an object with experienceId, slotId and guestCount")?;
    let mut fields = Fields::new(members.clone());
    let offering_id = fields.required(EXPERIENCE_ID, kinds::uuid);
    let slot_id = fields.optional(SLOT_ID, kinds::uuid);
    let guests = fields.required(GUESTS, kinds::small_integer(1, 10_000));
    let local_date = fields.optional(DATE, kinds::date);
    let local_start = fields.optional(TIME, kinds::time);
    if slot_id.is_none() && (local_date.is_none() || local_start.is_none()) && fields.are_good(&[SLOT_ID, DATE, TIME]) {
        fields.problem(SLOT_ID.own(), "is required, or date and time");
    }
    fields.finish().map_err(|error| error.sentence)?;
    let expected = ExpectedItem { offering_id: Some(offering_id), local_date, local_start };
    Ok(WantedItem { slot_id, guests, expected })
}

impl WantedItems {
    /// Finds the slots that are named by experience, date and time.
    pub async fn find(&self, app: &App, org_id: Uuid) -> Result<Vec<TripItem>, TripError> {
        if self.items.is_empty() {
            return Err(ApiError::from(Refusal::EmptyTrip).into());
        }
        let mut items = Vec::with_capacity(self.items.len());
        for (place, WantedItem { slot_id, guests, expected }) in self.items.iter().enumerate() {
            let slot_id = match slot_id {
                Some(id) => *id,
                None => find_slot(app, org_id, expected, &format!("{}[{place}]", self.name.own())).await?,
            };
            items.push(TripItem { slot_id, guests: *guests, expected: expected.clone() });
        }
        Ok(items)
    }
}

async fn find_slot(app: &App, org_id: Uuid, expected: &ExpectedItem, place: &str) -> Result<Uuid, TripError> {
    let (Some(offering_id), Some(date), Some(time)) = (expected.offering_id, expected.local_date, expected.local_start)
    else {
        return Err(ApiError::from(Refusal::SlotNotFound).into());
    };
    let found = payments::slots_at(&*app.store.read().await?, org_id, offering_id, date, time).await?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(ApiError::from(Refusal::SlotNotFound).into()),
        _ => Err(ApiError::invalid_field(place, "there are several slots at this time: name one by slotId").into()),
    }
}
