//! `create_booking_atomic`, as the exam school calls it.

use serde_json::{Value, json};
use surehold_core::Refusal;
use surehold_core::command::{Book, ExpectedSlot, Pay};
use surehold_core::rows::{CreditKind, Hand};

use super::call::{Call, Returned};
use super::generations::{self, KEY_LENGTH_MAX};
use super::raised::{printed, raised, refused};
use crate::http::error::ApiError;
use crate::http::{find, kinds, newcomer};
use crate::store::contacts::Linked;

/// The longest booking ID that a caller gives.
const CODE_LENGTH_MAX: usize = kinds::NAME_MAX;

/// Books a seat for one credit. The number in `p_new_credit_value` is what the caller believes to be left, which others may
/// have changed: it is only a number. Names, token and set follow from the contact, the credit and the session.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let arguments = &call.arguments;
    let code = arguments.text("p_booking_id")?;
    let student_id = arguments.text("p_student_id")?;
    let email = arguments.text("p_student_email")?;
    let exam = arguments.text("p_mock_exam_id")?;
    arguments.text("p_student_name")?;
    arguments.text("p_token_used")?;
    let location = arguments.filled_text("p_attending_location")?;
    let hand = arguments.filled_text("p_dominant_hand")?;
    let key = arguments.text("p_idempotency_key")?;
    let field = arguments.text("p_credit_field")?;
    arguments.integer("p_new_credit_value")?;
    arguments.text("p_mock_set")?;

    let (contact, session) =
        tokio::join!(contact(call, student_id.as_deref(), email.as_deref()), session(call, exam.as_deref()));
    let (contact, (slot_id, slot_number)) = (contact?, session?);
    let command = Book {
        contact_id: contact.id,
        slot_id,
        guests: 1,
        pay: Pay::Credit { only: credit_kind(call, field.as_deref()).await? },
        attending_location: location.map(attending_location).transpose()?,
        dominant_hand: hand.map(dominant_hand).transpose()?,
        code: code.map(|code| bounded("p_booking_id", code, CODE_LENGTH_MAX)).transpose()?,
        // The session exists, and is none of an experience.
        expected: ExpectedSlot::default(),
    };
    let key = key.map(|key| bounded("p_idempotency_key", key, KEY_LENGTH_MAX)).transpose()?;
    let made = generations::book(call, key.as_deref(), command).await.map_err(|error| match error.code {
        // It went away since it was found.
        "CONTACT_NOT_FOUND" => no_contact(student_id.as_deref(), email.as_deref()),
        "EXAM_NOT_FOUND" => no_exam(exam.as_deref()),
        "P0001" => error,
        _ => refused(error),
    })?;
    let value = json!({
        "success": true, "booking_id": made.id, "booking_code": made.code,
        "contact_hubspot_id": contact.hubspot_id, "mock_exam_hubspot_id": slot_number,
    });
    Ok(Returned { is_replayed: made.is_replayed, ..Returned::new(&value) })
}

async fn contact(call: &Call<'_>, student_id: Option<&str>, email: Option<&str>) -> Result<Linked, ApiError> {
    let nobody = || no_contact(student_id, email);
    let read = |text: Option<&str>| text.map(Value::from).unwrap_or_default();
    // What cannot be an ID is nobody's.
    let (Ok(id), Ok(address)) = (kinds::student_id(&read(student_id)), kinds::email(&read(email))) else {
        return Err(nobody());
    };
    newcomer::linked_contact(call.app, &call.caller.access.org, &id, &address).await?.ok_or_else(nobody)
}

/// The session, and HubSpot's number of it.
async fn session(call: &Call<'_>, exam: Option<&str>) -> Result<(uuid::Uuid, Option<String>), ApiError> {
    let find = async |name: &str| find::linked_session(call.app, call.caller.access.org.id, name).await;
    super::exam::named(exam, find).await?.ok_or_else(|| no_exam(exam))
}

/// The kind of credit that a caller names by its column. Whether the session takes it, the desk says.
pub async fn credit_kind(call: &Call<'_>, field: Option<&str>) -> Result<Option<CreditKind>, ApiError> {
    let Some(field) = field else { return Ok(None) };
    let catalogue = call.app.directory.catalogue(call.caller.access.org.id).await?;
    match catalogue.credit_kind(field) {
        Some(kind) => Ok(Some(kind.clone())),
        None => {
            let allowed = catalogue.credit_kinds.iter().map(|(kind, _)| kind.to_string()).collect();
            Err(refused(Refusal::CreditKindNotAllowed { kind: field.to_owned(), allowed }.into()))
        }
    }
}

/// One of the places and forms that there are, in our spelling; else what the caller wrote.
fn attending_location(text: String) -> Result<String, ApiError> {
    let value = Value::String(text);
    if let Ok(known) = kinds::known_location(&value) {
        return Ok(known.to_owned());
    }
    kinds::text(kinds::NAME_MAX)(&value).map_err(|problem| wrong("p_attending_location", problem))
}

fn dominant_hand(text: String) -> Result<Hand, ApiError> {
    kinds::hand(&Value::String(text)).map_err(|problem| wrong("p_dominant_hand", problem))
}

/// Text that is kept as it is.
fn bounded(name: &str, text: String, max: usize) -> Result<String, ApiError> {
    if text.is_empty() || text.chars().count() > max || text.contains(char::is_control) {
        return Err(wrong(name, format!("must have 1 to {max} characters, and no control characters")));
    }
    Ok(text)
}

fn wrong(name: &str, problem: impl Into<String>) -> ApiError {
    refused(ApiError::invalid_field(name, problem))
}

fn no_contact(student_id: Option<&str>, email: Option<&str>) -> ApiError {
    raised(format!("Contact not found for student_id: {}, email: {}", printed(student_id), printed(email)))
}

fn no_exam(exam: Option<&str>) -> ApiError {
    raised(format!("Mock exam not found: {}", printed(exam)))
}
