//! Secret keys: as a bearer token, or as the user of basic authentication (docs.stripe.com/api/authentication).

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use super::errors::ApiError;

/// Refuses calls without the secret key.
pub(super) fn check(headers: &HeaderMap, secret_key: &str) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(key_of);
    let refused = |message| Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message));
    match given {
        Some(key) if bool::from(key.as_bytes().ct_eq(secret_key.as_bytes())) => Ok(()),
        Some(key) if !key.is_empty() => refused(format!("Invalid API Key provided: {}", masked(&key))),
        _ => refused(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
                .to_owned(),
        ),
    }
}

fn key_of(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(rest).ok()?).ok()?;
    Some(decoded.split_once(':').map_or(decoded.as_str(), |(user, _)| user).to_owned())
}

/// The key as errors show it: its last four characters at most, and only of a long one.
fn masked(key: &str) -> String {
    let shown: String =
        if key.chars().count() > 12 { key.chars().skip(key.chars().count() - 4).collect() } else { String::new() };
    let prefix = if key.starts_with("sk_test_") { "sk_test_" } else { "" };
    format!("{prefix}****{shown}")
}
