//! How callers name things: a HubSpot number (digits), a UUID or a human ID, tried in this order.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use super::app::App;
use super::error::ApiError;
use super::kinds;
use crate::store::bookings::{self, BookingRow};
use crate::store::contacts::{self, ContactRow};
use crate::store::sessions::{self, SessionRow};

/// The `{id}` of a path.
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, ApiError> {
        let Path(members) = Path::<HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::invalid_field("id", "is not valid text"))?;
        let id = members.into_values().next().unwrap_or_default();
        kinds::reference(&Value::String(id)).map(Named).map_err(|problem| ApiError::invalid_field("id", problem))
    }
}

enum Form {
    Digits,
    Id(Uuid),
    Human,
}

fn form(reference: &str) -> Form {
    if !reference.is_empty() && reference.bytes().all(|b| b.is_ascii_digit()) {
        return Form::Digits;
    }
    // Only the usual spelling: 32 hex digits could be a human ID.
    match Uuid::try_parse(reference) {
        Ok(id) if reference.len() == 36 => Form::Id(id),
        _ => Form::Human,
    }
}

/// There is no such session.
pub fn no_session() -> ApiError {
    surehold_core::Refusal::SlotNotFound.into()
}

/// There is no such booking, or it is somebody else's.
pub fn no_booking() -> ApiError {
    surehold_core::Refusal::BookingNotFound.into()
}

/// There is no such contact.
pub fn no_contact() -> ApiError {
    ApiError::not_found("CONTACT_NOT_FOUND", "There is no such contact.")
}

/// The id of a session. A UUID is taken as it is: whoever uses it finds out whether it exists, and whether it is a
/// session and no slot of an experience.
pub async fn session_id(app: &App, org_id: Uuid, reference: &str) -> Result<Uuid, ApiError> {
    let digits = match form(reference) {
        Form::Id(id) => return Ok(id),
        Form::Digits => true,
        Form::Human => false,
    };
    if digits && let Some(id) = app.directory.slot_of_hubspot_id(org_id, reference) {
        return Ok(id);
    }
    let client = app.store.read().await?;
    if digits && let Some(id) = sessions::id_by_hubspot_id(&client, org_id, reference).await? {
        app.directory.keep_slot_of_hubspot_id(org_id, reference, id);
        return Ok(id);
    }
    let named = sessions::by_name(&client, org_id, reference).await?;
    named.map(|session| session.slot.id).ok_or_else(no_session)
}

/// The id of a session that exists, and HubSpot's number of it, which hardly ever changes and may be a moment old.
pub async fn linked_session(app: &App, org_id: Uuid, reference: &str) -> Result<(Uuid, Option<String>), ApiError> {
    let id = session_id(app, org_id, reference).await?;
    if let Some(hubspot_id) = app.directory.hubspot_id_of_slot(org_id, id) {
        return Ok((id, hubspot_id));
    }
    let client = app.store.read().await?;
    let session = sessions::by_id(&client, org_id, id).await?.ok_or_else(no_session)?;
    app.directory.keep_hubspot_id_of_slot(org_id, id, session.hubspot_id.clone());
    Ok((id, session.hubspot_id))
}

/// A session as it is now.
pub async fn session(app: &App, org_id: Uuid, reference: &str) -> Result<SessionRow, ApiError> {
    let id = session_id(app, org_id, reference).await?;
    let client = app.store.read().await?;
    sessions::by_id(&client, org_id, id).await?.ok_or_else(no_session)
}

/// A booking; of one contact only, if `contact_id` is given.
pub async fn booking(
    app: &App,
    org_id: Uuid,
    reference: &str,
    contact_id: Option<Uuid>,
) -> Result<BookingRow, ApiError> {
    let client = app.store.read().await?;
    let found = match form(reference) {
        Form::Digits => bookings::by_hubspot_id(&client, org_id, reference, contact_id).await?,
        Form::Id(id) => bookings::by_id(&client, org_id, id, contact_id).await?,
        Form::Human => None,
    };
    if let Some(booking) = found {
        return Ok(booking);
    }
    bookings::by_code(&client, org_id, reference, contact_id).await?.ok_or_else(no_booking)
}

/// A contact, by HubSpot number or UUID.
pub async fn contact(app: &App, org_id: Uuid, reference: &str) -> Result<ContactRow, ApiError> {
    let client = app.store.read().await?;
    let found = match form(reference) {
        Form::Digits => contacts::by_hubspot_id(&client, org_id, reference).await?,
        Form::Id(id) => contacts::by_id(&client, org_id, id).await?,
        Form::Human => None,
    };
    found.ok_or_else(no_contact)
}
