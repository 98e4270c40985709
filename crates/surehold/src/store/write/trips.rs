//! Flight 2, trips and money. As with bookings, an update is an upsert of a row that exists and is locked: by its
//! contact's row.

use jiff::Timestamp;
use surehold_core::ledger::RowWrite;
use surehold_core::rows::{Payment, Refund, StripeEvent, Trip};

use super::{Of, column, of_each, orgs};
use crate::store::flight::{Flight, Params};
use crate::store::load::Loaded;

/// The statements of this file, for the test that prepares each.
pub const STATEMENTS: [&str; 7] = [
    INSERT_TRIPS,
    UPDATE_TRIPS,
    INSERT_PAYMENTS,
    UPDATE_PAYMENTS,
    INSERT_REFUNDS,
    UPDATE_REFUNDS,
    INSERT_STRIPE_EVENTS,
];

/// Trips and payments: before the bookings that refer to them.
pub(super) fn push_payments<'a>(flight: &mut Flight<'a>, changed: &[&'a Loaded], now: Timestamp) {
    for (sql, write) in [(UPDATE_TRIPS, RowWrite::Update), (INSERT_TRIPS, RowWrite::Insert)] {
        let rows: Vec<Of<'a, Trip>> = of_each(changed, |ledger| {
            let ids = ledger.writes().trips.iter().filter(move |(_, how)| **how == write);
            ids.filter_map(|(id, _)| ledger.trip(*id))
        });
        flight.push_if(!rows.is_empty(), sql, || trip_params(&rows, now));
    }
    // One that ends before one that begins: a trip has one open payment.
    for (sql, write) in [(UPDATE_PAYMENTS, RowWrite::Update), (INSERT_PAYMENTS, RowWrite::Insert)] {
        let rows: Vec<Of<'a, Payment>> = of_each(changed, |ledger| {
            let ids = ledger.writes().payments.iter().filter(move |(_, how)| **how == write);
            ids.filter_map(|(id, _)| ledger.payment(*id))
        });
        flight.push_if(!rows.is_empty(), sql, || payment_params(&rows, now));
    }
}

/// Refunds, and the events of Stripe's that led to any of this.
pub(super) fn push_refunds<'a>(flight: &mut Flight<'a>, changed: &[&'a Loaded], now: Timestamp) {
    for (sql, write) in [(UPDATE_REFUNDS, RowWrite::Update), (INSERT_REFUNDS, RowWrite::Insert)] {
        let rows: Vec<Of<'a, Refund>> = of_each(changed, |ledger| {
            let ids = ledger.writes().refunds.iter().filter(move |(_, how)| **how == write);
            ids.filter_map(|(id, _)| ledger.refund(*id))
        });
        flight.push_if(!rows.is_empty(), sql, || refund_params(&rows, now));
    }
    let events = of_each(changed, |ledger| ledger.writes().stripe_events.iter().map(|event| &**event));
    flight.push_if(!events.is_empty(), INSERT_STRIPE_EVENTS, || event_params(&events, now));
}

macro_rules! insert_trips {
    () => {
        "INSERT INTO trips (org_id, id, contact_id, status, version, created_at, updated_at) SELECT u.*, $7 FROM
        unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int8[], $6::timestamptz[]) AS u"
    };
}
const INSERT_TRIPS: &str = insert_trips!();
const UPDATE_TRIPS: &str = concat!(
    insert_trips!(),
    " ON CONFLICT (org_id, id) DO UPDATE SET status = EXCLUDED.status, version = EXCLUDED.version, updated_at =
        EXCLUDED.updated_at"
);

fn trip_params<'a>(rows: &[Of<'a, Trip>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(rows),
        column(rows, |r| r.id),
        column(rows, |r| r.contact_id),
        column(rows, |r| r.status.as_str()),
        column(rows, |r| r.version),
        column(rows, |r| r.created_at),
        Box::new(now),
    ]
}

macro_rules! insert_payments {
    () => {
        "INSERT INTO payments (org_id, id, contact_id, trip_id, source, status, amount_minor, currency, received_minor,
        received_currency, refunded_minor, reference, checkout, stripe_session_id, checkout_url, stripe_payment_intent,
        pay_until, expires_at, processing_since, reason, flag, stripe_dispute_id, version, created_at, updated_at)
        SELECT u.*, $25 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::int8[],
        $8::text[], $9::int8[], $10::text[], $11::int8[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[], $22::text[],
        $23::int8[], $24::timestamptz[]) AS u"
    };
}
const INSERT_PAYMENTS: &str = insert_payments!();
const UPDATE_PAYMENTS: &str = concat!(
    insert_payments!(),
    " ON CONFLICT (org_id, id) DO UPDATE SET trip_id = EXCLUDED.trip_id, status = EXCLUDED.status, received_minor
        = EXCLUDED.received_minor, received_currency = EXCLUDED.received_currency, refunded_minor =
        EXCLUDED.refunded_minor, stripe_session_id = EXCLUDED.stripe_session_id, checkout_url =
        EXCLUDED.checkout_url, stripe_payment_intent = EXCLUDED.stripe_payment_intent, expires_at =
        EXCLUDED.expires_at, processing_since = EXCLUDED.processing_since, reason = EXCLUDED.reason, flag =
        EXCLUDED.flag, stripe_dispute_id = EXCLUDED.stripe_dispute_id, version = EXCLUDED.version, updated_at =
        EXCLUDED.updated_at"
);

fn payment_params<'a>(rows: &[Of<'a, Payment>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(rows),
        column(rows, |r| r.id),
        column(rows, |r| r.contact_id),
        column(rows, |r| r.trip_id),
        column(rows, |r| r.source.as_str()),
        column(rows, |r| r.status.as_str()),
        column(rows, |r| r.amount_minor),
        column(rows, |r| r.currency.as_str()),
        column(rows, |r| r.received_minor),
        column(rows, |r| r.received_currency.as_deref()),
        column(rows, |r| r.refunded_minor),
        column(rows, |r| r.reference.as_deref()),
        column(rows, |r| r.checkout.as_deref()),
        column(rows, |r| r.stripe_session_id.as_deref()),
        column(rows, |r| r.checkout_url.as_deref()),
        column(rows, |r| r.stripe_payment_intent.as_deref()),
        column(rows, |r| r.pay_until),
        column(rows, |r| r.expires_at),
        column(rows, |r| r.processing_since),
        column(rows, |r| r.reason.as_deref()),
        column(rows, |r| r.flag.as_deref()),
        column(rows, |r| r.stripe_dispute_id.as_deref()),
        column(rows, |r| r.version),
        column(rows, |r| r.created_at),
        Box::new(now),
    ]
}

macro_rules! insert_refunds {
    () => {
        "INSERT INTO refunds (org_id, id, payment_id, booking_id, amount_minor, status, reason, stripe_refund_id,
        problem, version, created_at, updated_at) SELECT u.*, $12 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[],
        $4::uuid[], $5::int8[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int8[], $11::timestamptz[]) AS u"
    };
}
const INSERT_REFUNDS: &str = insert_refunds!();
const UPDATE_REFUNDS: &str = concat!(
    insert_refunds!(),
    " ON CONFLICT (org_id, id) DO UPDATE SET amount_minor = EXCLUDED.amount_minor, status = EXCLUDED.status,
        stripe_refund_id = EXCLUDED.stripe_refund_id, problem = EXCLUDED.problem, version = EXCLUDED.version, updated_at =
        EXCLUDED.updated_at"
);

fn refund_params<'a>(rows: &[Of<'a, Refund>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(rows),
        column(rows, |r| r.id),
        column(rows, |r| r.payment_id),
        column(rows, |r| r.booking_id),
        column(rows, |r| r.amount_minor),
        column(rows, |r| r.status.as_str()),
        column(rows, |r| r.reason.as_str()),
        column(rows, |r| r.stripe_refund_id.as_deref()),
        column(rows, |r| r.problem.as_deref()),
        column(rows, |r| r.version),
        column(rows, |r| r.created_at),
        Box::new(now),
    ]
}

const INSERT_STRIPE_EVENTS: &str = "INSERT INTO stripe_events (org_id, id, type, created_at, payload, received_at)
    SELECT u.*, $6 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) AS u";

fn event_params<'a>(events: &[Of<'a, StripeEvent>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(events),
        column(events, |e| e.id.as_str()),
        column(events, |e| e.kind.as_str()),
        column(events, |e| e.created_at),
        column(events, |e| e.payload.as_str()),
        Box::new(now),
    ]
}
