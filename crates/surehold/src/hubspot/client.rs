//! The way to HubSpot's API: one HTTP client, an access token, a limiter that every call passes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::RowError;
use super::error::{self, HubSpotError, Refusal};
use super::limiter::{Limiter, Permit, Priority, Quota};
use super::paths::{self, OBJECTS_PATH, Paths};
use super::quota::RateLimits;
use crate::outgoing;

/// Where HubSpot is.
pub const API_BASE: &str = "https://api.hubapi.com";

/// How HubSpot is called.
#[derive(Debug, Clone)]
pub struct HubSpotOptions {
    /// URL without a path of HubSpot's.
    pub api_base: String,
    /// Path of the objects, which also says which version of the API is called: see [`Paths::of`].
    pub objects_path: String,
    /// How long making a connection may take.
    pub connect_time_max: Duration,
    /// How long a whole call may take, connection and answer included. A batch takes a second or two.
    pub call_time_max: Duration,
}

impl Default for HubSpotOptions {
    fn default() -> HubSpotOptions {
        HubSpotOptions {
            api_base: API_BASE.to_owned(),
            objects_path: OBJECTS_PATH.to_owned(),
            connect_time_max: Duration::from_secs(3),
            call_time_max: Duration::from_secs(30),
        }
    }
}

/// A portal's API. Clones are cheap and share connections and the limiter.
///
/// Calls go as [`Priority::Sync`] unless [`HubSpot::at`] says otherwise, and are made once: who wants a repeat, repeats.
#[derive(Debug, Clone)]
pub struct HubSpot {
    http: Client,
    api_base: Arc<str>,
    paths: Arc<Paths>,
    call_time_max: Duration,
    token: Arc<SecretString>,
    limiter: Limiter,
    priority: Priority,
}

impl HubSpot {
    /// A client; nothing is sent yet. The limiter has to be the portal's only one in this program.
    ///
    /// # Errors
    ///
    /// A sentence that says why the URL or the path cannot be used. It never holds the token.
    pub fn new(token: SecretString, options: &HubSpotOptions, limiter: Limiter) -> anyhow::Result<HubSpot> {
        let http = outgoing::client(options.connect_time_max, options.call_time_max)
            .context("cannot make an HTTP client for HubSpot")?;
        Ok(HubSpot {
            http,
            api_base: outgoing::check_base("HubSpot's API", API_BASE, &options.api_base)?,
            paths: Arc::new(Paths::of(&options.objects_path)?),
            call_time_max: options.call_time_max,
            token: Arc::new(token),
            limiter,
            priority: Priority::Sync,
        })
    }

    /// The same for another portal, with its limiter.
    #[must_use]
    pub fn with_token(&self, token: SecretString, limiter: Limiter) -> HubSpot {
        HubSpot { token: Arc::new(token), limiter, ..self.clone() }
    }

    /// The same for calls that wait with this priority.
    #[must_use]
    pub fn at(&self, priority: Priority) -> HubSpot {
        HubSpot { priority, ..self.clone() }
    }

    /// How long a call may take, at most.
    pub fn call_time_max(&self) -> Duration {
        self.call_time_max
    }

    /// What all calls pass; it also knows what HubSpot said about its limits last.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// A call of the objects' API.
    pub(super) fn on_objects(
        &self,
        name: &'static str,
        parts: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Call, HubSpotError> {
        self.call(name, Quota::App, &self.paths.objects, parts, query)
    }

    /// A search, which counts against two limits.
    pub(super) fn on_search(&self, object_type: &str) -> Result<Call, HubSpotError> {
        self.call("search", Quota::Search, &self.paths.objects, &[object_type, "search"], &[])
    }

    /// A call of the associations' API.
    pub(super) fn on_associations(&self, name: &'static str, parts: &[&str]) -> Result<Call, HubSpotError> {
        self.call(name, Quota::Associations, &self.paths.associations, parts, &[])
    }

    /// A call of the properties' API.
    pub(super) fn on_properties(&self, name: &'static str, parts: &[&str]) -> Result<Call, HubSpotError> {
        self.call(name, Quota::App, &self.paths.properties, parts, &[])
    }

    fn call(
        &self,
        name: &'static str,
        quota: Quota,
        path: &str,
        parts: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Call, HubSpotError> {
        Ok(Call { name, quota, url: paths::url(&self.api_base, path, parts, query)? })
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, call: Call) -> Result<Answer<T>, HubSpotError> {
        self.read(self.send(call, Method::GET, None).await?)
    }

    /// Asks for something with a body. Some reads are such calls, too.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        call: Call,
        body: &impl Serialize,
    ) -> Result<Answer<T>, HubSpotError> {
        self.read(self.post_for_bytes(call, body).await?)
    }

    /// The same, where the answer may be empty.
    pub(super) async fn post_for_bytes(
        &self,
        call: Call,
        body: &impl Serialize,
    ) -> Result<Answer<Vec<u8>>, HubSpotError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| HubSpotError::not_made(format!("the body cannot be written: {error}")))?;
        self.send(call, Method::POST, Some(body)).await
    }

    /// A success as what it should be.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: Answer<Vec<u8>>) -> Result<Answer<T>, HubSpotError> {
        let Answer { status, correlation_id, body } = answer;
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Answer { status, correlation_id, body }),
            Err(cause) => {
                Err(HubSpotError::unreadable(status, cause, correlation_id).without(self.token.expose_secret()))
            }
        }
    }

    /// A refusal of one row, which is said in a success.
    pub(super) fn row_refusal(&self, row: RowError, status: u16, correlation_id: &Option<String>) -> Refusal {
        let mut refusal = row.refusal(status, correlation_id);
        refusal.clean(self.token.expose_secret());
        refusal
    }

    async fn send(&self, call: Call, method: Method, body: Option<Vec<u8>>) -> Result<Answer<Vec<u8>>, HubSpotError> {
        let token = self.token.expose_secret();
        let mut request = self.http.request(method, call.url).bearer_auth(token);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let request = request.build().map_err(|error| {
            HubSpotError::not_made(format!(
                "the request cannot be built: {}",
                outgoing::with_causes(&error.without_url())
            ))
        })?;
        let (answer, outcome) = match self.limiter.enter(call.quota, self.priority).await {
            Ok(mut permit) => {
                let answer = self.answer(request, &mut permit).await.map_err(|error| error.without(token));
                let outcome = answer.as_ref().map_or_else(HubSpotError::kind, |_| "ok");
                (answer, outcome)
            }
            Err(closed) => (Err(closed), "not_sent"),
        };
        metrics::counter!("surehold_hubspot_calls_total", "call" => call.name, "outcome" => outcome).increment(1);
        answer
    }

    async fn answer(&self, request: Request, permit: &mut Permit) -> Result<Answer<Vec<u8>>, HubSpotError> {
        let broken = |error| HubSpotError::from_transport(error, self.call_time_max);
        let response = self.http.execute(request).await.map_err(broken)?;
        let status = response.status();
        permit.answered();
        permit.saw(RateLimits::of(response.headers()));
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(broken)?;
        if !status.is_success() {
            let error = HubSpotError::from_answer(status.as_u16(), &headers, &body);
            if let Some((after, policy)) = error.not_now() {
                permit.not_now(policy, after);
            }
            return Err(error);
        }
        Ok(Answer { status: status.as_u16(), correlation_id: error::correlation_id(&headers), body: body.into() })
    }
}

/// A call that can be made.
pub(super) struct Call {
    /// Its name in metrics.
    name: &'static str,
    quota: Quota,
    url: Url,
}

/// A success. A batch in which rows were refused is one, too.
pub(super) struct Answer<T> {
    /// HTTP status, 2xx.
    pub status: u16,
    /// HubSpot's name for the call.
    pub correlation_id: Option<String>,
    /// What it said.
    pub body: T,
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
