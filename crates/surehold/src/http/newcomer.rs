//! Students who are not on the books yet. HubSpot may know them, and is asked once; those who are on the books never
//! get here, so HubSpot cannot hold them up.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::app::App;
use super::error::ApiError;
use crate::desk::DeskError;
use crate::mirror::{LookedUp, MirrorError};
use crate::store::contacts::{self, Linked};
use crate::store::orgs::OrgRow;

/// Where a student was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// On the books.
    Database,
    /// At HubSpot: from now on the student is on the books.
    HubSpot,
}

/// The contact of an identity, in upper and lower case, who may be a newcomer.
pub async fn contact_id(app: &App, org: &OrgRow, student_id: &str, email: &str) -> Result<Option<Uuid>, ApiError> {
    match app.contacts.find(org.id, student_id, email).await? {
        None => Ok(look_up(app, org, student_id, email).await?.map(|(id, _)| id)),
        known => Ok(known),
    }
}

/// The same with HubSpot's number of it.
pub async fn linked_contact(
    app: &App,
    org: &OrgRow,
    student_id: &str,
    email: &str,
) -> Result<Option<Linked>, ApiError> {
    let known = app.contacts.find_linked(org.id, student_id, email).await?;
    if known.is_some() {
        return Ok(known);
    }
    let Some((id, _)) = look_up(app, org, student_id, email).await? else { return Ok(None) };
    let contact = contacts::by_id(&*app.store.read().await?, org.id, id).await?;
    Ok(contact.map(|contact| Linked { id, hubspot_id: contact.hubspot_id }))
}

/// The newcomer of an identity that is not on the books; none if HubSpot does not know it either, or is not there.
///
/// No connection to the database may be held meanwhile: it takes seconds if HubSpot is slow.
pub async fn look_up(
    app: &App,
    org: &OrgRow,
    student_id: &str,
    email: &str,
) -> Result<Option<(Uuid, Source)>, ApiError> {
    match app.mirror.look_up(org, student_id, email).await {
        Ok(LookedUp::Added(id)) => Ok(Some((id, Source::HubSpot))),
        Ok(LookedUp::Known(id)) => Ok(Some((id, Source::Database))),
        Ok(LookedUp::Unknown) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// What the caller is told. Nothing of the request itself was done.
fn failed(error: &MirrorError) -> ApiError {
    match error {
        MirrorError::HubSpot(error) => ApiError::crm_unavailable(error),
        MirrorError::Store(error) => error.into(),
        MirrorError::Desk(DeskError::Overloaded) => DeskError::Overloaded.into(),
        // The key in it is of a command of ours: whether that was done, the repeat finds out without it.
        MirrorError::Desk(DeskError::DatabaseUnavailable | DeskError::OutcomeUnknown { .. }) => {
            ApiError::database_unavailable(Some(error.to_string()))
        }
        other => ApiError::internal(format!("a newcomer could not be added: {other}")),
    }
}
