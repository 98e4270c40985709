//! `decrement_slot_availability` and `release_slot_availability`: seats out of sale without a booking, and back.
//!
//! Whether it was done is in the answer, not in its status: callers look at `success`.

use serde_json::{Value, json};
use surehold_core::Refusal;
use surehold_core::command::{Command, Withhold};
use uuid::Uuid;

use super::call::{Call, Returned};
use crate::desk::{DeskError, made_key};
use crate::http::app::expect_answer;
use crate::http::error::ApiError;
use crate::http::trips::refusals::in_words_of_trips;
use crate::store::experiences::{self, SlotRow};
use crate::store::payments;

/// Takes seats that a traveller could book at this moment.
pub async fn decrement(call: &Call<'_>) -> Result<Returned, ApiError> {
    change(call, |count| Change { seats: count, on_sale_only: true, reason: "decrement_slot_availability" }).await
}

/// Puts seats back, at most those that were taken.
pub async fn release(call: &Call<'_>) -> Result<Returned, ApiError> {
    change(call, |count| Change { seats: -count, on_sale_only: false, reason: "release_slot_availability" }).await
}

struct Change {
    seats: i32,
    on_sale_only: bool,
    /// For the journal.
    reason: &'static str,
}

async fn change(call: &Call<'_>, of_count: impl FnOnce(i32) -> Change) -> Result<Returned, ApiError> {
    let named = named(call).await?;
    let Some(count) = call.arguments.integer("p_count")?.filter(|count| *count > 0) else {
        return Ok(refused(None, "Count must be positive", "VALIDATION_ERROR"));
    };
    let slot_id = match named {
        Named::One(id) => id,
        Named::Several => {
            let error = "There are several slots at this time: name one by p_slot_id";
            return Ok(refused(None, error, "VALIDATION_ERROR"));
        }
        Named::None => return Ok(no_slot()),
    };
    // Seats of an exam's session go another way.
    let Some(slot) = slot(call, slot_id).await? else { return Ok(no_slot()) };
    let Change { seats, on_sale_only, reason } = of_count(count);
    let command = Withhold { slot_id, seats, reason: Some(reason.to_owned()), on_sale_only };
    let acting = &call.caller.acting;
    let request = call.app.request(acting, None, made_key(), Command::Withhold(command));
    match call.app.desk.submit(acting.org.id, request).await {
        Ok(outcome) => {
            let saved = expect_answer!(outcome, SlotChanged)?;
            Ok(Returned::new(&json!({
                "success": true, "slot_id": slot_id, "available_count": saved.available, "error": null,
            })))
        }
        Err(DeskError::Refused(refusal)) => Ok(refusal_of(&slot, count, refusal)),
        Err(error) => Err(error.into()),
    }
}

/// Which slot is meant.
enum Named {
    One(Uuid),
    Several,
    None,
}

async fn named(call: &Call<'_>) -> Result<Named, ApiError> {
    let arguments = &call.arguments;
    if arguments.has("p_slot_id") {
        return Ok(arguments.uuid("p_slot_id")?.map_or(Named::None, Named::One));
    }
    let experience = arguments.uuid("p_experience_id")?;
    let (date, time) = (arguments.date("p_slot_date")?, arguments.time("p_slot_time")?);
    let (Some(experience), Some(date), Some(time)) = (experience, date, time) else { return Ok(Named::None) };
    let client = call.app.store.read().await?;
    let found = payments::slots_at(&client, call.caller.access.org.id, experience, date, time).await?;
    Ok(match found.as_slice() {
        [] => Named::None,
        [one] => Named::One(*one),
        _ => Named::Several,
    })
}

async fn slot(call: &Call<'_>, id: Uuid) -> Result<Option<SlotRow>, ApiError> {
    let client = call.app.store.read().await?;
    Ok(experiences::slots_by_id(&client, call.caller.access.org.id, &[id]).await?.pop())
}

/// A refusal in the words of the function that callers have, where it has some.
fn refusal_of(slot: &SlotRow, count: i32, refusal: Refusal) -> Returned {
    // What a refusal knows is newer than the row.
    let mut available = slot.slot.available();
    let words = match refusal {
        Refusal::SlotNotFound => return no_slot(),
        Refusal::SlotBlocked | Refusal::SlotNotActive { .. } => Some("Slot is blocked".to_owned()),
        Refusal::Full { available: left, .. } => {
            available = left;
            Some(format!("Slot no longer available. Requested: {count}, Available: {left}"))
        }
        Refusal::ReleaseExceedsWithheld { withheld } => {
            Some(format!("More than was taken. Requested: {count}, Taken: {withheld}"))
        }
        _ => None,
    };
    let told = in_words_of_trips(refusal.into());
    refused(Some((slot.slot.id, available)), words.as_deref().unwrap_or(&told.sentence), told.code)
}

fn no_slot() -> Returned {
    refused(None, "Slot not found", "SLOT_NOT_FOUND")
}

fn refused(slot: Option<(Uuid, i32)>, error: &str, code: &str) -> Returned {
    Returned::new(&json!({
        "success": false, "slot_id": slot.map(|(id, _)| id), "available_count": slot.map_or(Value::Null, |(_, n)| n.into()),
        "error": error, "errorCode": code,
    }))
}
