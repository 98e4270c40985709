//! The only error that becomes a response:
//! `{"success":false,"error":"<sentence>","code":"…","details":{…},"request_id":"…"}`.
//!
//! A handler returns it with `?`; the outermost layer ([`super::observe`]) writes the body, because only
//! it knows the request id, and logs what callers are not told.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use surehold_core::Refusal;
use utoipa::ToSchema;

use crate::desk::DeskError;
use crate::hubspot::HubSpotError;
use crate::store::StoreError;

/// The code of [`ApiError::database_unavailable`].
const DATABASE_UNAVAILABLE: &str = "DATABASE_UNAVAILABLE";
/// How long to wait before HubSpot is asked again, in seconds, if it does not say.
const CRM_PAUSE: u64 = 5;
/// Nobody who waits for an answer is told to wait for longer.
const CRM_PAUSE_MAX: u64 = 60;

/// A failed request: a status, a stable code, a sentence for people, details for programs.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code; part of the API.
    pub code: &'static str,
    /// One sentence for people.
    pub sentence: String,
    /// What a program may want to know. Boxed: every handler's result has room for it.
    pub details: Option<Box<Value>>,
    /// What a caller of the REST routes may do about it; other bodies have no place for it.
    pub hint: Option<Arc<str>>,
    /// Headers that the answer carries besides the usual ones.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What happened really; logged, never sent.
    pub cause: Option<Arc<str>>,
    /// Whether the marketplace has only one word for it, `TRANSACTION_FAILED`, whatever its `code`.
    pub is_transaction_failure: bool,
}

/// The body of every answer that is not a success.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "success": false, "error": "This session is full.", "code": "EXAM_FULL",
    "details": {"requested": 1, "available": 0}, "request_id": "0199f6a2-8f2e-7c31-b1d2-6a5b3f0e9c11",
}))]
pub struct ErrorBody {
    /// Always false.
    pub success: bool,
    /// What went wrong, in one sentence for people. Its wording may change; decide by `code`.
    pub error: String,
    /// What went wrong, for programs. Codes never change their meaning.
    pub code: &'static str,
    /// On the marketplace's routes: the same, in the words of its functions.
    #[serde(rename = "errorCode", skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// What a program may want to know of it. Which members it has depends on the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
    /// Names this request in the server's log. Quote it when you report a problem.
    pub request_id: String,
}

impl ApiError {
    /// An error with a status, a code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code,
            sentence: sentence.into(),
            details: None,
            hint: None,
            headers: Vec::new(),
            cause: None,
            is_transaction_failure: false,
        }
    }

    /// 400 about fields of the request: every bad one with its problem.
    pub fn invalid(fields: BTreeMap<String, String>) -> ApiError {
        let named: Vec<_> = fields.iter().map(|(field, problem)| format!("{field}: {problem}")).collect();
        ApiError::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", named.join("; "))
            .with_details(json!({ "fields": fields }))
    }

    /// 400 about one field.
    pub fn invalid_field(field: &str, problem: impl Into<String>) -> ApiError {
        ApiError::invalid(BTreeMap::from([(field.to_owned(), problem.into())]))
    }

    /// 401: no credential, or one that is not accepted. Never says which part of it was wrong.
    pub fn unauthenticated(sentence: &str) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", sentence)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"surehold\""))
    }

    /// 403: the credential is good, but not for this.
    pub fn forbidden(sentence: &str) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN", sentence)
    }

    /// 404 with the code of what was not found.
    pub fn not_found(code: &'static str, sentence: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code, sentence)
    }

    /// 500. `cause` goes to the log. Says nothing of what was done: who knows that nothing was, says so.
    pub fn internal(cause: impl Into<String>) -> ApiError {
        let sentence = "Something went wrong on our side. Please quote the request id.";
        let mut error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", sentence);
        error.cause = Some(Arc::from(cause.into()));
        error
    }

    /// 503: the database does not answer, and nothing was done.
    pub fn database_unavailable(cause: Option<String>) -> ApiError {
        let sentence = "The database cannot be reached at the moment. Nothing was changed; please try again.";
        let mut error =
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, DATABASE_UNAVAILABLE, sentence).with_retry_after(2);
        error.cause = cause.map(Arc::from);
        error
    }

    /// Whether it says that the database does not answer.
    pub fn is_database_unavailable(&self) -> bool {
        self.code == DATABASE_UNAVAILABLE
    }

    /// 503: a student who is not known here could not be looked for at HubSpot, and nothing was done.
    pub fn crm_unavailable(cause: &HubSpotError) -> ApiError {
        let sentence = "This student is not known here yet, and the school's CRM cannot be asked at the moment. \
                        Nothing was changed; please try again.";
        let seconds = cause.not_now().map_or(CRM_PAUSE, |(after, _)| after.as_secs()).clamp(1, CRM_PAUSE_MAX);
        let mut error =
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "CRM_UNAVAILABLE", sentence).with_retry_after(seconds);
        error.cause = Some(Arc::from(cause.to_string()));
        error
    }

    /// 503: the command of this key was done, and what the answer needs could not be read afterwards.
    pub fn after_commit(error: impl Into<ApiError>, key: &str) -> ApiError {
        let error = error.into();
        let sentence = "It was done, but the answer could not be read. Repeat it with this Idempotency-Key to see it.";
        let mut after = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OUTCOME_UNKNOWN", sentence)
            .with_details(json!({ "idempotency_key": key }))
            .with_retry_after(1);
        after.cause = Some(error.cause.unwrap_or_else(|| Arc::from(error.sentence)));
        after
    }

    /// The same with details.
    pub fn with_details(mut self, details: Value) -> ApiError {
        self.details = Some(Box::new(details));
        self
    }

    /// The same with a hint.
    pub fn with_hint(mut self, hint: impl Into<Arc<str>>) -> ApiError {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.headers.push((name, value));
        self
    }

    /// The same with a `Retry-After`, in seconds.
    pub fn with_retry_after(self, seconds: u64) -> ApiError {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The body that goes out for the request of this id, on a route of this path.
    pub fn body(&self, route: &str, request_id: &str) -> ErrorBody {
        let is_function = route.starts_with("/functions/");
        ErrorBody {
            success: false,
            error: self.sentence.clone(),
            code: self.code,
            error_code: is_function.then_some(if self.is_transaction_failure {
                "TRANSACTION_FAILED"
            } else {
                self.code
            }),
            details: self.details.as_deref().cloned(),
            request_id: request_id.to_owned(),
        }
    }
}

impl IntoResponse for ApiError {
    /// A response without a body; the outermost layer finds the error in its extensions and writes it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        if let Refusal::Invalid(fields) = refusal {
            let named = fields.into_iter().map(|(field, problem)| (callers_name(field).to_owned(), problem));
            return ApiError::invalid(named.collect());
        }
        let error = ApiError::new(status_of(&refusal), refusal.code(), refusal.to_string());
        match refusal.details() {
            Some(details) => error.with_details(details),
            None => error,
        }
    }
}

/// What callers know a field as that the desk names.
fn callers_name(field: &str) -> &str {
    match field {
        "status" => "is_active",
        same => same,
    }
}

/// The status of a refusal. Most are conflicts with the present state of things.
fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::ContactNotFound
        | Refusal::SlotNotFound
        | Refusal::BookingNotFound
        | Refusal::TripNotFound
        | Refusal::PaymentNotFound => StatusCode::NOT_FOUND,
        Refusal::OfferingNotFound
        | Refusal::Invalid(_)
        | Refusal::WrongFamily { .. }
        | Refusal::CreditKindNotAllowed { .. }
        | Refusal::PrerequisiteNotMet { .. }
        // As in the seed of the trips marketplace.
        | Refusal::EmptyTrip
        | Refusal::InvalidPrice { .. }
        | Refusal::CutoffPassed { .. }
        | Refusal::Shortages(_)
        | Refusal::AmountMismatch { .. }
        | Refusal::NotRefundable { .. }
        | Refusal::FullyRefunded
        | Refusal::RefundTooLarge { .. } => StatusCode::BAD_REQUEST,
        Refusal::InsufficientCredits { .. } => StatusCode::PAYMENT_REQUIRED,
        Refusal::SlotNotActive { .. }
        | Refusal::SlotPast
        | Refusal::SlotBlocked
        | Refusal::DuplicateBooking { .. }
        | Refusal::Full { .. }
        | Refusal::CancelTooLate { .. }
        | Refusal::BookingNotActive { .. }
        | Refusal::BookingActive
        | Refusal::AlreadyRefunded { .. }
        | Refusal::NothingToRefund
        | Refusal::TypeMismatch
        | Refusal::CapacityTooLow { .. }
        | Refusal::ReleaseExceedsWithheld { .. }
        | Refusal::VersionConflict { .. }
        | Refusal::SlotCancelled
        | Refusal::SlotHasBookings { .. }
        | Refusal::ContactExists { .. }
        | Refusal::TripAlreadyBooked { .. }
        | Refusal::CheckoutOpen { .. }
        | Refusal::PaymentProcessing { .. }
        | Refusal::PaymentNotSucceeded { .. }
        | Refusal::PaymentSucceeded
        | Refusal::PaymentUsed
        | Refusal::OfferingExists { .. }
        | Refusal::PaidBooking => StatusCode::CONFLICT,
    }
}

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> ApiError {
        match error {
            DeskError::Refused(refusal) => refusal.into(),
            DeskError::Overloaded => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "OVERLOADED",
                "Too many requests are waiting. Nothing was done; please try again in a moment.",
            )
            .with_retry_after(1),
            DeskError::DatabaseUnavailable => ApiError::database_unavailable(None),
            DeskError::OutcomeUnknown { key } => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "OUTCOME_UNKNOWN",
                "The connection to the database was lost at the last moment: this may or may not have been done. \
                 Repeat the request with the same Idempotency-Key to find out; it is never done twice.",
            )
            .with_details(json!({ "idempotency_key": key }))
            .with_retry_after(1),
            DeskError::Internal => {
                let mut error = ApiError::internal("the desk reported an internal error and logged it");
                error.sentence =
                    "Something went wrong on our side. Nothing was changed. Please quote the request id.".to_owned();
                error
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::from(&error)
    }
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> ApiError {
        if error.is_unavailable() {
            ApiError::database_unavailable(Some(error.to_string()))
        } else {
            ApiError::internal(error.to_string())
        }
    }
}
