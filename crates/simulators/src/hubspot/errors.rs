//! Errors in HubSpot's form: `{"status": "error", "message", "correlationId", "category", "errors"?, "context"?}`
//! (developers.hubspot.com/docs/api-reference/error-handling).
//!
//! HubSpot promises no sentences. Those here are the ones that its documentation shows and its users quote,
//! where they could be found.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::ids;

/// An error of the API.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{status} {category}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Such as `VALIDATION_ERROR`.
    pub category: &'static str,
    /// For people; programs find ids and names in it, for want of anything better.
    pub message: String,
    /// What exactly, where HubSpot says so.
    pub sub_category: Option<&'static str>,
    /// Which ids, properties or scopes: a list for each name.
    pub context: Option<Value>,
    /// Details, one for each property at fault.
    pub errors: Vec<Value>,
}

impl ApiError {
    /// An error without details.
    pub(super) fn new(status: StatusCode, category: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, category, message: message.into(), sub_category: None, context: None, errors: Vec::new() }
    }

    /// 400: the request is at fault.
    pub(super) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// 409: there is one already.
    pub(super) fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    /// 404: there is no such record.
    pub(super) fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "resource not found")
    }

    /// The same error with a context.
    pub(super) fn context(mut self, context: Value) -> ApiError {
        self.context = Some(context);
        self
    }

    /// The same error with a sub-category.
    pub(super) fn sub_category(mut self, sub_category: &'static str) -> ApiError {
        self.sub_category = Some(sub_category);
        self
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("status".to_owned(), "error".into());
        body.insert("message".to_owned(), self.message.as_str().into());
        body.insert("correlationId".to_owned(), ids::correlation().into());
        body.insert("category".to_owned(), self.category.into());
        self.add_details(&mut body);
        Value::Object(body)
    }

    /// As an entry of a batch's `errors`.
    pub(super) fn entry(&self, trace_id: Option<&str>) -> Value {
        let mut entry = Map::new();
        entry.insert("status".to_owned(), "error".into());
        entry.insert("category".to_owned(), self.category.into());
        entry.insert("message".to_owned(), self.message.as_str().into());
        self.add_details(&mut entry);
        if let Some(trace_id) = trace_id {
            let context = entry.entry("context").or_insert_with(|| json!({}));
            context["objectWriteTraceId"] = json!([trace_id]);
        }
        Value::Object(entry)
    }

    fn add_details(&self, body: &mut Map<String, Value>) {
        if let Some(sub_category) = self.sub_category {
            body.insert("subCategory".to_owned(), sub_category.into());
        }
        if let Some(context) = &self.context {
            body.insert("context".to_owned(), context.clone());
        }
        if !self.errors.is_empty() {
            body.insert("errors".to_owned(), self.errors.clone().into());
        }
    }
}
