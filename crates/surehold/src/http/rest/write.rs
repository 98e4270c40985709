//! Methods that there are not: the views change by functions alone, and every other method says which.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::request::Caller;
use super::{query, rpc};
use crate::http::app::App;
use crate::http::error::ApiError;

/// Answers a method that a view does not have.
pub async fn no_such_method(State(app): State<Arc<App>>, request: Request) -> Response {
    match refused(&app, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn refused(app: &Arc<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, app).await?;
    let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
    if rpc::is_function(parts.uri.path()) {
        return rpc::no_such_method(&parts.method, caller.profile, name);
    }
    let view = query::view(caller.profile, name)?;
    if parts.method == Method::OPTIONS {
        return Ok([(header::ALLOW, HeaderValue::from_static("OPTIONS,GET,HEAD"))].into_response());
    }
    // The code of a statement that may not write, which is what callers of a read-only replica know.
    let message = format!("{} is read-only here", view.name);
    Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "25006", message)
        .with_hint(rpc::hints::instead_of_writing(view.name)))
}
