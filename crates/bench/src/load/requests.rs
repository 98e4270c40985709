//! Requests that were prepared before the clock started.

use axum::body::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// One request of a [`RequestSet`].
#[derive(Debug, Clone)]
pub struct Item {
    /// Whose API key it carries: an index of [`RequestSet::authorizations`].
    pub caller: usize,
    /// Its `Idempotency-Key`.
    pub key: Option<HeaderValue>,
    /// Its body; empty for GET.
    pub body: Bytes,
}

/// Requests to one route.
#[derive(Debug)]
pub struct RequestSet {
    /// GET or POST.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// `Authorization` headers of the callers.
    pub authorizations: Vec<HeaderValue>,
    /// The requests, in the order in which they are sent.
    pub items: Vec<Item>,
    /// Start over when all were sent; else that is the end.
    pub repeats: bool,
    /// The status of an answer that says that something was made.
    pub made: u16,
}

impl RequestSet {
    /// The request of a number; `None`: there is none left.
    pub fn build(&self, number: usize) -> Option<Request<Full<Bytes>>> {
        let item = if self.repeats { self.items.get(number % self.items.len())? } else { self.items.get(number)? };
        let mut request = Request::new(Full::new(item.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        if let Some(authorization) = self.authorizations.get(item.caller) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if !item.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = &item.key {
            headers.insert(IDEMPOTENCY_KEY, key.clone());
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(repeats: bool) -> RequestSet {
        let item = |caller, body| Item { caller, key: None, body: Bytes::from_static(body) };
        RequestSet {
            method: Method::POST,
            uri: Uri::from_static("/x"),
            authorizations: vec![HeaderValue::from_static("a"), HeaderValue::from_static("b")],
            items: vec![item(0, b"{}"), item(1, b"{}")],
            repeats,
            made: 201,
        }
    }

    #[test]
    fn each_request_carries_its_callers_key_and_the_last_is_the_end_unless_they_repeat() {
        let second = set(false).build(1).expect("a request");
        assert_eq!(second.headers()[AUTHORIZATION], "b");
        assert!(set(false).build(2).is_none());
        assert_eq!(set(true).build(2).expect("the first again").headers()[AUTHORIZATION], "a");
    }
}
