//! Students' routes. They are called by a student's browser with a bearer token or with `student_id` and
//! `email`, or by the school's own servers with a service key.

pub mod batch_cancel;
pub mod book;
pub mod bookings;
pub mod credits;
pub mod login;
pub mod sessions;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Access, Claim};
use super::app::App;
use super::error::ApiError;
use super::newcomer::{self, Source};
use crate::store::contacts::{self, ContactRow};

/// `student_id` and `email` of a student, in any case.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct StudentIdentity {
    /// The student's ID; also accepted as `studentId`.
    #[schema(example = "1599999")]
    pub student_id: String,
    /// The student's email; also accepted as `studentEmail`.
    #[schema(example = "olivia.park@example.org")]
    pub email: String,
}

/// A student with all balances.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    /// The contact's UUID: the primary identifier.
    pub id: Uuid,
    /// HubSpot's number of the contact, once it has one.
    pub hubspot_id: Option<String>,
    /// The student's ID.
    pub student_id: String,
    /// The student's email.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Both names.
    pub student_name: String,
    /// The date of the real exam, if known.
    #[schema(value_type = Option<String>, format = Date)]
    pub ndecc_exam_date: Option<jiff::civil::Date>,
    /// Balances by kind of credit.
    #[schema(example = json!({"sj_credits": 1, "cs_credits": 5, "sjmini_credits": 1, "mock_discussion_token": 2, "shared_mock_credits": 0}))]
    pub credits: BTreeMap<String, i64>,
}

impl From<ContactRow> for Profile {
    fn from(row: ContactRow) -> Profile {
        Profile {
            student_name: row.full_name(),
            id: row.id,
            hubspot_id: row.hubspot_id,
            student_id: row.student_id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            ndecc_exam_date: row.ndecc_exam_date,
            credits: row.credits,
        }
    }
}

/// The student that a claim is about, and where it was found. An unknown student and a wrong email are one and the same
/// answer, on one and the same path: nobody learns here who is a student.
async fn student_of(app: &App, access: &Access, claim: &Claim) -> Result<(ContactRow, Source), ApiError> {
    let org_id = access.org.id;
    let known = {
        let client = app.store.read().await?;
        match (claim.named(), claim.token()) {
            (Some((student_id, email)), token) => contacts::by_identity(&client, org_id, student_id, email)
                .await?
                .filter(|contact| token.is_none_or(|id| id == contact.id)),
            (None, Some(id)) => contacts::by_id(&client, org_id, id).await?,
            (None, None) => None,
        }
    };
    if let Some(contact) = known {
        return Ok((contact, Source::Database));
    }
    if let (Some((student_id, email)), None) = (claim.named(), claim.token())
        && let Some((id, source)) = newcomer::look_up(app, &access.org, student_id, email).await?
        && let Some(contact) = contacts::by_id(&*app.store.read().await?, org_id, id).await?
    {
        return Ok((contact, source));
    }
    Err(ApiError::not_found("STUDENT_NOT_FOUND", "No student matches this student ID and email. Please check both."))
}
