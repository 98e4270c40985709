//! The same errors as elsewhere, in the marketplace's words: it has slots where the school has exams.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::refusals::in_words_of_trips;
use crate::cashier::CashierError;
use crate::desk::DeskError;
use crate::http::error::ApiError;
use crate::store::StoreError;

/// A failed request of the marketplace's routes.
#[derive(Debug)]
pub struct TripError(ApiError);

impl TripError {
    /// The seed's word for whatever kept a transaction from being made, in `errorCode`.
    pub fn of_transaction(self) -> TripError {
        let is_transaction_failure = self.0.status.is_server_error();
        TripError(ApiError { is_transaction_failure, ..self.0 })
    }
}

impl From<TripError> for ApiError {
    fn from(error: TripError) -> ApiError {
        error.0
    }
}

impl From<ApiError> for TripError {
    fn from(error: ApiError) -> TripError {
        TripError(in_words_of_trips(error))
    }
}

impl From<DeskError> for TripError {
    fn from(error: DeskError) -> TripError {
        ApiError::from(error).into()
    }
}

impl From<StoreError> for TripError {
    fn from(error: StoreError) -> TripError {
        ApiError::from(error).into()
    }
}

impl From<CashierError> for TripError {
    fn from(error: CashierError) -> TripError {
        ApiError::from(error).into()
    }
}

impl From<CashierError> for ApiError {
    fn from(error: CashierError) -> ApiError {
        let text = error.to_string();
        let unavailable = |code, sentence: &str| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence);
        let mut answer = match error {
            CashierError::Desk(error) => return error.into(),
            CashierError::Store(error) => return error.into(),
            CashierError::Unexpected(_) => return ApiError::internal(text),
            CashierError::NoAccount => unavailable(
                "PAYMENTS_NOT_CONFIGURED",
                "No payments can be taken here yet. Its operator has to connect a Stripe account.",
            )
            .with_retry_after(60),
            CashierError::Refused(_) => ApiError::new(
                StatusCode::BAD_REQUEST,
                "STRIPE_ERROR",
                "Stripe did not accept this checkout, so nothing is held and nothing was charged. \
                 Check successUrl, cancelUrl and the customer's email.",
            ),
            CashierError::Unavailable(_) => unavailable(
                "STRIPE_UNAVAILABLE",
                "Stripe cannot be reached at the moment. Nothing was charged; please try again.",
            )
            .with_retry_after(5),
            CashierError::Over => ApiError::new(
                StatusCode::CONFLICT,
                "CHECKOUT_ENDED",
                "This checkout has ended. Send the request again, with a new Idempotency-Key if it had one.",
            ),
        };
        answer.cause = Some(text.into());
        answer
    }
}

impl IntoResponse for TripError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
