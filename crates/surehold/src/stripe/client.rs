//! The way to Stripe's API: one HTTP client, a secret key, a pinned version.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::error::StripeError;
use crate::outgoing;

/// The version of Stripe's API that this program was written for. Sent with every call, so that the account's
/// own default does not matter. Webhooks come in the version that their endpoint was made with; what is read
/// from them is the same in all versions since 2022-11-15.
pub const API_VERSION: &str = "2025-09-30.clover";
/// Where Stripe is.
pub const API_BASE: &str = "https://api.stripe.com";
/// Ids are opaque, and never longer than this.
const ID_LENGTH_MAX: usize = 255;

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const FORM: &str = "application/x-www-form-urlencoded";

/// How Stripe is called.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// URL without the `/v1`.
    pub api_base: String,
    /// How long making a connection may take.
    pub connect_time_max: Duration,
    /// How long a whole call may take, connection and answer included.
    pub call_time_max: Duration,
}

impl Default for StripeOptions {
    fn default() -> StripeOptions {
        StripeOptions {
            api_base: API_BASE.to_owned(),
            connect_time_max: Duration::from_secs(3),
            call_time_max: Duration::from_secs(10),
        }
    }
}

/// A Stripe account's API. Clones are cheap and share connections.
#[derive(Debug, Clone)]
pub struct Stripe {
    http: Client,
    api_base: Arc<str>,
    call_time_max: Duration,
    secret_key: Arc<SecretString>,
}

impl Stripe {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A sentence that says why the URL cannot be used. It never holds the key.
    pub fn new(secret_key: SecretString, options: &StripeOptions) -> anyhow::Result<Stripe> {
        let api_base = outgoing::check_base("Stripe's API", API_BASE, &options.api_base)?;
        let http = outgoing::client(options.connect_time_max, options.call_time_max)
            .context("cannot make an HTTP client for Stripe")?;
        Ok(Stripe { http, api_base, call_time_max: options.call_time_max, secret_key: Arc::new(secret_key) })
    }

    /// The same for another account.
    #[must_use]
    pub fn with_key(&self, secret_key: SecretString) -> Stripe {
        Stripe { secret_key: Arc::new(secret_key), ..self.clone() }
    }

    /// Whether calls move real money: compare with `livemode` of an event.
    pub fn is_live(&self) -> bool {
        is_live(self.secret_key.expose_secret())
    }

    /// Reads something. `query` is a form, or empty.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &str) -> Result<T, StripeError> {
        let mark = if query.is_empty() { "" } else { "?" };
        self.send(self.http.get(format!("{}/v1/{path}{mark}{query}", self.api_base))).await
    }

    /// Changes something, with exactly these bytes.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &str,
        idempotency_key: Option<&str>,
    ) -> Result<T, StripeError> {
        let mut request = self.http.post(format!("{}/v1/{path}", self.api_base)).header(CONTENT_TYPE, FORM);
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        self.send(request.body(form.to_owned())).await
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, StripeError> {
        let key = self.secret_key.expose_secret();
        let request = request.bearer_auth(key).header(STRIPE_VERSION, API_VERSION);
        self.answer(request).await.map_err(|error| error.without(key))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, StripeError> {
        let broken = |error| StripeError::from_transport(error, self.call_time_max);
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        let request_id = request_id(response.headers());
        let body = response.bytes().await.map_err(broken)?;
        if !status.is_success() {
            return Err(StripeError::from_answer(status.as_u16(), &body, request_id));
        }
        serde_json::from_slice(&body).map_err(|cause| StripeError::from_unreadable(status.as_u16(), &cause, request_id))
    }
}

/// Whether a secret key moves real money; `rk_` is a restricted one.
pub(super) fn is_live(secret_key: &str) -> bool {
    secret_key.starts_with("sk_live_") || secret_key.starts_with("rk_live_")
}

/// An id that becomes a part of a path. It may come from outside, so it must not lead elsewhere.
pub(super) fn checked_id(id: &str) -> Result<&str, StripeError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.is_empty() || id.len() > ID_LENGTH_MAX || !id.bytes().all(plain) {
        return Err(StripeError::not_made("that is not an id of Stripe: letters, digits, _ and -, at most 255"));
    }
    Ok(id)
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
