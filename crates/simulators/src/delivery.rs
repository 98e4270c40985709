//! Sending webhooks over HTTP, without TLS, and when what failed is sent again.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client for receivers of webhooks.
pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A new client.
pub(crate) fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends a webhook. Anything but a 2xx in time is a failure, also a redirect; says what it was.
pub(crate) async fn send(client: &HttpClient, request: Request<Full<Bytes>>, within: Duration) -> Result<(), String> {
    let answer = match tokio::time::timeout(within, client.request(request)).await {
        Ok(answer) => answer.map_err(|error| error.to_string())?,
        Err(_) => return Err("no answer in time".to_owned()),
    };
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
}

/// When failed deliveries are tried again. The services' own intervals are hours; a demo has no hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait after the first failure; it doubles after each further one.
    pub first: Duration,
    /// It does not get longer than this.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

impl Retry {
    /// The wait after so many failures.
    pub(crate) fn after(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry { first: Duration::from_millis(10), longest: Duration::from_millis(70) };
        let waits: Vec<u128> = (1..=5).map(|attempts| retry.after(attempts).as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 70, 70]);
        assert_eq!(retry.after(u32::MAX), retry.longest);
    }
}
