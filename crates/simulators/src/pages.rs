//! HTML pages of simulators.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// Nothing from elsewhere is loaded, whatever a name on the page says. There is no `form-action`: browsers
/// apply it to redirects after a form too, and those go to the caller's pages.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// A rendered page as an answer.
pub(crate) fn html(status: StatusCode, rendered: askama::Result<String>) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    match rendered {
        Ok(page) => (status, headers, Html(page)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
