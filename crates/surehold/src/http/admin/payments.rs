//! Payments: money that was taken elsewhere is recorded, and what needs an operator's eyes is shown.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::Refusal;
use surehold_core::command::{Command, FlagPayment, RecordPayment, ReleasePayment, ReleaseReason};
use surehold_core::rows::{Payment, PaymentSource, PaymentStatus, Refund, RefundStatus};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

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
use crate::http::trips::USER_ID;
use crate::store::payments;
use crate::stripe::PaymentIntentStatus;

const REFERENCE: Name = Name(&["reference"]);
const AMOUNT: Name = Name(&["amount"]);
const CURRENCY: Name = Name(&["currency"]);
const STRIPE_PAYMENT_INTENT: Name = Name(&["stripePaymentIntentId", "stripe_payment_intent_id"]);
const FLAGGED: Name = Name(&["flagged"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 200;

/// Money that was taken elsewhere.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct RecordPaymentRequest {
    /// Its name where it was taken; the same name again is the same payment.
    #[schema(example = "INV-2041")]
    pub reference: String,
    /// Who paid.
    pub user_id: Uuid,
    /// In minor units (cents).
    #[schema(example = 15000, minimum = 1)]
    pub amount: i64,
    /// ISO 4217; the organisation's own if left out.
    #[schema(example = "usd")]
    pub currency: Option<String>,
    /// If Stripe took it: its Payment Intent, which is looked up there. Refunds can then be sent by themselves.
    pub stripe_payment_intent_id: Option<String>,
}

/// A payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentJson {
    /// Its UUID.
    pub id: Uuid,
    /// Who pays.
    pub user_id: Uuid,
    /// For which trip.
    pub trip_id: Option<Uuid>,
    /// `checkout` or `recorded`.
    #[schema(value_type = String, example = "checkout")]
    pub source: PaymentSource,
    /// Where it stands.
    #[schema(value_type = String, example = "succeeded")]
    pub status: PaymentStatus,
    /// What was asked for, in minor units.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What came, in minor units.
    pub received: Option<i64>,
    /// What has gone back, as Stripe says, in minor units.
    pub refunded: i64,
    /// The name of recorded money.
    pub reference: Option<String>,
    /// Stripe's session.
    pub stripe_session_id: Option<String>,
    /// Stripe's payment.
    pub stripe_payment_intent_id: Option<String>,
    /// Stripe's dispute.
    pub stripe_dispute_id: Option<String>,
    /// Something for an operator to look at: `AMOUNT_MISMATCH`, `PROCESSING_TOO_LONG`, `REFUND_FAILED`, `DISPUTED`.
    pub flag: Option<String>,
    /// Why it failed, or why its money goes back.
    pub reason: Option<String>,
    /// Until when it can be paid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pay_until: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Its refunds, where one payment is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunds: Option<Vec<PaymentRefund>>,
}

/// A refund of a payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRefund {
    /// Its UUID.
    pub id: Uuid,
    /// The booking it is for; `null`: the payment as a whole.
    pub booking_id: Option<Uuid>,
    /// In minor units.
    pub amount: i64,
    /// `requested`, `pending`, `succeeded` or `failed`.
    #[schema(value_type = String, example = "succeeded")]
    pub status: RefundStatus,
    /// Why.
    pub reason: String,
    /// Stripe's refund.
    pub stripe_refund_id: Option<String>,
    /// What Stripe said when it refused.
    pub problem: Option<String>,
}

impl From<Payment> for PaymentJson {
    fn from(payment: Payment) -> PaymentJson {
        PaymentJson {
            id: payment.id,
            user_id: payment.contact_id,
            trip_id: payment.trip_id,
            source: payment.source,
            status: payment.status,
            amount: payment.amount_minor,
            currency: payment.currency,
            received: payment.received_minor,
            refunded: payment.refunded_minor,
            reference: payment.reference,
            stripe_session_id: payment.stripe_session_id,
            stripe_payment_intent_id: payment.stripe_payment_intent,
            stripe_dispute_id: payment.stripe_dispute_id,
            flag: payment.flag,
            reason: payment.reason,
            pay_until: payment.pay_until,
            created_at: payment.created_at,
            refunds: None,
        }
    }
}

impl From<Refund> for PaymentRefund {
    fn from(refund: Refund) -> PaymentRefund {
        PaymentRefund {
            id: refund.id,
            booking_id: refund.booking_id,
            amount: refund.amount_minor,
            status: refund.status,
            reason: refund.reason,
            stripe_refund_id: refund.stripe_refund_id,
            problem: refund.problem,
        }
    }
}

/// Record money that was taken elsewhere.
///
/// A trip can then be booked with it (`POST /functions/v1/create-booking`). What Stripe took is looked up there: it
/// has to have succeeded, with this amount and currency.
#[utoipa::path(
    post, path = "/api/admin/payments", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = RecordPaymentRequest,
    responses(
        (status = 201, description = "Recorded", body = Success<PaymentJson>),
        (status = 200, description = "Recorded before", body = Success<PaymentJson>),
        (status = 400, description = "`VALIDATION_ERROR`: also if Stripe says otherwise, or the reference is another payment's", body = ErrorBody),
        (status = 503, description = "`STRIPE_UNAVAILABLE`, `PAYMENTS_NOT_CONFIGURED`, `OVERLOADED`, `DATABASE_UNAVAILABLE`, `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn record_payment(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<PaymentJson>, ApiError> {
    let record = RecordPayment {
        reference: fields.required(REFERENCE, kinds::text(kinds::NAME_MAX)),
        contact_id: fields.required(USER_ID, kinds::uuid),
        amount_minor: fields.required(AMOUNT, kinds::integer(1, 99_999_999)),
        currency: fields.optional(CURRENCY, currency).unwrap_or_else(|| acting.org.currency.clone()),
        stripe_payment_intent: fields.optional(STRIPE_PAYMENT_INTENT, kinds::text(255)),
    };
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    verify(&app, &acting, &record).await?;
    let outcome = app.submit(&acting, admin_email, key.key(), Command::RecordPayment(record)).await?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, PaymentSaved)?;
    let payment = one(&app, &acting, saved.payment_id).await?;
    Ok(Reply::created_unless(replayed || !saved.changed, payment))
}

fn currency(value: &serde_json::Value) -> Result<String, String> {
    let code = value.as_str().and_then(crate::currency::parse);
    code.ok_or_else(|| "must be a currency of ISO 4217, such as usd".to_owned())
}

/// What Stripe is said to have taken, it has.
async fn verify(app: &App, acting: &Acting, record: &RecordPayment) -> Result<(), ApiError> {
    let Some(id) = &record.stripe_payment_intent else { return Ok(()) };
    let account = app.cashier.account(&acting.org).ok_or(crate::cashier::CashierError::NoAccount)?;
    let wrong = |problem: String| ApiError::invalid_field(STRIPE_PAYMENT_INTENT.own(), problem);
    let intent = match account.client.retrieve_payment_intent(id).await {
        Ok(intent) => intent,
        Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 404) => {
            return Err(wrong("Stripe does not know it".to_owned()));
        }
        Err(error) => return Err(crate::cashier::CashierError::Unavailable(error).into()),
    };
    if intent.status != PaymentIntentStatus::Succeeded {
        return Err(wrong(format!("Stripe says it is {}", intent.status.as_str())));
    }
    let (amount, currency) = (intent.amount_received, intent.currency.to_lowercase());
    if amount != record.amount_minor || currency != record.currency {
        return Err(wrong(format!("Stripe says it is {amount} {currency} (minor units)")));
    }
    // One charge pays for one trip. A checkout's own payment may not know its intent yet.
    let client = app.store.read().await?;
    let known = payments::by_intent(&client, acting.org.id, id).await?;
    if known.is_some_and(|payment| payment.reference.as_ref() != Some(&record.reference)) {
        return Err(wrong("is another payment's here".to_owned()));
    }
    let checkout = intent.metadata.get("payment_id").and_then(|id| Uuid::try_parse(id).ok());
    if let Some(checkout) = checkout
        && payments::find(&client, acting.org.id, checkout).await?.is_some()
    {
        return Err(wrong("is the payment of a checkout here".to_owned()));
    }
    Ok(())
}

async fn one(app: &App, acting: &Acting, id: Uuid) -> Result<PaymentJson, ApiError> {
    let client = app.store.read().await?;
    let payment = payments::find(&client, acting.org.id, id).await?;
    let payment = payment.ok_or_else(|| ApiError::from(Refusal::PaymentNotFound))?;
    let refunds = payments::refunds_of(&client, acting.org.id, id).await?;
    Ok(PaymentJson {
        refunds: Some(refunds.into_iter().map(PaymentRefund::from).collect()),
        ..PaymentJson::from(payment)
    })
}

fn payment_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| ApiError::from(Refusal::PaymentNotFound))
}

/// Read a payment.
#[utoipa::path(
    get, path = "/api/admin/payments/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID")),
    responses(
        (status = 200, description = "The payment, with its refunds", body = Success<PaymentJson>),
        (status = 404, description = "`PAYMENT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn get_payment(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
) -> Result<Reply<PaymentJson>, ApiError> {
    Ok(Reply::ok(one(&app, &acting, payment_id(&id)?).await?))
}

/// Which payments.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct PaymentsQuery {
    /// Only those with something to look at.
    pub flagged: Option<bool>,
    /// 1 to 200; 50 if left out.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List payments.
///
/// The newest first. `flagged=true`: those that an operator has to look at.
#[utoipa::path(
    get, path = "/api/admin/payments", tag = "admin", security(("api_key" = [])), params(PaymentsQuery),
    responses(
        (status = 200, description = "A page of payments", body = Success<Vec<PaymentJson>>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
    )
)]
pub async fn list_payments(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<PaymentJson>>, ApiError> {
    let flagged = fields.optional(FLAGGED, kinds::boolean).unwrap_or(false);
    let page: Page<Uuid> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let client = app.store.read().await?;
    let mut rows = payments::list(&client, acting.org.id, flagged, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    Ok(Reply::ok(rows.into_iter().map(PaymentJson::from).collect()).next(next))
}

/// Something that is done with a payment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct PaymentActionRequest {
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Give a payment up.
///
/// For a payment whose money came otherwise than asked, or is not coming: its seats go back on sale, and money that
/// came goes back.
#[utoipa::path(
    post, path = "/api/admin/payments/{id}/release", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = PaymentActionRequest,
    responses(
        (status = 200, description = "Given up, now or before", body = Success<PaymentJson>),
        (status = 404, description = "`PAYMENT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`PAYMENT_SUCCEEDED`: refund its bookings instead", body = ErrorBody),
    )
)]
pub async fn release_payment(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<PaymentJson>, ApiError> {
    let payment_id = payment_id(&id)?;
    let command = Command::ReleasePayment(ReleasePayment { payment_id, reason: ReleaseReason::Operator });
    act(&app, &acting, fields, key, payment_id, command).await
}

/// Take the flag off a payment.
///
/// Somebody has looked at it.
#[utoipa::path(
    post, path = "/api/admin/payments/{id}/unflag", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = PaymentActionRequest,
    responses(
        (status = 200, description = "It has no flag now", body = Success<PaymentJson>),
        (status = 404, description = "`PAYMENT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn unflag_payment(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<PaymentJson>, ApiError> {
    let payment_id = payment_id(&id)?;
    let command = Command::FlagPayment(FlagPayment { payment_id, flag: None, stripe_dispute_id: None });
    act(&app, &acting, fields, key, payment_id, command).await
}

async fn act(
    app: &App,
    acting: &Acting,
    mut fields: Fields,
    key: IdempotencyKey,
    payment_id: Uuid,
    command: Command,
) -> Result<Reply<PaymentJson>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let outcome = app.submit(acting, admin_email, key.key(), command).await?;
    Ok(Reply::ok(one(app, acting, payment_id).await?).replayed(outcome.replayed))
}
