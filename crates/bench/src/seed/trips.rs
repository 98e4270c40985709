//! The seed's route for trips: one call of `create_booking_atomic`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, post};
use deadpool_postgres::Pool;
use jiff::civil::{Date, Time};
use sha2::{Digest, Sha256};
use surehold::http::{Access, ApiError, App, BookingsCreated, IdempotencyKey, JsonFields, TripError, TripRequest};
use surehold_core::Answer;
use surehold_core::codes::reference;
use surehold_core::command::TripItem;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Json as FromJson;
use uuid::Uuid;

use super::refusal;

/// Where it is, as in the product.
pub const PATH: &str = "/functions/v1/create-booking";

/// What the route answers when PostgreSQL ended its transaction because of others (a deadlock, or a lock that did
/// not come in 1.5 s). The seed says 500; that would be a line in the log for each.
pub const TRANSACTION_FAILED: StatusCode = StatusCode::CONFLICT;

const CALL: &str =
    "SELECT create_booking_atomic($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
/// Rows of the journal besides one for each item.
const JOURNAL_ROWS: usize = 3;

/// The route.
pub(super) fn route(pool: Pool) -> MethodRouter<Arc<App>> {
    post(move |State(app): State<Arc<App>>, access: Access, key: IdempotencyKey, JsonFields(fields)| {
        let pool = pool.clone();
        async move {
            let principal = access
                .principal_of_key()
                .ok_or_else(|| ApiError::unauthenticated("The seed's server needs a service key."))?;
            let request = TripRequest::read(fields)?;
            let items = request.items(&app, access.org.id).await?;
            let key = key.key();
            let call = Call { org_id: access.org.id, principal: &principal, key: key.text(), request, items };
            call.run(&pool).await
        }
    })
}

/// One call of the function.
struct Call<'r> {
    org_id: Uuid,
    principal: &'r str,
    key: &'r str,
    request: TripRequest,
    items: Vec<TripItem>,
}

impl Call<'_> {
    async fn run(&self, pool: &Pool) -> Result<Json<BookingsCreated>, TripError> {
        let unavailable = |error: String| TripError::from(ApiError::database_unavailable(Some(error)));
        let client = pool.get().await.map_err(|error| unavailable(error.to_string()))?;
        let statement = client.prepare_cached(CALL).await.map_err(|error| unavailable(error.to_string()))?;
        let bookings: Vec<Uuid> = self.items.iter().map(|_| Uuid::now_v7()).collect();
        let references: Vec<String> = bookings.iter().map(|id| reference(*id)).collect();
        let journal: Vec<Uuid> = (0..JOURNAL_ROWS + self.items.len()).map(|_| Uuid::now_v7()).collect();
        let row = client
            .query_one(
                &statement,
                &[
                    &self.org_id,
                    &self.principal,
                    &self.key,
                    &self.fingerprint().as_slice(),
                    &self.request.payment_id,
                    &self.request.trip_id,
                    &self.request.contact_id,
                    &self.column(|item| item.slot_id),
                    &self.column(|item| item.expected.offering_id),
                    &self.column(|item| item.guests),
                    &self.column::<Option<Date>>(|item| item.expected.local_date),
                    &self.column::<Option<Time>>(|item| item.expected.local_start),
                    &bookings,
                    &references,
                    &journal,
                    &Uuid::now_v7(),
                ],
            )
            .await
            .map_err(failure)?;
        let FromJson(answer): FromJson<Answer> =
            row.try_get(0).map_err(|error| ApiError::internal(error.to_string()))?;
        let Answer::TripBooked(booked) = answer else {
            return Err(ApiError::internal("the function answered something else than a trip").into());
        };
        Ok(Json(BookingsCreated::of(booked)))
    }

    fn column<T>(&self, value: impl Fn(&TripItem) -> T) -> Vec<T> {
        self.items.iter().map(value).collect()
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for id in [self.request.payment_id, self.request.trip_id, self.request.contact_id] {
            hash.update(id.as_bytes());
        }
        for item in &self.items {
            hash.update(item.slot_id.as_bytes());
            hash.update(item.guests.to_be_bytes());
        }
        hash.finalize().into()
    }
}

fn failure(error: tokio_postgres::Error) -> TripError {
    let Some(db) = error.as_db_error() else {
        return ApiError::database_unavailable(Some(error.to_string())).into();
    };
    if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE].contains(db.code()) {
        return ApiError::new(TRANSACTION_FAILED, "TRANSACTION_FAILED", "Booking creation failed").into();
    }
    match refusal::of(db.code(), db.message(), db.detail()) {
        Some(error) => error.into(),
        None => ApiError::internal(db.to_string()).into(),
    }
}
