//! Validate credits: may this student book a session of this type?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::rows::{Family, Offering};
use utoipa::ToSchema;
use uuid::Uuid;

use super::student_of;
use crate::http::access::{Access, AccessAnyway, Claim};
use crate::http::app::App;
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{Fields, MOCK_TYPE};
use crate::http::kinds;
use crate::http::newcomer::Source;
use crate::http::reply::{Reply, Success};
use crate::mirror::Found;
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
    /// The contact's UUID; null in a degraded answer.
    pub contact_id: Option<Uuid>,
    /// HubSpot's number of the contact, once it has one.
    pub hubspot_id: Option<String>,
    /// The student's ID.
    pub student_id: String,
    /// The student's name.
    pub student_name: String,
    /// Where the numbers come from: `hubspot` the first time that a student whom only HubSpot knew is asked for, and
    /// in a degraded answer; else `database`.
    pub source: Source,
    /// True if the database does not answer: these are the credits as HubSpot shows them, which may lack the latest
    /// bookings. Nothing can be booked meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<bool>,
    /// Why not, if not eligible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Check credits for an exam.
///
/// Says whether the student could pay for an exam of this type now. Each type has its own kind of credit;
/// Situational Judgment and Clinical Skills may also be paid with shared credits, after their own. It is an
/// answer for a form, not a reservation: the booking itself decides.
///
/// A student who is not known yet is looked for at HubSpot, once, and known from then on. If the database does not
/// answer, HubSpot is asked instead (`degraded`), for callers without a token or a key.
#[utoipa::path(
    post, path = "/api/mock-exams/validate-credits", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    request_body = ExamCreditsRequest,
    responses(
        (status = 200, description = "The student's credits; `eligible` says whether they suffice", body = Success<CreditsValidated>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type of exam", body = ErrorBody),
        (status = 404, description = "`STUDENT_NOT_FOUND`: unknown student, or not this email", body = ErrorBody),
        (status = 503, description = "`DATABASE_UNAVAILABLE`, and HubSpot cannot help; `CRM_UNAVAILABLE`: the student is not known here yet, and HubSpot cannot be asked now. See `Retry-After`", body = ErrorBody),
    )
)]
pub async fn validate_exam_credits(
    State(app): State<Arc<App>>,
    asking: AccessAnyway,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<CreditsValidated>, ApiError> {
    if !fields.has(MOCK_TYPE) {
        fields.problem(MOCK_TYPE.own(), "is required");
    }
    validate(&app, asking, fields, Family::MockExam).await
}

/// Check credits for a discussion.
///
/// Says whether the student could pay for a mock discussion now. As for exams.
#[utoipa::path(
    post, path = "/api/mock-discussions/validate-credits", tag = "discussions", security((), ("student_token" = []), ("api_key" = [])),
    request_body = DiscussionCreditsRequest,
    responses(
        (status = 200, description = "The student's credits; `eligible` says whether they suffice", body = Success<CreditsValidated>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type of discussion", body = ErrorBody),
        (status = 404, description = "`STUDENT_NOT_FOUND`: unknown student, or not this email", body = ErrorBody),
        (status = 503, description = "`DATABASE_UNAVAILABLE`, and HubSpot cannot help; `CRM_UNAVAILABLE`: the student is not known here yet, and HubSpot cannot be asked now. See `Retry-After`", body = ErrorBody),
    )
)]
pub async fn validate_discussion_credits(
    State(app): State<Arc<App>>,
    asking: AccessAnyway,
    JsonFields(fields): JsonFields,
) -> Result<Reply<CreditsValidated>, ApiError> {
    validate(&app, asking, fields, Family::MockDiscussion).await
}

async fn validate(
    app: &App,
    asking: AccessAnyway,
    mut fields: Fields,
    family: Family,
) -> Result<Reply<CreditsValidated>, ApiError> {
    let AccessAnyway { access, database_away } = asking;
    let claim = access.claim(&mut fields);
    let mock_type = fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    fields.finish()?;
    access.count_student(app, &claim)?;
    let question = Question { access, claim, family, mock_type };
    let answer = match database_away {
        None => by_database(app, &question).await,
        Some(error) => Err(error),
    };
    match answer {
        Err(error) if error.is_database_unavailable() => by_hubspot(app, &question).await?.map(Reply::ok).ok_or(error),
        answer => answer.map(Reply::ok),
    }
}

/// May this student book a session of this type?
struct Question {
    access: Access,
    claim: Claim,
    family: Family,
    mock_type: Option<String>,
}

impl Question {
    fn offering<'c>(&self, catalogue: &'c Catalogue) -> Result<&'c Offering, ApiError> {
        offering_of(catalogue, self.family, self.mock_type.as_deref())
    }
}

async fn by_database(app: &App, question: &Question) -> Result<CreditsValidated, ApiError> {
    let catalogue = app.directory.catalogue(question.access.org.id).await?;
    let offering = question.offering(&catalogue)?;
    let (contact, source) = student_of(app, &question.access, &question.claim).await?;
    Ok(judge(offering, Student::on_the_books(contact, source)))
}

/// The last resort: the database does not answer, and the answer is what HubSpot shows. Nothing is written.
///
/// `None` if there is none to be had: without a portal, for a token (whose student we cannot read), or if HubSpot does
/// not answer either. A student whom HubSpot does not know may still be on the books, so that is none, too.
async fn by_hubspot(app: &App, question: &Question) -> Result<Option<CreditsValidated>, ApiError> {
    let Question { access, claim, .. } = question;
    let (Some((student_id, email)), None) = (claim.named(), claim.token()) else { return Ok(None) };
    if app.mirror.portal(&access.org).is_none() {
        return Ok(None);
    }
    let Some(catalogue) = app.directory.catalogue_known_last(access.org.id) else { return Ok(None) };
    let offering = question.offering(&catalogue)?;
    match app.mirror.look_at(&access.org, student_id, email).await {
        Ok(found) => Ok(found.map(|found| judge(offering, Student::at_hubspot(&found)))),
        Err(error) => {
            tracing::warn!(%error, "neither the database nor HubSpot answers");
            Ok(None)
        }
    }
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

/// A student with credits, wherever they were found.
struct Student {
    contact_id: Option<Uuid>,
    hubspot_id: Option<String>,
    student_id: String,
    name: String,
    credits: BTreeMap<String, i64>,
    source: Source,
    degraded: Option<bool>,
}

impl Student {
    fn on_the_books(contact: ContactRow, source: Source) -> Student {
        Student {
            name: contact.full_name(),
            contact_id: Some(contact.id),
            hubspot_id: contact.hubspot_id,
            student_id: contact.student_id,
            credits: contact.credits,
            source,
            degraded: None,
        }
    }

    fn at_hubspot(found: &Found) -> Student {
        Student {
            contact_id: None,
            hubspot_id: Some(found.hubspot_id.clone()),
            student_id: found.student_id.clone(),
            name: format!("{} {}", found.first_name, found.last_name).trim().to_owned(),
            credits: found.credits.iter().map(|(kind, credit)| (kind.to_string(), credit.amount())).collect(),
            source: Source::HubSpot,
            degraded: Some(true),
        }
    }
}

/// The rule is the offering's policy: its first kind is its own, the others are shared with other types.
fn judge(offering: &Offering, student: Student) -> CreditsValidated {
    let balance = |kind: &str| student.credits.get(kind).copied().unwrap_or(0);
    let mut balances = offering.credit_policy.iter().map(|kind| balance(kind));
    let specific_credits = balances.next().unwrap_or(0);
    let shared_credits = balances.sum();
    let eligible = offering.credit_policy.iter().any(|kind| balance(kind) >= 1);
    CreditsValidated {
        eligible,
        available_credits: specific_credits + shared_credits,
        credit_breakdown: CreditBreakdown { specific_credits, shared_credits },
        mock_type: offering.name.clone(),
        contact_id: student.contact_id,
        hubspot_id: student.hubspot_id,
        student_id: student.student_id,
        student_name: student.name,
        source: student.source,
        degraded: student.degraded,
        error_message: (!eligible).then(|| format!("There is no credit left that could pay for a {}.", offering.name)),
    }
}
