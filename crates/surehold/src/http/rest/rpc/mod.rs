//! `POST /rest/v1/rpc/{function}`: the functions under the seeds' names. Each is a file here that makes a command of its
//! arguments, or reads; [`function`] lists them with what they take.

pub mod arguments;
pub mod generations;
pub mod hints;

mod call;
mod cancel_booking;
mod check_key;
mod confirm_booking;
mod create_booking;
mod create_trip_bookings;
mod exam;
mod exam_bookings;
mod function;
mod raised;
mod row;
mod slot_seats;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use uuid::Uuid;

use self::arguments::Arguments;
use self::call::{Call, Returned};
use self::function::{Function, Work};
use super::answer;
use super::errors::RestError;
use super::request::{Caller, Profile, form, is_counted};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::reply::replay_header;
use crate::http::trips::items::TripItemRequest;

/// The arguments of all functions. A call has those of its own, and no others.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the arguments are read by name")]
pub struct CallArguments {
    /// On create the booking ID, kept as it is; on cancel the booking's UUID; of `get_booking` the booking ID.
    #[schema(example = "Clinical Skills-1599999-October 23, 2026")]
    pub p_booking_id: Option<String>,
    /// The student's ID.
    #[schema(example = "1599999")]
    pub p_student_id: Option<String>,
    /// The student's email, on create.
    #[schema(example = "olivia.park@example.org")]
    pub p_student_email: Option<String>,
    /// The session: HubSpot's number, UUID or name.
    pub p_mock_exam_id: Option<String>,
    /// Not used: it is the contact's.
    pub p_student_name: Option<String>,
    /// Not used: it follows from the credit.
    pub p_token_used: Option<String>,
    /// Where or how the student attends.
    pub p_attending_location: Option<String>,
    /// `true` or `right`, `false` or `left`.
    pub p_dominant_hand: Option<String>,
    /// One key, one booking.
    pub p_idempotency_key: Option<String>,
    /// The kind of credit. On cancel it is only checked to be one.
    #[schema(example = "cs_credits")]
    pub p_credit_field: Option<String>,
    /// Only checked to be a number: one credit is taken.
    pub p_new_credit_value: Option<i32>,
    /// Only checked to be a number: the credit that was taken comes back.
    pub p_restored_credit_value: Option<i32>,
    /// Not used: it is the session's.
    pub p_mock_set: Option<String>,
    /// The session to count.
    pub p_exam_id: Option<String>,
    /// Only checked to be a number.
    pub p_delta: Option<i32>,
    /// Of a trip: the money that pays for it.
    pub p_payment_id: Option<Uuid>,
    /// The trip.
    pub p_trip_id: Option<Uuid>,
    /// Who travels.
    pub p_user_id: Option<Uuid>,
    /// What is booked: 1 to 50 items, as a list or as text that is one.
    pub p_items: Option<Vec<TripItemRequest>>,
    /// A slot, whose seats are taken out of sale or put back.
    pub p_slot_id: Option<Uuid>,
    /// The slot by its experience, …
    pub p_experience_id: Option<Uuid>,
    /// … its local date …
    #[schema(format = Date, example = "2027-01-15")]
    pub p_slot_date: Option<String>,
    /// … and its local start.
    #[schema(example = "18:00:00")]
    pub p_slot_time: Option<String>,
    /// How many seats, at least 1.
    pub p_count: Option<i32>,
    /// A UUID to look for.
    pub p_id: Option<String>,
    /// HubSpot's number to look for.
    pub p_hubspot_id: Option<String>,
    /// An email to look for.
    pub p_email: Option<String>,
}

/// Call a function.
///
/// As PostgREST does, for `supabase.rpc(…)`. The arguments are the members of the body, by name; a name that the function
/// does not have, or a missing one that it needs, is no such function.
///
/// - `create_booking_atomic(p_booking_id, p_student_id, p_student_email, p_mock_exam_id, p_student_name, p_token_used,
///   p_attending_location, p_dominant_hand, p_idempotency_key, p_credit_field, p_new_credit_value[, p_mock_set])` books a
///   seat for one credit of the kind `p_credit_field`, whatever number is sent. The same key again gives the same booking;
///   a key whose booking was cancelled books anew.
/// - `cancel_booking_atomic(p_booking_id, p_credit_field, p_restored_credit_value)` gives it up, and its credit back as the
///   kind that paid, once.
/// - `check_idempotency_key(p_idempotency_key)` is the booking of a key, or `null`.
/// - `increment_exam_bookings(p_exam_id, p_delta)` changes nothing, and returns how many seats are not for sale any more.
/// - `get_contact_credits([p_student_id, p_email, p_id, p_hubspot_id])` and `get_booking([p_id, p_hubspot_id,
///   p_booking_id])` are a row of `hubspot_contact_credits` and of `hubspot_bookings`.
/// - `create_booking_atomic(p_payment_id, p_trip_id, p_user_id, p_items)` books all items of a paid trip, or none. The same
///   payment again gives the same bookings.
/// - `confirm_booking_atomic(p_booking_id, p_trip_id)` says whether a booking of a trip is confirmed, and asks Stripe if its
///   money is not known to be there.
/// - `decrement_slot_availability` and `release_slot_availability`, with `(p_slot_id, p_count)` or `(p_experience_id,
///   p_slot_date, p_slot_time, p_count)`, take seats out of sale without a booking, and put them back. What is refused is
///   200 with `success: false`, as also of `confirm_booking_atomic`. `decrement_slot_inventory(p_slot_id, p_count)` is
///   another name of the first.
///
/// What is refused is `P0001`, and its message begins with our code (`EXAM_FULL: …`), or has the seed's words: `Contact
/// not found …`, `Mock exam not found …`, `Booking not found …`, `Exam … not found in Supabase`.
#[utoipa::path(
    post, path = "/rest/v1/rpc/{function}", tag = "rest", security(("api_key" = []), ("api_key_header" = [])),
    params(
        ("function" = String, Path, description = "The function's name"),
        ("select" = Option<String>, Query, description = "Columns of the row, of functions that return one"),
        ("Content-Profile" = Option<String>, Header, description = "`public` (also without it) or `hubspot_sync`: both have every function"),
    ),
    request_body(content = CallArguments, description = "The arguments as an object; nothing is none"),
    responses(
        (status = 200, description = "What the function returns", body = Value,
            headers(("Idempotent-Replayed" = String, description = "`true`: it was done before"))),
        (status = 400, description = "`P0001`: refused; `PGRST102`: no JSON; `22P02`, `22003`, `22P05`: an argument of another type; `PGRST100`, `42703`: what is selected", body = RestError),
        (status = 401, description = "`PGRST302`: no key; `PGRST301`: one that is not valid, or not any more", body = RestError),
        (status = 403, description = "`42501`: a student's or a traveller's token", body = RestError),
        (status = 404, description = "`PGRST202`: no function of this name takes these arguments", body = RestError),
        (status = 406, description = "`PGRST106`: no such schema; `PGRST107`: not in this form", body = RestError),
        (status = 408, description = "`REQUEST_TIMEOUT`: the body took too long to arrive", body = RestError),
        (status = 413, description = "`PAYLOAD_TOO_LARGE`", body = RestError),
        (status = 429, description = "`RATE_LIMITED`: too many calls without a valid key", body = RestError),
        (status = 500, description = "`57014`: it took too long; `XX000`: a fault of ours", body = RestError),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE`, `CRM_UNAVAILABLE` (nothing was done) or `OUTCOME_UNKNOWN` (call again with the key); see `Retry-After`", body = RestError),
    )
)]
pub async fn rest_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let arguments = Arguments::of_body(&app, &headers, body).await?;
    let function = function::find(caller.profile.schema, &name, &arguments.names(), true)?;
    let select = arguments::selected(&query.unwrap_or_default())?;
    answered(&app, &caller, function, arguments, select, &headers).await
}

/// Call a function that only reads.
///
/// The arguments are parameters of the query string. HEAD answers without the value.
#[utoipa::path(
    get, path = "/rest/v1/rpc/{function}", tag = "rest", security(("api_key" = []), ("api_key_header" = [])),
    params(
        ("function" = String, Path, description = "`check_idempotency_key`, `get_contact_credits` or `get_booking`"),
        ("select" = Option<String>, Query, description = "Columns of the row, of functions that return one"),
        ("Accept-Profile" = Option<String>, Header, description = "`public` (also without it) or `hubspot_sync`"),
    ),
    responses(
        (status = 200, description = "What the function returns", body = Value),
        (status = 400, description = "`22P02`, `22P05`: an argument of another type; `PGRST100`, `42703`: what is selected", body = RestError),
        (status = 401, description = "`PGRST302`: no key; `PGRST301`: one that is not valid, or not any more", body = RestError),
        (status = 403, description = "`42501`: a student's or a traveller's token", body = RestError),
        (status = 404, description = "`PGRST202`: no function of this name takes these arguments", body = RestError),
        (status = 405, description = "`25006`: the function writes, so it is called by POST", body = RestError),
        (status = 406, description = "`PGRST106`: no such schema; `PGRST107`: not in this form", body = RestError),
        (status = 429, description = "`RATE_LIMITED`: too many calls without a valid key", body = RestError),
        (status = 500, description = "`57014`: it took too long; `XX000`: a fault of ours", body = RestError),
        (status = 503, description = "`DATABASE_UNAVAILABLE`; see `Retry-After`", body = RestError),
    )
)]
pub async fn rest_call_by_get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (arguments, select) = Arguments::of_query(&query.unwrap_or_default());
    let function = function::find(caller.profile.schema, &name, &arguments.names(), false)?;
    if let Some(verb) = function.writes {
        let message = format!("cannot execute {verb} in a read-only transaction");
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "25006", message);
        return Err(error.with_header(header::ALLOW, HeaderValue::from_static("OPTIONS,POST")));
    }
    answered(&app, &caller, function, arguments, select, &headers).await
}

async fn answered(
    app: &App,
    caller: &Caller,
    function: &Function,
    arguments: Arguments,
    select: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let form = form(headers)?;
    let returned = run(function.work, &Call { app, caller, arguments, select }).await?;
    let response = answer::of_function(returned.value, form, is_counted(headers), caller.profile);
    Ok((replay_header(returned.is_replayed), response).into_response())
}

async fn run(work: Work, call: &Call<'_>) -> Result<Returned, ApiError> {
    match work {
        Work::CreateBooking => create_booking::run(call).await,
        Work::CreateTripBookings => create_trip_bookings::run(call).await,
        Work::ConfirmBooking => confirm_booking::run(call).await,
        Work::DecrementSlot => slot_seats::decrement(call).await,
        Work::ReleaseSlot => slot_seats::release(call).await,
        Work::CancelBooking => cancel_booking::run(call).await,
        Work::CheckKey => check_key::run(call).await,
        Work::ExamBookings => exam_bookings::run(call).await,
        Work::ContactCredits => row::contact_credits(call).await,
        Work::Booking => row::booking(call).await,
    }
}

/// Whether a path leads to a function.
pub fn is_function(path: &str) -> bool {
    path.strip_prefix("/rest/v1/rpc/").is_some_and(|name| !name.is_empty())
}

/// Answers a method that functions do not have.
pub fn no_such_method(method: &Method, profile: Profile, name: &str) -> Result<Response, ApiError> {
    if method != Method::OPTIONS {
        let message = format!("Cannot use the {method} method on RPC");
        return Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST101", message));
    }
    let Some(function) = function::named(name).next() else {
        return Err(function::no_function(profile.schema, name, &[], true));
    };
    let allow = if function.writes.is_some() { "OPTIONS,POST" } else { "OPTIONS,GET,HEAD,POST" };
    Ok([(header::ALLOW, HeaderValue::from_static(allow))].into_response())
}
