//! Login: a student's ID and email for a profile and a short-lived bearer token.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Profile, StudentIdentity, student_of};
use crate::http::access::Access;
use crate::http::app::App;
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::newcomer::Source;
use crate::http::reply::{Reply, Success};
use crate::http::tokens;

/// A student who is logged in.
#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// Who.
    #[serde(flatten)]
    pub profile: Profile,
    /// The balances once more, each as a member of its own (`sj_credits`, `cs_credits`, …), where older
    /// callers look for them.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub balances: BTreeMap<String, i64>,
    /// `hubspot` at the first login of a student whom only HubSpot knew, else `database`.
    pub source: Source,
    /// Send it as `Authorization: Bearer <token>` instead of `student_id` and `email`.
    pub token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Log in.
///
/// Finds the student by ID **and** email and gives out a bearer token for the other students' routes, good
/// for an hour by default. The answer does not say which of the two was wrong.
///
/// A student who is not known yet is looked for at HubSpot, once, and known from then on.
#[utoipa::path(
    post, path = "/api/user/login", tag = "students", security(()),
    request_body = StudentIdentity,
    responses(
        (status = 200, description = "The student's profile, credits and token", body = Success<LoggedIn>),
        (status = 400, description = "`VALIDATION_ERROR`: a field is missing or wrong", body = ErrorBody),
        (status = 404, description = "`STUDENT_NOT_FOUND`: unknown student, or not this email", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`: wait for `Retry-After` seconds", body = ErrorBody),
        (status = 503, description = "`DATABASE_UNAVAILABLE`; `CRM_UNAVAILABLE`: the student is not known here yet, and HubSpot cannot be asked now. See `Retry-After`", body = ErrorBody),
    )
)]
pub async fn login(
    State(app): State<Arc<App>>,
    access: Access,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<LoggedIn>, ApiError> {
    let claim = access.claim(&mut fields);
    fields.finish()?;
    access.count_student(&app, &claim)?;
    let (contact, source) = student_of(&app, &access, &claim).await?;
    let (token, expires_at) =
        tokens::issue(&access.org, contact.id, app.options.token_lifetime).map_err(ApiError::internal)?;
    let balances = contact.credits.clone();
    Ok(Reply::ok(LoggedIn { profile: contact.into(), balances, source, token, token_type: "Bearer", expires_at }))
}
