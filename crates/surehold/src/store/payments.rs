//! Plain reads of payments, their bookings and refunds. Changes go through the desk.

use std::sync::LazyLock;

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp, civil};
use surehold_core::rows::{Booking, Payment, Refund, StripeEvent};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{StoreError, rows, trip_rows};

fn payments(condition: &str) -> String {
    format!("SELECT {} FROM payments WHERE org_id = $1 AND {condition}", trip_rows::PAYMENT)
}

static BY_ID: LazyLock<String> = LazyLock::new(|| payments("id = $2"));
static BY_SESSION: LazyLock<String> = LazyLock::new(|| payments("stripe_session_id = $2"));
static BY_INTENT: LazyLock<String> =
    LazyLock::new(|| payments("stripe_payment_intent = $2 ORDER BY source, id LIMIT 1"));
// Newest first; `$2` narrows to those with something to look at, `$3` is the last of the page before.
static LIST: LazyLock<String> = LazyLock::new(|| {
    payments("(NOT $2 OR flag IS NOT NULL) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4")
});
// The session cannot be paid any more, and the seats are still held.
static ENDING: LazyLock<String> = LazyLock::new(|| {
    payments(
        "status = 'pending' AND stripe_session_id IS NOT NULL AND pay_until <= now() AND expires_at > now() ORDER BY id",
    )
});
// What Stripe may know better: what is open, and what ended without money since $2.
static DOUBTFUL: LazyLock<String> = LazyLock::new(|| {
    payments(
        "source = 'checkout' AND stripe_session_id IS NOT NULL AND (status IN ('pending', 'processing') \
         OR (status = 'failed' AND received_minor IS NULL AND updated_at >= $2)) ORDER BY id",
    )
});
static PAID_SINCE: LazyLock<String> = LazyLock::new(|| {
    payments(
        "status IN ('succeeded', 'partially_refunded', 'refunding') AND stripe_payment_intent IS NOT NULL \
         AND created_at >= $2 ORDER BY id",
    )
});
static STUCK: LazyLock<String> = LazyLock::new(|| {
    payments(
        "status = 'processing' AND flag IS NULL AND processing_since < now() - make_interval(secs => $2) ORDER BY id",
    )
});
const DUE: &str =
    "SELECT id FROM payments WHERE org_id = $1 AND status = 'pending' AND expires_at <= now() ORDER BY id";
static BOOKINGS: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM bookings WHERE org_id = $1 AND payment_id = $2 ORDER BY id", rows::BOOKING)
});
static REFUNDS: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM refunds WHERE org_id = $1 AND payment_id = $2 ORDER BY id", trip_rows::REFUND)
});
static OPEN_REFUNDS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM refunds WHERE org_id = $1 AND status IN ('requested', 'pending') ORDER BY id LIMIT 1000",
        trip_rows::REFUND
    )
});
const SLOT_AT: &str = "SELECT s.id FROM slots s JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id \
    WHERE s.org_id = $1 AND s.offering_id = $2 AND s.local_date = $3 AND s.local_start = $4 AND s.status <> 'cancelled' \
    AND o.family = 'experience' ORDER BY s.id LIMIT 2";
const EVENT_KNOWN: &str = "SELECT FROM stripe_events WHERE org_id = $1 AND id = $2";
const KEEP_EVENT: &str = "INSERT INTO stripe_events (org_id, id, type, created_at, payload, received_at) \
    VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT (org_id, id) DO NOTHING";

/// Every statement of this file, for the test that prepares them.
pub fn statements() -> Vec<&'static str> {
    vec![
        &BY_ID,
        &BY_SESSION,
        &BY_INTENT,
        &LIST,
        &ENDING,
        &DOUBTFUL,
        &PAID_SINCE,
        &STUCK,
        DUE,
        &BOOKINGS,
        &REFUNDS,
        &OPEN_REFUNDS,
        SLOT_AT,
        EVENT_KNOWN,
        KEEP_EVENT,
    ]
}

async fn all<T>(
    client: &Client,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
    decode: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    client.query(sql, params).await?.iter().map(decode).collect()
}

async fn one(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Payment>, StoreError> {
    client.query_opt(sql, params).await?.as_ref().map(trip_rows::payment).transpose()
}

/// The payment of an id. Asked before each trip is booked, so it is prepared.
pub async fn find(client: &ClientWrapper, org_id: Uuid, id: Uuid) -> Result<Option<Payment>, StoreError> {
    let statement = client.prepare_cached(&BY_ID).await?;
    client.query_opt(&statement, &[&org_id, &id]).await?.as_ref().map(trip_rows::payment).transpose()
}

/// The payment of a Checkout Session.
pub async fn by_session(client: &Client, org_id: Uuid, session_id: &str) -> Result<Option<Payment>, StoreError> {
    one(client, &BY_SESSION, &[&org_id, &session_id]).await
}

/// The payment of a Payment Intent; one of ours before recorded money.
pub async fn by_intent(client: &Client, org_id: Uuid, intent: &str) -> Result<Option<Payment>, StoreError> {
    one(client, &BY_INTENT, &[&org_id, &intent]).await
}

/// A page of payments, the newest first.
pub async fn list(
    client: &Client,
    org_id: Uuid,
    flagged: bool,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Payment>, StoreError> {
    all(client, &LIST, &[&org_id, &flagged, &before, &limit], trip_rows::payment).await
}

/// Payments whose holds have come to their end.
pub async fn due(client: &Client, org_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    all(client, DUE, &[&org_id], |row| Ok(row.try_get(0)?)).await
}

/// Payments whose session cannot be paid any more, while their seats are still held.
pub async fn ending(client: &Client, org_id: Uuid) -> Result<Vec<Payment>, StoreError> {
    all(client, &ENDING, &[&org_id], trip_rows::payment).await
}

/// Payments of which Stripe may know more than we do: open ones, and those that ended without money since then.
pub async fn doubtful(client: &Client, org_id: Uuid, since: Timestamp) -> Result<Vec<Payment>, StoreError> {
    all(client, &DOUBTFUL, &[&org_id, &since], trip_rows::payment).await
}

/// Payments with money that were made since then.
pub async fn paid_since(client: &Client, org_id: Uuid, since: Timestamp) -> Result<Vec<Payment>, StoreError> {
    all(client, &PAID_SINCE, &[&org_id, &since], trip_rows::payment).await
}

/// Payments whose money has been on its way for longer than this, and of which nobody was told.
pub async fn stuck(client: &Client, org_id: Uuid, longer_than: SignedDuration) -> Result<Vec<Payment>, StoreError> {
    all(client, &STUCK, &[&org_id, &longer_than.as_secs_f64()], trip_rows::payment).await
}

/// The bookings that a payment pays for, in the order of the trip's items.
pub async fn bookings_of(client: &Client, org_id: Uuid, payment_id: Uuid) -> Result<Vec<Booking>, StoreError> {
    all(client, &BOOKINGS, &[&org_id, &payment_id], rows::booking).await
}

/// The refunds of a payment, oldest first.
pub async fn refunds_of(client: &Client, org_id: Uuid, payment_id: Uuid) -> Result<Vec<Refund>, StoreError> {
    all(client, &REFUNDS, &[&org_id, &payment_id], trip_rows::refund).await
}

/// Refunds that Stripe has not brought to an end, oldest first, a thousand at most.
pub async fn open_refunds(client: &Client, org_id: Uuid) -> Result<Vec<Refund>, StoreError> {
    all(client, &OPEN_REFUNDS, &[&org_id], trip_rows::refund).await
}

/// The slots of an experience at a local date and time, cancelled ones aside; two at most.
pub async fn slots_at(
    client: &Client,
    org_id: Uuid,
    offering_id: Uuid,
    date: civil::Date,
    time: civil::Time,
) -> Result<Vec<Uuid>, StoreError> {
    all(client, SLOT_AT, &[&org_id, &offering_id, &date, &time], |row| Ok(row.try_get(0)?)).await
}

/// Whether an event of Stripe's was received before.
pub async fn knows_event(client: &Client, org_id: Uuid, id: &str) -> Result<bool, StoreError> {
    Ok(client.query_opt(EVENT_KNOWN, &[&org_id, &id]).await?.is_some())
}

/// Keeps an event that has no effect here. Those that have one are written with it.
pub async fn keep_event(client: &Client, org_id: Uuid, event: &StripeEvent) -> Result<(), StoreError> {
    let params: &[&(dyn ToSql + Sync)] = &[&org_id, &event.id, &event.kind, &event.created_at, &event.payload];
    client.execute(KEEP_EVENT, params).await?;
    Ok(())
}
