//! The routes of the seed's server: everything around a function's call is the product's own.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Router, routing};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use sha2::{Digest, Sha256};
use surehold::http::{
    Access, ApiError, App, BookingMade, BookingRequest, IdempotencyKey, JsonFields, Reply, booking_reply, session_id,
    with_layers,
};
use surehold::store::StoreError;
use surehold::store::session;
use surehold_core::Answer;
use surehold_core::command::Key;
use surehold_core::rows::{BookingStatus, Family};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{refusal, trips};

/// Connections of the pool, as in the product.
const CONNECTIONS: usize = 16;

const CALL: &str = "SELECT o_answer, o_status, o_replayed FROM create_booking($1, $2, $3, $4, $5, $6, $7, $8, $9, \
    $10, $11, $12, $13, $14)";

/// The pool of the seed's server. Its connections have the same settings as the product's for commands.
///
/// # Errors
///
/// A URL that cannot be read.
pub fn pool(url: &str, app_role: &str, allow_unsafe: bool) -> anyhow::Result<Pool> {
    let config: tokio_postgres::Config = url.parse()?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let role = app_role.to_owned();
    let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_secs(10)))
        .post_create(Hook::async_fn(move |client, _| {
            let role = role.clone();
            Box::pin(async move {
                let prepared = async {
                    session::prepare(client, &role, allow_unsafe).await?;
                    session::prepare_for_commands(client).await
                };
                prepared.await.map_err(|error: StoreError| HookError::message(error.to_string()))
            })
        }))
        .build()?;
    Ok(pool)
}

/// The seed's HTTP service: two routes, inside the same layers as the product's routes.
pub fn router(app: Arc<App>, pool: Pool) -> Router {
    let of_trips = trips::route(pool.clone());
    let create = move |State(app): State<Arc<App>>, access: Access, key: IdempotencyKey, JsonFields(fields)| {
        let pool = pool.clone();
        async move {
            let request = BookingRequest::read(&access, fields, Family::MockExam)?;
            book(&app, &pool, &access, key.key(), request).await
        }
    };
    let routes = Router::new().route("/api/bookings/create", routing::post(create)).route(trips::PATH, of_trips);
    with_layers(routes, app)
}

async fn book(
    app: &App,
    pool: &Pool,
    access: &Access,
    key: Key,
    request: BookingRequest,
) -> Result<Reply<BookingMade>, ApiError> {
    let principal =
        access.principal_of_key().ok_or_else(|| ApiError::unauthenticated("The seed's server needs a service key."))?;
    let slot_id = session_id(app, access.org.id, &request.session).await?;
    let key = match key {
        Key::Given(key) => Some(key),
        Key::Made(_) => None,
    };
    let call = Call { org_id: access.org.id, principal, key, slot_id, request };
    let made = match call.run(pool).await {
        // The same key at the same moment: the other one has it, and by now its answer can be read.
        Err(Failure::KeyTaken) => call.run(pool).await,
        made => made,
    };
    let made = made.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::KeyTaken => ApiError::internal("the key was taken, and is not there"),
    })?;
    Ok(booking_reply(made.booked, made.status, made.replayed))
}

/// One call of the function.
struct Call {
    org_id: Uuid,
    principal: String,
    key: Option<String>,
    slot_id: Uuid,
    request: BookingRequest,
}

struct Made {
    booked: surehold_core::outcome::Booked,
    status: Option<BookingStatus>,
    replayed: bool,
}

enum Failure {
    Refused(ApiError),
    KeyTaken,
}

impl Call {
    async fn run(&self, pool: &Pool) -> Result<Made, Failure> {
        let unavailable = |error: String| Failure::Refused(ApiError::database_unavailable(Some(error)));
        let client = pool.get().await.map_err(|error| unavailable(error.to_string()))?;
        let statement = client.prepare_cached(CALL).await.map_err(|error| unavailable(error.to_string()))?;
        let (student_id, email) = self.request.claim.named().unwrap_or_default();
        let hand = self.request.dominant_hand.map(|hand| hand.as_str());
        let fingerprint = self.fingerprint(student_id, email);
        let row = client
            .query_one(
                &statement,
                &[
                    &self.org_id,
                    &self.principal,
                    &self.key,
                    &fingerprint.as_slice(),
                    &student_id,
                    &email,
                    &self.slot_id,
                    &self.request.family.as_str(),
                    &self.request.attending_location,
                    &hand,
                    &Uuid::now_v7(),
                    &Uuid::now_v7(),
                    &Uuid::now_v7(),
                    &Uuid::now_v7(),
                ],
            )
            .await
            .map_err(failure)?;
        let broken = |error: tokio_postgres::Error| Failure::Refused(ApiError::internal(error.to_string()));
        let Json(answer): Json<Answer> = row.try_get(0).map_err(broken)?;
        let status: &str = row.try_get(1).map_err(broken)?;
        let Answer::Booked(booked) = answer else {
            return Err(Failure::Refused(ApiError::internal("the key belongs to something else than a booking")));
        };
        Ok(Made { booked, status: BookingStatus::parse(status), replayed: row.try_get(2).map_err(broken)? })
    }

    /// Two spellings of one request have one fingerprint.
    fn fingerprint(&self, student_id: &str, email: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        let hand = self.request.dominant_hand.map_or("", |hand| hand.as_str());
        for part in [student_id, email, self.request.attending_location.unwrap_or_default(), hand] {
            hash.update(part);
            hash.update([0]); // occurs in no part
        }
        hash.update(self.slot_id.as_bytes());
        hash.finalize().into()
    }
}

fn failure(error: tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return Failure::Refused(ApiError::database_unavailable(Some(error.to_string())));
    };
    if *db.code() == SqlState::UNIQUE_VIOLATION && db.constraint() == Some("journal_key") {
        return Failure::KeyTaken;
    }
    Failure::Refused(match refusal::of(db.code(), db.message(), db.detail()) {
        Some(error) => error,
        None => ApiError::internal(db.to_string()),
    })
}
