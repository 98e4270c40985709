//! The envelope of a success: `{"success":true,"data":…,"message":"…"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The header that says so if an answer was given before and nothing was done now.
pub fn replay_header(replayed: bool) -> Option<[(HeaderName, HeaderValue); 1]> {
    replayed.then_some([(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"))])
}

/// The envelope of a success.
#[derive(Serialize, ToSchema)]
pub struct Success<T> {
    /// Always true.
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// A sentence for people, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// True where the request had been carried out before and nothing was changed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// On lists: whether there is more after this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
    /// On lists with more to come: pass it as `cursor` to get the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A success and its status.
pub struct Reply<T> {
    status: StatusCode,
    replayed: bool,
    body: Success<T>,
}

impl<T> Reply<T> {
    /// 200.
    pub fn ok(data: T) -> Reply<T> {
        let body = Success { success: true, data, message: None, idempotent: None, has_more: None, next_cursor: None };
        Reply { status: StatusCode::OK, replayed: false, body }
    }

    /// 201.
    pub fn created(data: T) -> Reply<T> {
        Reply { status: StatusCode::CREATED, ..Reply::ok(data) }
    }

    /// 201, or 200 if the request was carried out before.
    pub fn created_unless(replayed: bool, data: T) -> Reply<T> {
        if replayed { Reply::ok(data).replayed(true) } else { Reply::created(data) }
    }

    /// With a sentence for people.
    pub fn message(mut self, message: &'static str) -> Reply<T> {
        self.body.message = Some(message);
        self
    }

    /// Marked as an answer that was given before, if so.
    pub fn replayed(mut self, replayed: bool) -> Reply<T> {
        self.replayed = replayed;
        self
    }

    /// With `idempotent: true`: the request had been carried out before.
    pub fn idempotent(mut self) -> Reply<T> {
        self.body.idempotent = Some(true);
        self
    }

    /// With the way to the next page, if there is one.
    pub fn next(mut self, next_cursor: Option<String>) -> Reply<T> {
        self.body.has_more = Some(next_cursor.is_some());
        self.body.next_cursor = next_cursor;
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        (self.status, replay_header(self.replayed), Json(self.body)).into_response()
    }
}
