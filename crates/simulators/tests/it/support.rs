//! What tests of every simulator need: a client, and a receiver of webhooks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router, extract::State};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[path = "../node/driver.rs"]
mod driver;

pub use driver::node;

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A client that follows no redirects: tests look at them.
pub fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test may have done so
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(30)).build().unwrap()
}

/// An answer of the simulator.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

/// A delivery that arrived.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub event: Value,
}

#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Delivery>,
    /// Statuses of the next answers; afterwards 200.
    next_answers: VecDeque<StatusCode>,
    /// Answers wait until this is gone.
    held: Option<Arc<Notify>>,
}

/// A server that receives webhooks.
#[derive(Debug, Clone)]
pub struct Receiver {
    url: String,
    inbox: Arc<Mutex<Inbox>>,
}

impl Receiver {
    pub async fn open() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let router = Router::new().route("/hooks", post(receive)).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { url, inbox }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next deliveries with these statuses.
    pub fn answer_next(&self, statuses: &[u16]) {
        let statuses = statuses.iter().map(|status| StatusCode::from_u16(*status).unwrap());
        self.inbox.lock().unwrap().next_answers.extend(statuses);
    }

    /// Lets deliveries arrive, and holds back the answers until it is notified.
    pub fn hold(&self) -> Arc<Notify> {
        self.inbox.lock().unwrap().held.insert(Arc::new(Notify::new())).clone()
    }

    pub fn arrived(&self) -> Vec<Delivery> {
        self.inbox.lock().unwrap().arrived.clone()
    }
}

async fn receive(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    let event = serde_json::from_slice(&body).unwrap();
    let (answer, held) = {
        let mut inbox = inbox.lock().unwrap();
        inbox.arrived.push(Delivery { headers, body, event });
        (inbox.next_answers.pop_front().unwrap_or(StatusCode::OK), inbox.held.clone())
    };
    if let Some(held) = held {
        held.notified().await;
    }
    (answer, Json(json!({})))
}
