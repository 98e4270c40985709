//! Columns and decoders of trips, payments and refunds.

use surehold_core::rows::{Payment, PaymentSource, PaymentStatus, Refund, RefundStatus, Trip, TripStatus};
use tokio_postgres::Row;

use super::StoreError;
use super::rows::parsed;

/// Columns of [`trip`], in its order.
pub const TRIP: &str = "id, contact_id, status, version, created_at";

/// Decodes a row of [`TRIP`].
pub fn trip(row: &Row) -> Result<Trip, StoreError> {
    Ok(Trip {
        id: row.try_get(0)?,
        contact_id: row.try_get(1)?,
        status: parsed(row.try_get(2)?, TripStatus::parse)?,
        version: row.try_get(3)?,
        created_at: row.try_get(4)?,
    })
}

/// Columns of [`payment`], in its order.
pub const PAYMENT: &str = "id, contact_id, trip_id, source, status, amount_minor, currency, received_minor, received_currency, \
    refunded_minor, reference, checkout, stripe_session_id, checkout_url, stripe_payment_intent, \
    pay_until, expires_at, processing_since, reason, flag, stripe_dispute_id, version, created_at";

/// Decodes a row of [`PAYMENT`].
pub fn payment(row: &Row) -> Result<Payment, StoreError> {
    Ok(Payment {
        id: row.try_get(0)?,
        contact_id: row.try_get(1)?,
        trip_id: row.try_get(2)?,
        source: parsed(row.try_get(3)?, PaymentSource::parse)?,
        status: parsed(row.try_get(4)?, PaymentStatus::parse)?,
        amount_minor: row.try_get(5)?,
        currency: row.try_get(6)?,
        received_minor: row.try_get(7)?,
        received_currency: row.try_get(8)?,
        refunded_minor: row.try_get(9)?,
        reference: row.try_get(10)?,
        checkout: row.try_get(11)?,
        stripe_session_id: row.try_get(12)?,
        checkout_url: row.try_get(13)?,
        stripe_payment_intent: row.try_get(14)?,
        pay_until: row.try_get(15)?,
        expires_at: row.try_get(16)?,
        processing_since: row.try_get(17)?,
        reason: row.try_get(18)?,
        flag: row.try_get(19)?,
        stripe_dispute_id: row.try_get(20)?,
        version: row.try_get(21)?,
        created_at: row.try_get(22)?,
    })
}

/// Columns of [`refund`], in its order.
pub const REFUND: &str = "id, payment_id, booking_id, amount_minor, status, reason, stripe_refund_id, problem, version, \
    created_at";

/// Decodes a row of [`REFUND`].
pub fn refund(row: &Row) -> Result<Refund, StoreError> {
    Ok(Refund {
        id: row.try_get(0)?,
        payment_id: row.try_get(1)?,
        booking_id: row.try_get(2)?,
        amount_minor: row.try_get(3)?,
        status: parsed(row.try_get(4)?, RefundStatus::parse)?,
        reason: row.try_get(5)?,
        stripe_refund_id: row.try_get(6)?,
        problem: row.try_get(7)?,
        version: row.try_get(8)?,
        created_at: row.try_get(9)?,
    })
}
