//! What is answered.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::errors::ApiError;
use super::ids;

/// An answer, not yet sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Body,
    headers: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone)]
enum Body {
    Json(Value),
    Html(&'static str),
    Empty,
}

impl Answer {
    pub(super) fn json(status: StatusCode, body: Value) -> Answer {
        Answer { status, body: Body::Json(body), headers: Vec::new() }
    }

    /// 204.
    pub(super) fn empty() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, body: Body::Empty, headers: Vec::new() }
    }

    /// A page of what stands before HubSpot, not of HubSpot: its body is no JSON.
    pub(super) fn gateway(status: StatusCode) -> Answer {
        let page = "<!DOCTYPE html>\n<html><head><title>hubapi.com | Error</title></head><body>The simulator was asked \
                    for this fault.</body></html>\n";
        Answer { status, body: Body::Html(page), headers: Vec::new() }
    }

    /// The same answer with some more headers.
    pub(super) fn with(mut self, headers: &[(&'static str, u64)]) -> Answer {
        self.headers.extend(headers);
        self
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Answer {
        Answer::json(error.status, error.body())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let correlation_id = match &self.body {
            // An error names itself in its body, too.
            Body::Json(body) => Some(body["correlationId"].as_str().map_or_else(ids::correlation, str::to_owned)),
            Body::Html(_) | Body::Empty => None,
        };
        let (kind, body) = match self.body {
            Body::Json(body) => (Some("application/json;charset=utf-8"), body.to_string()),
            Body::Html(page) => (Some("text/html; charset=UTF-8"), page.to_owned()),
            Body::Empty => (None, String::new()),
        };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.extend(kind.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))));
        let correlation_id = correlation_id.and_then(|id| HeaderValue::try_from(id).ok());
        headers.extend(correlation_id.map(|id| (HeaderName::from_static("x-hubspot-correlation-id"), id)));
        for (name, value) in self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
        response
    }
}
