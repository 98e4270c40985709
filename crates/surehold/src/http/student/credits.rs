//! Validate credits: may this student book a session of this type?

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::rows::{Family, Offering};
use utoipa::ToSchema;
use uuid::Uuid;

use super::student_of;
use crate::http::access::Access;
use crate::http::app::App;
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{Fields, MOCK_TYPE};
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::store::contacts::ContactRow;
use crate::store::offerings::Catalogue;

/// Which student, and for which type of exam.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct ExamCreditsRequest {
    /// The student's ID; also accepted as `studentId`. Not needed with a bearer token.
    #[schema(example = "1599999")]
    pub student_id: Option<String>,
    /// The student's email; also accepted as `studentEmail`. Not needed with a bearer token.
    #[schema(example = "olivia.park@example.org")]
    pub email: Option<String>,
    /// The type of exam; also accepted as `mockType`.
    #[schema(example = "Clinical Skills")]
    pub mock_type: String,
}

/// Which student.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct DiscussionCreditsRequest {
    /// The student's ID; also accepted as `studentId`. Not needed with a bearer token.
    #[schema(example = "1599999")]
    pub student_id: Option<String>,
    /// The student's email; also accepted as `studentEmail`. Not needed with a bearer token.
    #[schema(example = "olivia.park@example.org")]
    pub email: Option<String>,
    /// The type of discussion, where the school has several.
    pub mock_type: Option<String>,
}

/// What a student can pay with.
#[derive(Serialize, ToSchema)]
pub struct CreditBreakdown {
    /// Credits of the type's own kind, which are drawn first.
    #[schema(example = 5)]
    pub specific_credits: i64,
    /// Credits of the kinds that may pay for it after those; 0 where the type allows none.
    #[schema(example = 0)]
    pub shared_credits: i64,
}

/// Whether a student has a credit for a type of session.
#[derive(Serialize, ToSchema)]
pub struct CreditsValidated {
    /// Whether there is a credit to book with.
    pub eligible: bool,
    /// All credits that may pay.
    pub available_credits: i64,
    /// Of which kinds.
    pub credit_breakdown: CreditBreakdown,
    /// The type that was asked for.
    pub mock_type: String,
    /// The contact's UUID.
    pub contact_id: Uuid,
    /// HubSpot's number of the contact, once it has one.
    pub hubspot_id: Option<String>,
    /// The student's ID.
    pub student_id: String,
    /// The student's name.
    pub student_name: String,
    /// Where the numbers come from: always `database`.
    pub source: &'static str,
    /// Why not, if not eligible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Check credits for an exam.
///
/// Says whether the student could pay for an exam of this type now. Each type has its own kind of credit;
/// Situational Judgment and Clinical Skills may also be paid with shared credits, after their own. It is an
/// answer for a form, not a reservation: the booking itself decides.
#[utoipa::path(
    post, path = "/api/mock-exams/validate-credits", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    request_body = ExamCreditsRequest,
    responses(
        (status = 200, description = "The student's credits; `eligible` says whether they suffice", body = Success<CreditsValidated>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type of exam", body = ErrorBody),
        (status = 404, description = "`STUDENT_NOT_FOUND`: unknown student, or not this email", body = ErrorBody),
    )
)]
pub async fn validate_exam_credits(
    State(app): State<Arc<App>>,
    access: Access,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<CreditsValidated>, ApiError> {
    if !fields.has(MOCK_TYPE) {
        fields.problem(MOCK_TYPE.own(), "is required");
    }
    validate(&app, access, fields, Family::MockExam).await
}

/// Check credits for a discussion.
///
/// Says whether the student could pay for a mock discussion now.
#[utoipa::path(
    post, path = "/api/mock-discussions/validate-credits", tag = "discussions", security((), ("student_token" = []), ("api_key" = [])),
    request_body = DiscussionCreditsRequest,
    responses(
        (status = 200, description = "The student's credits; `eligible` says whether they suffice", body = Success<CreditsValidated>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type of discussion", body = ErrorBody),
        (status = 404, description = "`STUDENT_NOT_FOUND`: unknown student, or not this email", body = ErrorBody),
    )
)]
pub async fn validate_discussion_credits(
    State(app): State<Arc<App>>,
    access: Access,
    JsonFields(fields): JsonFields,
) -> Result<Reply<CreditsValidated>, ApiError> {
    validate(&app, access, fields, Family::MockDiscussion).await
}

async fn validate(
    app: &App,
    access: Access,
    mut fields: Fields,
    family: Family,
) -> Result<Reply<CreditsValidated>, ApiError> {
    let claim = access.claim(&mut fields);
    let mock_type = fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    fields.finish()?;
    let catalogue = app.directory.catalogue(access.org.id).await?;
    let offering = offering_of(&catalogue, family, mock_type.as_deref())?;
    let contact = student_of(app, &access, &claim).await?;
    Ok(Reply::ok(judge(offering, contact)))
}

/// The offering that a caller names; of a family with only one, that one.
pub fn offering_of<'c>(
    catalogue: &'c Catalogue,
    family: Family,
    mock_type: Option<&str>,
) -> Result<&'c Offering, ApiError> {
    let names = catalogue.names(Some(family));
    let name = match mock_type {
        Some(name) => name,
        None if names.len() == 1 => names[0],
        None => return Err(ApiError::invalid_field("mock_type", format!("must be one of: {}", names.join(", ")))),
    };
    match catalogue.offering(name) {
        Some(offering) if offering.family == family => Ok(offering),
        _ => Err(unknown_type(&names)),
    }
}

/// There is no such type of session here.
pub fn unknown_type(names: &[&str]) -> ApiError {
    let sentence = format!("There is no such type of session here. It must be one of: {}.", names.join(", "));
    ApiError::new(axum::http::StatusCode::BAD_REQUEST, "INVALID_EXAM_TYPE", sentence)
        .with_details(serde_json::json!({ "allowed": names }))
}

/// The rule is the offering's policy: its first kind is its own, the others are shared with other types.
fn judge(offering: &Offering, contact: ContactRow) -> CreditsValidated {
    let balance = |kind: &str| contact.credits.get(kind).copied().unwrap_or(0);
    let mut balances = offering.credit_policy.iter().map(|kind| balance(kind));
    let specific_credits = balances.next().unwrap_or(0);
    let shared_credits = balances.sum();
    let eligible = offering.credit_policy.iter().any(|kind| balance(kind) >= 1);
    CreditsValidated {
        eligible,
        available_credits: specific_credits + shared_credits,
        credit_breakdown: CreditBreakdown { specific_credits, shared_credits },
        mock_type: offering.name.clone(),
        contact_id: contact.id,
        student_name: contact.full_name(),
        source: "database",
        error_message: (!eligible).then(|| format!("There is no credit left that could pay for a {}.", offering.name)),
        hubspot_id: contact.hubspot_id,
        student_id: contact.student_id,
    }
}
