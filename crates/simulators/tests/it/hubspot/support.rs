//! A program with a simulator behind it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use surehold_simulators::hubspot::{Limits, Options, Property, Retry, Simulator, Webhook};

pub use crate::support::*;

pub const TOKEN: &str = "pat-na1-of-the-tests";
pub const CLIENT_SECRET: &str = "00000000-0000-0000-0000-000000000000";
pub const APP_ID: u64 = 77;

/// The dated path of objects of a type.
pub const BOOKINGS: &str = "/crm/objects/2026-09/bookings";
pub const CONTACTS: &str = "/crm/objects/2026-09/contacts";

/// Options for tests: a free port, no limits, a search that is never late, retries within milliseconds.
pub fn options() -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        token: TOKEN.to_owned(),
        app_id: APP_ID,
        limits: Limits::none(),
        search_delay: Duration::ZERO,
        retry: Retry { first: Duration::from_millis(1), longest: Duration::from_millis(8) },
        ..Options::default()
    }
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The sentence of an error with this status and category.
    #[track_caller]
    pub fn fails(&self, status: u16, category: &str) -> String {
        let body = self.is(status);
        assert_eq!((&body["status"], &body["category"]), (&json!("error"), &json!(category)), "{body:#}");
        assert!(body["correlationId"].is_string(), "{body:#}");
        body["message"].as_str().unwrap().to_owned()
    }
}

/// A program that uses the simulator as it would use HubSpot. Bookings have a unique `uuid`, and `grade`, `seats`.
pub struct Crm {
    pub simulator: Simulator,
    pub http: reqwest::Client,
}

impl Crm {
    pub async fn open() -> Crm {
        Crm::with(options()).await
    }

    pub async fn with(options: Options) -> Crm {
        let simulator = Simulator::start(options).await.unwrap();
        simulator.define("bookings", Property::unique("uuid")).unwrap();
        simulator.define("bookings", Property::unique("code")).unwrap();
        simulator.define("bookings", Property::text("grade")).unwrap();
        simulator
            .define("bookings", Property::of_kind("seats", surehold_simulators::hubspot::PropertyKind::Number))
            .unwrap();
        Crm { simulator, http: http_client() }
    }

    /// A program that receives its webhooks.
    pub async fn with_receiver() -> (Crm, Receiver) {
        let receiver = Receiver::open().await;
        let webhook = Some(Webhook::new(receiver.url(), CLIENT_SECRET));
        (Crm::with(Options { webhook, ..options() }).await, receiver)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).bearer_auth(TOKEN).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.http.delete(self.url(path)).bearer_auth(TOKEN).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.call(path, &body).send().await.unwrap()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let call = self.http.patch(self.url(path)).bearer_auth(TOKEN).json(&body);
        Answer::of(call.send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        let call = self.http.put(self.url(path)).bearer_auth(TOKEN).json(&body);
        Answer::of(call.send().await.unwrap()).await
    }

    /// A call that is not sent yet.
    pub fn call(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http.post(self.url(path)).bearer_auth(TOKEN).json(body)
    }

    /// A control route.
    pub async fn control(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.http.post(self.url(&format!("/_simulator{path}"))).json(&body).send().await.unwrap()).await
    }

    /// Makes a record; says its id.
    pub async fn create(&self, path: &str, properties: Value) -> String {
        id(&self.post(path, json!({ "properties": properties })).await.is(201)).to_owned()
    }

    /// Upserts bookings by their `uuid`, each with a trace id.
    pub async fn upsert(&self, bookings: &[(&str, Value)]) -> Answer {
        self.post(&format!("{BOOKINGS}/batch/upsert"), upserts(bookings)).await
    }
}

/// The body of an upsert by `uuid`, each input with a trace id.
pub fn upserts(bookings: &[(&str, Value)]) -> Value {
    let inputs = bookings.iter().map(|(uuid, properties)| {
        json!({ "idProperty": "uuid", "id": uuid, "properties": properties, "objectWriteTraceId": format!("trace-{uuid}") })
    });
    json!({ "inputs": inputs.collect::<Vec<_>>() })
}

pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap_or_else(|| panic!("no id: {object}"))
}

/// The results of a batch, by the value of a property.
pub fn by<'b>(batch: &'b Value, property: &str, value: &str) -> &'b Value {
    let mut results = batch["results"].as_array().unwrap().iter();
    results.find(|result| result["properties"][property] == value).unwrap_or_else(|| panic!("no {value}: {batch:#}"))
}

pub fn count(list: &Value) -> usize {
    list.as_array().unwrap_or_else(|| panic!("no array: {list}")).len()
}
