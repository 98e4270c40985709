//! Browsers on other origins: which may call, as the Fetch standard has it (CORS).
//!
//! What lets a caller in is a key or a token in a header, never a cookie. So an origin that is allowed gains nothing
//! beyond what its own page was given, and credentials of the browser are never allowed.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember what it was allowed. Some take less.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Headers of answers that callers in browsers may read, besides those that everybody may.
const EXPOSED: [HeaderName; 7] = [
    header::CONTENT_RANGE,
    header::RETRY_AFTER,
    header::ALLOW,
    HeaderName::from_static("content-profile"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("proxy-status"),
    HeaderName::from_static("x-request-id"),
];

/// An origin that may call, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `*`
    Any,
    /// Such as `https://app.example.com`, as browsers write it.
    One(HeaderValue),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Origin, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(Origin::Any);
        }
        let wrong = || format!("{text:?} is no origin: give one such as https://app.example.com, or * for all");
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_bare =
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !is_bare || url.password().is_some() {
            return Err(format!("{} A path has no place in it.", wrong()));
        }
        // As browsers write it: lower case, no usual port, no slash at the end.
        HeaderValue::from_str(&url.origin().ascii_serialization()).map(Origin::One).map_err(|_| wrong())
    }
}

/// What answers browsers' questions before a call, and lets them read what comes; nothing if no origin may call.
pub(super) fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let of_one = |origin: &Origin| match origin {
        Origin::Any => None,
        Origin::One(origin) => Some(origin.clone()),
    };
    let allowed = match origins.contains(&Origin::Any) {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().filter_map(of_one)),
    };
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    // Callers bring headers of their own (supabase-js a few in each version); none of them opens anything by itself.
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(methods);
    Some(layer.allow_headers(AllowHeaders::mirror_request()).expose_headers(EXPOSED).max_age(MAX_AGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &'static str) -> Result<Origin, String> {
        Ok(Origin::One(HeaderValue::from_static(text)))
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        assert_eq!("*".parse(), Ok(Origin::Any));
        assert_eq!(" https://App.example.com/ ".parse(), one("https://app.example.com"));
        assert_eq!("https://app.example.com:443".parse(), one("https://app.example.com"));
        assert_eq!("http://localhost:5173".parse(), one("http://localhost:5173"));
        for wrong in ["", "app.example.com", "https://app.example.com/shop", "https://a:b@app.example.com", "ftp://a.b"]
        {
            let said = wrong.parse::<Origin>().expect_err(wrong);
            assert!(said.contains("https://app.example.com"), "{said}");
        }
    }
}
