//! A student's bookings: one, all, and giving one up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::command::{Cancel, Command};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::access::{Access, Scope};
use crate::http::app::{App, expect_answer};
use crate::http::body::{AnyFields, QueryFields};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{LIMIT, Name, REASON};
use crate::http::find::{self, Named, no_booking};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::http::session_json::BookingView;
use crate::store::bookings::{self, When};
use crate::store::contacts;

const FILTER: Name = Name(&["filter"]);
const PAGE: Name = Name(&["page"]);
const LIMIT_USUAL: i64 = 20;
const LIMIT_MAX: i64 = 100;
const PAGE_MAX: i64 = 10_000;

/// Whose booking, where no token says so.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct StudentQuery {
    /// The student's ID; also accepted as `studentId`. Not needed with a bearer token or an admin key.
    pub student_id: Option<String>,
    /// The student's email; also accepted as `studentEmail`. Not needed with a bearer token or an admin key.
    pub email: Option<String>,
}

/// Read a booking.
///
/// `id` is HubSpot's number, the UUID or the booking ID, tried in this order. A booking ID repeats after
/// cancel and rebook: the active booking is meant, else the newest. Somebody else's booking is not found.
#[utoipa::path(
    get, path = "/api/bookings/{id}", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or booking ID"), StudentQuery),
    responses(
        (status = 200, description = "The booking", body = Success<BookingView>),
        (status = 401, description = "`UNAUTHENTICATED`: neither a token nor `student_id` and `email`", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`: none, or somebody else's", body = ErrorBody),
    )
)]
pub async fn get_booking(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<BookingView>, ApiError> {
    let claim = access.claim_if_needed(&mut fields)?;
    fields.finish()?;
    let scope = access.scope(&app, claim).await?.ok_or_else(no_booking)?;
    let booking = find::booking(&app, access.org.id, &id, scope.contact_id).await?;
    Ok(Reply::ok(booking.into()))
}

/// A booking that was given up.
#[derive(Serialize, ToSchema)]
pub struct BookingCancelled {
    /// The human booking ID.
    #[schema(example = "Clinical Skills-1599999-October 23, 2026")]
    pub booking_id: String,
    /// The booking's UUID.
    pub id: Uuid,
    /// HubSpot's number of it, once it has one.
    pub hubspot_id: Option<String>,
    /// When it was cancelled first.
    #[schema(value_type = String, format = DateTime)]
    pub cancelled_at: Timestamp,
    /// Credits that came back by this request; a second cancellation gives none.
    #[schema(example = 1)]
    pub credits_restored: i64,
    /// The kind of credit that came back.
    #[schema(example = "cs_credits")]
    pub restored_kind: Option<String>,
    /// What there is of that kind now.
    pub credits_after_restoration: Option<i64>,
}

/// A cancellation and whether it had been carried out before.
pub struct Cancellation {
    /// The answer.
    pub cancelled: BookingCancelled,
    /// The booking had been cancelled before this request.
    pub already: bool,
    /// This very request had been carried out before, by its key.
    pub replayed: bool,
}

/// Cancel a booking.
///
/// The seat is free again and the credit comes back to the kind that paid, at once and at most once. A
/// second cancellation is a success that changes nothing: `message` is `Booking already cancelled`,
/// `idempotent` is true. A student may cancel until the type's cut-off (by default the start), an admin
/// key always. `student_id` and `email` may be in the body or in the query.
#[utoipa::path(
    delete, path = "/api/bookings/{id}", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or booking ID"), StudentQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    responses(
        (status = 200, description = "Cancelled, now or before", body = Success<BookingCancelled>),
        (status = 401, description = "`UNAUTHENTICATED`", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`: none, or somebody else's", body = ErrorBody),
        (status = 408, description = "`REQUEST_TIMEOUT`: the body, if there is one, took too long to arrive", body = ErrorBody),
        (status = 409, description = "`CANCEL_TOO_LATE`: the cut-off has passed; `BOOKING_NOT_ACTIVE`", body = ErrorBody),
        (status = 413, description = "`PAYLOAD_TOO_LARGE`", body = ErrorBody),
        (status = 415, description = "`UNSUPPORTED_MEDIA_TYPE`: send the body, if there is one, as JSON", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE` or `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn cancel_booking(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
    key: IdempotencyKey,
    AnyFields(mut fields): AnyFields,
) -> Result<Reply<BookingCancelled>, ApiError> {
    let claim = access.claim_if_needed(&mut fields)?;
    let reason = fields.optional(REASON, kinds::note);
    fields.finish()?;
    let scope = access.scope(&app, claim).await?.ok_or_else(no_booking)?;
    let done = cancel_one(&app, &scope, &id, key.key(), reason).await?;
    let reply = Reply::ok(done.cancelled).replayed(done.replayed);
    Ok(match done.already || done.replayed {
        true => reply.message("Booking already cancelled").idempotent(),
        false => reply.message("Booking cancelled"),
    })
}

/// Finds a booking within what the caller may see, and gives it up.
pub async fn cancel_one(
    app: &App,
    scope: &Scope,
    reference: &str,
    key: surehold_core::command::Key,
    reason: Option<String>,
) -> Result<Cancellation, ApiError> {
    let booking = find::booking(app, scope.acting.org.id, reference, scope.contact_id).await?;
    let command =
        Command::Cancel(Cancel { booking_id: booking.id, by_student: scope.by_student, return_credit: true, reason });
    let outcome = app.submit(&scope.acting, scope.on_behalf_of.clone(), key, command).await?;
    let replayed = outcome.replayed;
    let answer = expect_answer!(outcome, Cancelled)?;
    Ok(Cancellation {
        already: answer.already,
        replayed,
        cancelled: BookingCancelled {
            booking_id: answer.code,
            id: answer.booking_id,
            hubspot_id: booking.hubspot_id,
            cancelled_at: answer.cancelled_at,
            credits_restored: answer.credits_returned,
            restored_kind: answer.returned_kind.map(|kind| kind.to_string()),
            credits_after_restoration: answer.balance,
        },
    })
}

/// Which of a student's bookings.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The student's ID. Not needed with a bearer token.
    pub student_id: Option<String>,
    /// The student's email. Not needed with a bearer token.
    pub email: Option<String>,
    /// `all` (default), `upcoming` (active, and the session has not ended) or `past` (it has ended).
    pub filter: Option<String>,
    /// 1 (default) and up.
    pub page: Option<i64>,
    /// Bookings on a page, 1 to 100; default 20.
    pub limit: Option<i64>,
}

/// Where a page is in its list.
#[derive(Serialize, ToSchema)]
pub struct Pagination {
    /// This page, from 1.
    pub page: i64,
    /// Bookings on a page.
    pub limit: i64,
    /// Bookings in all.
    pub total: i64,
    /// Pages in all.
    pub total_pages: i64,
    /// Whether there is a page after this one.
    pub has_next: bool,
}

/// A page of a student's bookings.
#[derive(Serialize, ToSchema)]
pub struct BookingList {
    /// The bookings.
    pub bookings: Vec<BookingView>,
    /// Where this page is.
    pub pagination: Pagination,
    /// The student's balances by kind of credit.
    pub credits: BTreeMap<String, i64>,
}

/// List a student's bookings.
#[utoipa::path(
    get, path = "/api/bookings/list", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(ListQuery),
    responses(
        (status = 200, description = "A page of bookings, and the student's credits", body = Success<BookingList>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 401, description = "`UNAUTHENTICATED`", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`", body = ErrorBody),
        (status = 503, description = "`DATABASE_UNAVAILABLE`; `CRM_UNAVAILABLE`: the student is not known here yet, and HubSpot cannot be asked now. See `Retry-After`", body = ErrorBody),
    )
)]
pub async fn list_bookings(
    State(app): State<Arc<App>>,
    access: Access,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<BookingList>, ApiError> {
    let claim = access.claim_if_needed(&mut fields)?;
    if claim.named().is_none() && claim.token().is_none() {
        fields.problem("student_id", "is required");
        fields.problem("email", "is required");
    }
    let filter = fields.optional(FILTER, kinds::one_of(&["all", "upcoming", "past"]));
    let page = fields.optional(PAGE, kinds::integer(1, PAGE_MAX)).unwrap_or(1);
    let limit = fields.optional(LIMIT, kinds::integer(1, LIMIT_MAX)).unwrap_or(LIMIT_USUAL);
    fields.finish()?;
    let scope = access.scope_of_anybody(&app, claim).await?;
    let no_contact = || ApiError::from(surehold_core::Refusal::ContactNotFound);
    let contact_id = scope.and_then(|scope| scope.contact_id).ok_or_else(no_contact)?;
    let when = match filter {
        Some("upcoming") => When::Upcoming,
        Some("past") => When::Past,
        _ => When::All,
    };
    let client = app.store.read().await?;
    let (rows, total) =
        bookings::of_contact(&client, access.org.id, contact_id, when, limit, (page - 1) * limit).await?;
    let contact = contacts::by_id(&client, access.org.id, contact_id).await?.ok_or_else(no_contact)?;
    Ok(Reply::ok(BookingList {
        bookings: rows.into_iter().map(BookingView::from).collect(),
        pagination: Pagination {
            page,
            limit,
            total,
            total_pages: (total + limit - 1) / limit,
            has_next: page * limit < total,
        },
        credits: contact.credits,
    }))
}
