//! The `Idempotency-Key` header.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use surehold_core::command::Key;

use super::error::ApiError;
use crate::desk::made_key;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What callers of the seed's discussion route send.
const X_IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");
const LENGTH_MAX: usize = 255;

/// The caller's key, if there is one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// The caller's key, if there is one.
    pub fn given(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The key of the request's one command.
    pub fn key(self) -> Key {
        match self.0 {
            Some(key) => Key::Given(key),
            None => made_key(),
        }
    }

    /// The key of one of several commands of the request: with a caller's key, the same again at a repeat,
    /// whatever the order of the items. The item is named as the caller names it: if that means another
    /// booking by then (booking IDs repeat), the repeat is refused and does not touch it.
    pub fn key_of_item(&self, verb: &str, item: &str) -> Key {
        match &self.0 {
            Some(key) => Key::Given(format!("{verb}:{item}:{key}")),
            None => IdempotencyKey(None).key(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, ApiError> {
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter().peekable();
        let value = match given.next() {
            Some(value) => value,
            None => match parts.headers.get(X_IDEMPOTENCY_KEY) {
                Some(value) => value,
                None => return Ok(IdempotencyKey(None)),
            },
        };
        let bytes = value.as_bytes();
        if given.peek().is_some()
            || !(1..=LENGTH_MAX).contains(&bytes.len())
            || !bytes.iter().all(|byte| byte.is_ascii_graphic())
        {
            return Err(ApiError::invalid_field("Idempotency-Key", "must be one key of 1 to 255 visible characters"));
        }
        Ok(IdempotencyKey(Some(String::from_utf8_lossy(bytes).into_owned())))
    }
}
