//! Errors in Stripe's form: `{"error": {"type", "code"?, "message", "param"?}}`.
//!
//! Types and codes are those of docs.stripe.com/api/errors and docs.stripe.com/error-codes. Stripe does not
//! promise its sentences; those here are the ones that its users quote, where they could be found.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error of the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {kind}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// `invalid_request_error`, `idempotency_error` or `api_error`.
    pub kind: &'static str,
    /// Stripe's code, where it has one.
    pub code: Option<&'static str>,
    /// For people.
    pub message: String,
    /// The parameter at fault.
    pub param: Option<String>,
}

impl ApiError {
    /// An error without code and parameter.
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, kind, code: None, message: message.into(), param: None }
    }

    /// 400, the request is at fault.
    pub(super) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 500, as if Stripe had a fault.
    pub(super) fn internal() -> ApiError {
        let message = "An unknown error occurred. (This is the simulator: a fault was asked for.)";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message)
    }

    /// 503, as if Stripe were down.
    pub(super) fn unavailable() -> ApiError {
        let message = "The service is unavailable. (This is the simulator: a fault was asked for.)";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", message)
    }

    /// 429, as if there had been too many calls.
    pub(super) fn rate_limited() -> ApiError {
        let message = "Request rate limit exceeded. (This is the simulator: a fault was asked for.)";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "invalid_request_error", message).code("rate_limit")
    }

    /// A parameter is missing.
    pub(super) fn missing(param: &str) -> ApiError {
        ApiError::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    /// There is no such object. `param` names where its id was given.
    pub(super) fn no_such(object: &str, id: &str, param: &str) -> ApiError {
        ApiError::invalid(format!("No such {object}: '{id}'")).code("resource_missing").param(param)
    }

    /// The same error with a code.
    pub(super) fn code(mut self, code: &'static str) -> ApiError {
        self.code = Some(code);
        self
    }

    /// The same error with the parameter at fault.
    pub(super) fn param(mut self, param: impl Into<String>) -> ApiError {
        self.param = Some(param.into());
        self
    }

    /// The same error with another status.
    pub(super) fn status(mut self, status: StatusCode) -> ApiError {
        self.status = status;
        self
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = code.into();
            error["doc_url"] = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into();
        }
        if let Some(param) = &self.param {
            error["param"] = param.as_str().into();
        }
        json!({ "error": error })
    }
}
