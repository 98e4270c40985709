//! The seed's callers make a key of the student, the session and the last five minutes, so who cancels and books again comes
//! with the key of the cancelled booking, and means a new one. The desk never forgets what a key did (law 4), so the
//! key is continued instead: `K`, `K~1`, `K~2` … Who comes at once lands on the same one: one books, the others are
//! told of it.

use surehold_core::command::{Book, Command, Key};
use surehold_core::rows::BookingStatus;
use uuid::Uuid;

use super::call::Call;
use super::raised::raised;
use crate::desk::made_key;
use crate::http::app::expect_answer;
use crate::http::error::ApiError;
use crate::store::bookings;

/// How often a key books anew.
const GENERATIONS_MAX: u32 = 32;
/// The longest key, so that the last of its generations is a key, too (255).
pub const KEY_LENGTH_MAX: usize = 252;

/// A booking of a key.
pub struct Made {
    /// Primary key.
    pub id: Uuid,
    /// The booking ID.
    pub code: String,
    /// It was made before.
    pub is_replayed: bool,
}

/// A key and all that continue it.
pub fn all(key: &str) -> Vec<String> {
    (0..=GENERATIONS_MAX).map(|generation| name(key, generation)).collect()
}

fn name(key: &str, generation: u32) -> String {
    if generation == 0 { key.to_owned() } else { format!("{key}~{generation}") }
}

/// Books under a caller's key: the booking of the key if it has not ended, else a new one. That is one command, if the
/// key is new. Without a key, an active booking of the same contact and session is the answer.
pub async fn book(call: &Call<'_>, key: Option<&str>, command: Book) -> Result<Made, ApiError> {
    let Some(key) = key else {
        return match attempt(call, made_key(), &command).await? {
            Attempt::Made(made) => Ok(made),
            Attempt::Ended => Err(ApiError::internal("a booking without a key has ended before it was made")),
        };
    };
    for generation in 0..=GENERATIONS_MAX {
        if let Attempt::Made(made) = attempt(call, Key::Given(name(key, generation)), &command).await? {
            return Ok(made);
        }
    }
    Err(raised("IDEMPOTENCY_KEY_WORN: This key has been used for too many bookings. Send a new one."))
}

enum Attempt {
    Made(Made),
    /// The key's booking was cancelled, or ended otherwise.
    Ended,
}

async fn attempt(call: &Call<'_>, key: Key, command: &Book) -> Result<Attempt, ApiError> {
    let on_behalf_of = Some(format!("student:{}", command.contact_id));
    let text = key.text().to_owned();
    let outcome = call.app.submit(&call.caller.acting, on_behalf_of, key, Command::Book(command.clone())).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) if error.code == "IDEMPOTENCY_MISMATCH" => {
            return other_arguments(call, &text, command, error).await;
        }
        Err(error) => return Err(error),
    };
    let is_replayed = outcome.replayed;
    if is_replayed && outcome.booking_status.is_some_and(has_ended) {
        return Ok(Attempt::Ended);
    }
    let booked = expect_answer!(outcome, Booked)?;
    Ok(Attempt::Made(Made { id: booked.booking_id, code: booked.code, is_replayed }))
}

/// The key was used with other arguments. Whoever repeats a call whose answer was lost counts credits anew, and may name
/// another kind: the booking is the answer all the same, if it is this contact's on this session.
async fn other_arguments(call: &Call<'_>, key: &str, command: &Book, error: ApiError) -> Result<Attempt, ApiError> {
    let acting = &call.caller.acting;
    let client = call.app.store.read().await?;
    match bookings::by_key(&client, acting.org.id, &acting.principal, key).await? {
        Some(booking) if has_ended(booking.status) => Ok(Attempt::Ended),
        Some(booking) if (booking.contact_id, booking.slot_id) == (command.contact_id, command.slot_id) => {
            Ok(Attempt::Made(Made { id: booking.id, code: booking.code, is_replayed: true }))
        }
        _ => Err(error),
    }
}

/// A seat that was used is no reason to book another one.
fn has_ended(status: BookingStatus) -> bool {
    !status.is_live()
}
