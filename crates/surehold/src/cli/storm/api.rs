//! The server's API, as far as the storm needs it.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::cli::output::program;

/// How long a request may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// How long a read of the verdict may take: the laws look at every row.
const READ_TIME_MAX: Duration = Duration::from_secs(300);
/// How often such a read is tried, while the server recovers from the storm.
const READ_ATTEMPTS: u32 = 6;
const READ_PAUSE: Duration = Duration::from_millis(500);

/// A server, and the key that we show it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    url: String,
    key: SecretString,
}

/// What it answered.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    body: Value,
}

impl Api {
    pub fn new(url: &str, key: SecretString) -> anyhow::Result<Api> {
        // The same TLS as towards the database. An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .user_agent(concat!("surehold-storm/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Api { client, url: url.trim_end_matches('/').to_owned(), key })
    }

    /// The same server with another key.
    pub fn with_key(&self, key: SecretString) -> Api {
        Api { key, ..self.clone() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, None, None, TIME_MAX).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::DELETE, path, None, None, TIME_MAX).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::POST, path, Some(body), None, TIME_MAX).await
    }

    /// Asks with an `Idempotency-Key`, so that it can be asked again.
    pub async fn under_key(&self, method: Method, path: &str, body: &Value, key: &str) -> anyhow::Result<Reply> {
        self.send(method, path, Some(body), Some(key), TIME_MAX).await
    }

    /// Reads what the verdict needs, with patience: the server may have much to do still.
    pub async fn read(&self, path: &str, what: &str) -> anyhow::Result<Reply> {
        for attempt in 1..READ_ATTEMPTS {
            match self.send(Method::GET, path, None, None, READ_TIME_MAX).await {
                Ok(reply) if reply.status.as_u16() != 429 && !reply.status.is_server_error() => {
                    return reply.expect(200, what);
                }
                _ => tokio::time::sleep(READ_PAUSE * attempt).await,
            }
        }
        let reply = self.send(Method::GET, path, None, None, READ_TIME_MAX).await;
        reply.with_context(|| format!("cannot {what}"))?.expect(200, what)
    }

    /// All pages of a list. `path` has a query already, with a limit.
    pub async fn pages(&self, path: &str, what: &str) -> anyhow::Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let reply = self.read(&format!("{path}{cursor}"), what).await?;
            let page = reply.data().as_array();
            rows.extend(
                page.with_context(|| format!("cannot {what}: the server's answer is no list"))?.iter().cloned(),
            );
            match reply.body.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        time_max: Duration,
    ) -> anyhow::Result<Reply> {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let mut request = request.bearer_auth(self.key.expose_secret()).timeout(time_max);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("{} broke off its answer", self.url))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply { status, body })
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        if error.is_builder() {
            return anyhow::anyhow!("{} is not a URL", self.url);
        }
        if error.is_connect() {
            return anyhow::anyhow!(
                "nothing answers at {}. Start a server (`{} demo`), or give another address with --url",
                self.url,
                program()
            );
        }
        if error.is_timeout() {
            return anyhow::anyhow!("{} did not answer in time", self.url);
        }
        anyhow::Error::new(error.without_url()).context(format!("the request to {} failed", self.url))
    }
}

impl Reply {
    /// The `data` of a success.
    pub fn data(&self) -> &Value {
        self.body.get("data").unwrap_or(&Value::Null)
    }

    /// All of it.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// What a failure says to people; empty for a success.
    pub fn sentence(&self) -> &str {
        self.body.get("error").and_then(Value::as_str).unwrap_or_default()
    }

    /// The `code` of a failure; empty for a success.
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// A text member of `data`.
    pub fn text(&self, name: &str) -> anyhow::Result<String> {
        let text = self.data().get(name).and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("the server's answer has no {name}; is it a Surehold server?"))
    }

    /// Itself if it has this status, else what the server said.
    pub fn expect(self, status: u16, what: &str) -> anyhow::Result<Reply> {
        if self.status.as_u16() == status {
            return Ok(self);
        }
        let said = match self.body.get("error").and_then(Value::as_str) {
            Some(sentence) => format!("{sentence} ({})", self.code()),
            None => self.body.to_string().chars().take(300).collect(),
        };
        anyhow::bail!("cannot {what}: the server answered {}: {said}", self.status)
    }
}
