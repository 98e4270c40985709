//! For tests: clients of the stub server.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::client::{HubSpot, HubSpotOptions};
use super::limiter::{Limiter, LimiterOptions};
use crate::stub::{Answer, Asked, Stub};

/// The token that [`client_of`] uses.
pub const TOKEN: &str = "pat-test-x";

impl Stub {
    /// A client of it, for HubSpot's calls.
    pub fn hubspot(&self) -> HubSpot {
        client_of(&self.url, Duration::from_secs(10))
    }
}

/// A client of a server at this URL.
pub fn client_of(url: &str, call_time_max: Duration) -> HubSpot {
    let options = HubSpotOptions { api_base: url.to_owned(), call_time_max, ..HubSpotOptions::default() };
    HubSpot::new(SecretString::from(TOKEN), &options, Limiter::new(&LimiterOptions::default())).expect("a client")
}

/// A server with one answer, and its client.
pub async fn answering(status: u16, body: impl Into<String>) -> (Stub, HubSpot) {
    let stub = Stub::start(vec![(status, vec![], body.into())]).await;
    let client = stub.hubspot();
    (stub, client)
}

/// Several answers without headers.
pub fn answers<const N: usize>(bodies: [(u16, Value); N]) -> Vec<Answer> {
    bodies.into_iter().map(|(status, body)| (status, vec![], body.to_string())).collect()
}

/// The body of a request.
pub fn body_of(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).expect("JSON")
}
