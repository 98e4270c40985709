//! Sessions that students can book, and the seats of one of them.

use std::sync::Arc;

use axum::extract::State;
use surehold_core::rows::Family;
use utoipa::IntoParams;

use super::credits::offering_of;
use crate::http::access::Access;
use crate::http::app::App;
use crate::http::body::QueryFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{Fields, MOCK_TYPE, Name};
use crate::http::find::{self, Named};
use crate::http::kinds;
use crate::http::page::{ByStart, Page};
use crate::http::reply::{Reply, Success};
use crate::http::session_json::{CapacityView, SessionView};
use crate::store::sessions;

const INCLUDE_CAPACITY: Name = Name(&["include_capacity", "includeCapacity"]);
const LIMIT_USUAL: i64 = 500;
const LIMIT_MAX: i64 = 500;

/// Which sessions, and what to say of them.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct AvailableQuery {
    /// Only this type, such as `Clinical Skills`.
    pub mock_type: Option<String>,
    /// `false` leaves `capacity`, `total_bookings` and `available_slots` out. Default `true`.
    pub include_capacity: Option<bool>,
    /// At most so many sessions, 1 to 500 (default).
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List exams that can be booked.
///
/// Future exams that are on sale and not blocked, the soonest first; full ones too, so that a student sees
/// that they exist. A scheduled exam appears at its time. No credential is needed.
#[utoipa::path(
    get, path = "/api/mock-exams/available", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(AvailableQuery),
    responses(
        (status = 200, description = "A page of exams", body = Success<Vec<SessionView>>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type of exam", body = ErrorBody),
    )
)]
pub async fn available_exams(
    State(app): State<Arc<App>>,
    access: Access,
    QueryFields(fields): QueryFields,
) -> Result<Reply<Vec<SessionView>>, ApiError> {
    available(&app, access, fields, Family::MockExam).await
}

/// List discussions that can be booked.
///
/// As for exams. `prerequisite_exam_ids` names the sessions in each of which a booking is needed first.
#[utoipa::path(
    get, path = "/api/mock-discussions/available", tag = "discussions", security((), ("student_token" = []), ("api_key" = [])),
    params(AvailableQuery),
    responses(
        (status = 200, description = "A page of discussions", body = Success<Vec<SessionView>>),
        (status = 400, description = "`VALIDATION_ERROR`, or `INVALID_EXAM_TYPE`: no such type", body = ErrorBody),
    )
)]
pub async fn available_discussions(
    State(app): State<Arc<App>>,
    access: Access,
    QueryFields(fields): QueryFields,
) -> Result<Reply<Vec<SessionView>>, ApiError> {
    available(&app, access, fields, Family::MockDiscussion).await
}

async fn available(
    app: &App,
    access: Access,
    mut fields: Fields,
    family: Family,
) -> Result<Reply<Vec<SessionView>>, ApiError> {
    let mock_type = fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    let include_capacity = fields.optional(INCLUDE_CAPACITY, kinds::boolean).unwrap_or(true);
    let page: Page<ByStart> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let offering_id = match mock_type {
        None => None,
        Some(name) => {
            let catalogue = app.directory.catalogue(access.org.id).await?;
            Some(offering_of(&catalogue, family, Some(&name))?.id)
        }
    };
    let client = app.store.read().await?;
    let mut rows = sessions::on_sale(&client, access.org.id, family, offering_id, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.slot.starts_at, row.slot.id));
    let views = rows.into_iter().map(|row| SessionView::new(row, include_capacity)).collect();
    Ok(Reply::ok(views).next(next))
}

/// Count the seats of one session.
///
/// Read from the database at this moment, never from a cache. Works for exams and discussions; `id` is a
/// HubSpot number, a UUID or a name.
#[utoipa::path(
    get, path = "/api/mock-exams/{id}/capacity", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or name of the session")),
    responses(
        (status = 200, description = "Its seats", body = Success<CapacityView>),
        (status = 404, description = "`EXAM_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn capacity(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
) -> Result<Reply<CapacityView>, ApiError> {
    let session = find::session(&app, access.org.id, &id).await?;
    Ok(Reply::ok(session.into()))
}
