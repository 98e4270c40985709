//! Experiences of a trips marketplace: add, read, list, change.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::command::{AddOffering, ChangeOffering, Command, OfferingTerms};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::slots::{IS_ACTIVE, PRICE, VERSION};
use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::{JsonFields, QueryFields};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name};
use crate::http::find::Named;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::page::Page;
use crate::http::reply::{Reply, Success};
use crate::http::trips::refusals::{in_words_of_trips, no_experience};
use crate::store::experiences::{self, ExperienceRow};

const NAME: Name = Name(&["name"]);
const MAX_GUESTS: Name = Name(&["maxGuests", "max_guests"]);
const CUTOFF: Name = Name(&["cutoffMinutes", "cutoff_minutes"]);
const FREE_CANCELLATION: Name = Name(&["freeCancellationMinutes", "free_cancellation_minutes"]);
const LATE_REFUND: Name = Name(&["lateRefundPercent", "late_refund_percent"]);
/// So many guests in one booking are a mistake.
const GUESTS_MAX: i32 = 1000;
/// A year.
const MINUTES_MAX: i32 = 366 * 24 * 60;
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// A new experience.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct AddExperienceRequest {
    /// Its name, unique in the organisation.
    #[schema(example = "Sunset sail")]
    pub name: String,
    /// What one guest pays, in minor units of the organisation's currency (cents).
    #[schema(example = 4900)]
    pub price: i64,
    /// Guests that one booking may have, 1 to 1000; default 10.
    pub max_guests: Option<i32>,
    /// A checkout ends so many minutes before the start; default 120.
    pub cutoff_minutes: Option<i32>,
    /// A traveller who cancels so many minutes before the start gets everything back; default 1440.
    pub free_cancellation_minutes: Option<i32>,
    /// What a later cancellation gives back, in percent; default 0.
    pub late_refund_percent: Option<i32>,
    /// Whether travellers see it; default true.
    pub is_active: Option<bool>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// What to change; what is absent stays as it is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct ChangeExperienceRequest {
    /// Its name, unique in the organisation.
    pub name: Option<String>,
    /// What one guest pays, in minor units. What is booked keeps its price.
    #[schema(example = 5900)]
    pub price: Option<i64>,
    /// Guests that one booking may have, 1 to 1000.
    pub max_guests: Option<i32>,
    /// A checkout ends so many minutes before the start.
    pub cutoff_minutes: Option<i32>,
    /// A traveller who cancels so many minutes before the start gets everything back.
    pub free_cancellation_minutes: Option<i32>,
    /// What a later cancellation gives back, in percent.
    pub late_refund_percent: Option<i32>,
    /// Whether travellers see it and its slots.
    pub is_active: Option<bool>,
    /// The `version` you saw: the change is refused if it has another by now.
    pub version: Option<i64>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// An experience as operators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperienceView {
    /// The experience's UUID.
    pub id: Uuid,
    /// Its name.
    #[schema(example = "Sunset sail")]
    pub name: String,
    /// What one guest pays, in minor units; `null`: it is not sold.
    #[schema(example = 4900)]
    pub price: Option<i64>,
    /// The organisation's currency: ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// Guests that one booking may have.
    pub max_guests: i32,
    /// A checkout ends so many minutes before the start.
    pub cutoff_minutes: i32,
    /// A traveller who cancels so many minutes before the start gets everything back.
    pub free_cancellation_minutes: i32,
    /// What a later cancellation gives back, in percent.
    pub late_refund_percent: i32,
    /// Whether travellers see it.
    pub is_active: bool,
    /// Grows with every edit; send it back as `version` to change only what you have seen.
    pub version: i64,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl ExperienceView {
    fn new(row: ExperienceRow, currency: &str) -> ExperienceView {
        let ExperienceRow { offering, created_at } = row;
        ExperienceView {
            id: offering.id,
            name: offering.name,
            price: offering.price_minor,
            currency: currency.to_owned(),
            max_guests: offering.guests_max,
            cutoff_minutes: offering.booking_cutoff_minutes,
            free_cancellation_minutes: offering.free_cancel_minutes,
            late_refund_percent: offering.late_refund_percent,
            is_active: offering.is_active,
            version: offering.version,
            created_at,
        }
    }
}

/// Add an experience.
///
/// It has no slots yet: open them next.
#[utoipa::path(
    post, path = "/api/admin/experiences", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = AddExperienceRequest,
    responses(
        (status = 201, description = "Added", body = Success<ExperienceView>),
        (status = 200, description = "Added before, by the same request", body = Success<ExperienceView>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 409, description = "`EXPERIENCE_EXISTS`: the name is taken, by the offering in `details.id`", body = ErrorBody),
    )
)]
pub async fn add_experience(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<ExperienceView>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let name = fields.required(NAME, kinds::text(kinds::NAME_MAX));
    fields.required(PRICE, kinds::money);
    let terms = read_terms(&mut fields);
    fields.finish()?;
    let key = key.key();
    let command = Command::AddOffering(AddOffering { id: None, name, terms });
    let outcome = app.submit(&acting, admin_email, key.clone(), command).await.map_err(in_words_of_trips)?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, OfferingSaved)?;
    let view = view(&app, &acting, saved.offering_id).await.map_err(|e| ApiError::after_commit(e, key.text()))?;
    Ok(Reply::created_unless(replayed, view))
}

fn read_terms(fields: &mut Fields) -> OfferingTerms {
    OfferingTerms {
        price_minor: fields.optional(PRICE, kinds::money),
        guests_max: fields.optional(MAX_GUESTS, kinds::small_integer(1, GUESTS_MAX)),
        booking_cutoff_minutes: fields.optional(CUTOFF, kinds::small_integer(0, MINUTES_MAX)),
        free_cancel_minutes: fields.optional(FREE_CANCELLATION, kinds::small_integer(0, MINUTES_MAX)),
        late_refund_percent: fields.optional(LATE_REFUND, kinds::small_integer(0, 100)),
        is_active: fields.optional(IS_ACTIVE, kinds::boolean),
    }
}

/// An experience as it is now, by its UUID.
pub(super) async fn experience(app: &App, org_id: Uuid, id: &str) -> Result<ExperienceRow, ApiError> {
    let id = Uuid::try_parse(id).map_err(|_| no_experience())?;
    let client = app.store.read().await?;
    experiences::by_id(&client, org_id, id).await?.ok_or_else(no_experience)
}

async fn view(app: &App, acting: &Acting, id: Uuid) -> Result<ExperienceView, ApiError> {
    let client = app.store.read().await?;
    let row = experiences::by_id(&client, acting.org.id, id).await?.ok_or_else(no_experience)?;
    Ok(ExperienceView::new(row, &acting.org.currency))
}

/// Read an experience.
#[utoipa::path(
    get, path = "/api/admin/experiences/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the experience")),
    responses(
        (status = 200, description = "The experience", body = Success<ExperienceView>),
        (status = 404, description = "`EXPERIENCE_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn get_experience(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
) -> Result<Reply<ExperienceView>, ApiError> {
    let row = experience(&app, acting.org.id, &id).await?;
    Ok(Reply::ok(ExperienceView::new(row, &acting.org.currency)))
}

/// How many.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct ExperiencesQuery {
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List experiences.
///
/// By name; inactive ones, too.
#[utoipa::path(
    get, path = "/api/admin/experiences", tag = "admin", security(("api_key" = [])), params(ExperiencesQuery),
    responses(
        (status = 200, description = "A page of experiences", body = Success<Vec<ExperienceView>>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
    )
)]
pub async fn list_experiences(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<ExperienceView>>, ApiError> {
    let page: Page<(String, Uuid)> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let client = app.store.read().await?;
    let mut rows = experiences::list(&client, acting.org.id, false, page.cursor.clone(), page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.offering.name.clone(), row.offering.id));
    let views = rows.into_iter().map(|row| ExperienceView::new(row, &acting.org.currency)).collect();
    Ok(Reply::ok(views).next(next))
}

/// An experience after a change.
#[derive(Serialize, ToSchema)]
pub struct ExperienceChanged {
    /// The experience.
    #[serde(flatten)]
    pub experience: ExperienceView,
    /// Whether anything was different before.
    pub changed: bool,
}

/// Change an experience.
///
/// Changes only what the body names. What is booked keeps its price.
#[utoipa::path(
    patch, path = "/api/admin/experiences/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the experience"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = ChangeExperienceRequest,
    responses(
        (status = 200, description = "The experience as it is now", body = Success<ExperienceChanged>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`EXPERIENCE_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`VERSION_CONFLICT`, `EXPERIENCE_EXISTS`", body = ErrorBody),
    )
)]
pub async fn change_experience(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<ExperienceChanged>, ApiError> {
    let known = [NAME, PRICE, MAX_GUESTS, CUTOFF, FREE_CANCELLATION, LATE_REFUND, IS_ACTIVE];
    fields.must_mention_one_of(&known)?;
    for name in known.into_iter().filter(|name| fields.mentions(*name) && !fields.has(*name)).collect::<Vec<_>>() {
        fields.problem(name.own(), "must have a value; leave it out to keep the present one");
    }
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let name = fields.optional(NAME, kinds::text(kinds::NAME_MAX));
    let terms = read_terms(&mut fields);
    let expected_version = fields.optional(VERSION, kinds::integer(1, i64::MAX));
    fields.finish()?;
    let offering_id = Uuid::try_parse(&id).map_err(|_| no_experience())?;
    let key = key.key();
    let command = Command::ChangeOffering(ChangeOffering { offering_id, expected_version, name, terms });
    let outcome = app.submit(&acting, admin_email, key.clone(), command).await.map_err(in_words_of_trips)?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, OfferingSaved)?;
    let experience = view(&app, &acting, offering_id).await.map_err(|e| ApiError::after_commit(e, key.text()))?;
    Ok(Reply::ok(ExperienceChanged { experience, changed: saved.changed }).replayed(replayed))
}
