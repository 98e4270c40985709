//! Give a paid booking up, and its money back: by the traveller as the cancellation policy says, by an operator freely.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{Cancel, Command, RefundBooking};
use surehold_core::outcome::RefundRequested;
use surehold_core::rows::{BookingStatus, Family};
use utoipa::ToSchema;
use uuid::Uuid;

use super::TripError;
use super::traveller::{Traveller, by_key};
use crate::http::access::{Access, Acting};
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name, REASON};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;

const AMOUNT: Name = Name(&["amount"]);
const REFUND: Name = Name(&["refund"]);

/// A booking to be given up.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct CancelTripBookingRequest {
    /// Whose booking it is: with a service key.
    pub user_id: Option<Uuid>,
    /// Why, for the audit log.
    pub reason: Option<String>,
    /// With an admin key: `false` gives nothing back. Default: everything.
    pub refund: Option<bool>,
}

/// Money of a booking to go back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct RefundTripBookingRequest {
    /// Whose booking it is: with a service key.
    pub user_id: Option<Uuid>,
    /// With an admin key: a part, in minor units; the booking stays. Default: all that is left, and the booking is
    /// given up.
    pub amount: Option<i64>,
    /// Why, for the audit log.
    pub reason: Option<String>,
}

/// What became of the booking, and of its money.
#[derive(Serialize, ToSchema)]
pub struct TripBookingGivenUp {
    /// Always true.
    pub success: bool,
    /// The booking.
    pub booking: GivenUp,
    /// What goes back; `null`: nothing does.
    pub refund: Option<RefundJson>,
}

/// A booking, given up or not.
#[derive(Serialize, ToSchema)]
pub struct GivenUp {
    /// Its UUID.
    pub id: Uuid,
    /// What people call it.
    pub reference: String,
    /// Where it stands.
    #[schema(value_type = String, example = "cancelled")]
    pub status: BookingStatus,
}

/// Money on its way back. Stripe is told within seconds, again and again until it has an answer.
#[derive(Serialize, ToSchema)]
pub struct RefundJson {
    /// Its UUID.
    pub id: Uuid,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
}

impl From<RefundRequested> for RefundJson {
    fn from(refund: RefundRequested) -> RefundJson {
        RefundJson { id: refund.refund_id, amount: refund.amount_minor, currency: refund.currency }
    }
}

/// Who gives a booking up.
struct Asking {
    acting: Acting,
    on_behalf_of: Option<String>,
    /// The traveller who is meant; `None`: an operator, to whom any booking is open.
    user_id: Option<Uuid>,
}

fn asking(access: &Access, fields: &mut Fields) -> Result<Asking, ApiError> {
    if access.is_admin() {
        let on_behalf_of = fields.optional(ADMIN_EMAIL, kinds::email);
        return Ok(Asking { acting: by_key(access)?, on_behalf_of, user_id: None });
    }
    let Traveller { user_id, acting, on_behalf_of } = Traveller::of(access, fields)?;
    Ok(Asking { acting, on_behalf_of, user_id: Some(user_id) })
}

/// The booking, if it is one of a trip and of this traveller.
async fn booking_id(app: &App, asking: &Asking, reference: &str) -> Result<Uuid, ApiError> {
    let booking = find::booking(app, asking.acting.org.id, reference, asking.user_id).await?;
    if booking.family == Family::Experience { Ok(booking.id) } else { Err(find::no_booking()) }
}

/// Cancel a booking of a trip.
///
/// The seats go back on sale, and the refund is requested, in one transaction. A traveller gets everything back until
/// the experience's limit before the start, and its percentage after that; not any more once it has begun.
#[utoipa::path(
    post, path = "/functions/v1/bookings/{id}/cancel", tag = "trips", security(("user_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "UUID or reference"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = CancelTripBookingRequest,
    responses(
        (status = 200, description = "Cancelled, now or before", body = TripBookingGivenUp),
        (status = 403, description = "`FORBIDDEN`: the token is another user's", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is another user's", body = ErrorBody),
        (status = 409, description = "`CANCEL_TOO_LATE`, `BOOKING_NOT_ACTIVE`; `CHECKOUT_OPEN`, `PAYMENT_PROCESSING`: \
            it is not paid yet", body = ErrorBody),
    )
)]
pub async fn cancel_trip_booking(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<TripBookingGivenUp>, TripError> {
    let asking = asking(&access, &mut fields)?;
    let reason = fields.optional(REASON, kinds::note);
    let refund = match asking.user_id {
        None => fields.optional(REFUND, kinds::boolean),
        Some(_) => None,
    };
    fields.finish()?;
    let command = Command::Cancel(Cancel {
        booking_id: booking_id(&app, &asking, &id).await?,
        by_student: asking.user_id.is_some(),
        return_credit: refund.unwrap_or(true),
        reason,
    });
    let outcome = app.submit(&asking.acting, asking.on_behalf_of, key.key(), command).await?;
    let status = outcome.booking_status.unwrap_or(BookingStatus::Cancelled);
    let cancelled = expect_answer!(outcome, Cancelled)?;
    Ok(Json(TripBookingGivenUp {
        success: true,
        booking: GivenUp { id: cancelled.booking_id, reference: cancelled.code, status },
        refund: cancelled.refund.map(RefundJson::from),
    }))
}

/// Refund a booking of a trip.
///
/// For a traveller this is the same as to cancel it. An operator may give back a part, and the booking stays; or all
/// that is left, and the seats go back on sale.
#[utoipa::path(
    post, path = "/functions/v1/bookings/{id}/refund", tag = "trips", security(("user_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "UUID or reference"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = RefundTripBookingRequest,
    responses(
        (status = 200, description = "The refund is requested", body = TripBookingGivenUp),
        (status = 400, description = "`VALIDATION_ERROR`, `REFUND_TOO_LARGE`, `FULLY_REFUNDED`, `PAYMENT_NOT_REFUNDABLE`", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`: the token is another user's, or `amount` without an admin key", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is another user's", body = ErrorBody),
        (status = 409, description = "`CANCEL_TOO_LATE`, `BOOKING_NOT_ACTIVE`, `CHECKOUT_OPEN`, `PAYMENT_PROCESSING`", body = ErrorBody),
    )
)]
pub async fn refund_trip_booking(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<TripBookingGivenUp>, TripError> {
    let asking = asking(&access, &mut fields)?;
    let reason = fields.optional(REASON, kinds::note);
    let amount_minor = fields.optional(AMOUNT, kinds::integer(1, 99_999_999));
    fields.finish()?;
    if amount_minor.is_some() && asking.user_id.is_some() {
        let sentence = "Only an operator, with an admin key, chooses the amount. Leave it out.";
        return Err(ApiError::forbidden(sentence).into());
    }
    let command = Command::RefundBooking(RefundBooking {
        booking_id: booking_id(&app, &asking, &id).await?,
        amount_minor,
        by_traveller: asking.user_id.is_some(),
        reason,
    });
    let outcome = app.submit(&asking.acting, asking.on_behalf_of, key.key(), command).await?;
    let refunded = expect_answer!(outcome, BookingRefunded)?;
    Ok(Json(TripBookingGivenUp {
        success: true,
        booking: GivenUp { id: refunded.booking_id, reference: refunded.reference, status: refunded.status },
        refund: refunded.refund.map(RefundJson::from),
    }))
}
