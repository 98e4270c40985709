//! A shop with a simulator behind it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use surehold_simulators::stripe::{Options, Retry, Simulator, WebhookEndpoint};

pub use crate::support::*;

pub const KEY: &str = "sk_test_of_the_tests";
pub const SECRET: &str = "whsec_of_the_tests";

/// Options for tests: a free port, and retries within milliseconds.
pub fn options() -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        secret_key: KEY.to_owned(),
        retry: Retry { first: Duration::from_millis(1), longest: Duration::from_millis(8) },
        ..Options::default()
    }
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The error of a refusal with this status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()["error"].clone()
    }
}

/// A shop that uses the simulator as it would use Stripe.
pub struct Shop {
    pub simulator: Simulator,
    pub http: reqwest::Client,
}

impl Shop {
    pub async fn open() -> Shop {
        Shop::with(options()).await
    }

    pub async fn with(options: Options) -> Shop {
        Shop { simulator: Simulator::start(options).await.unwrap(), http: http_client() }
    }

    /// A shop that receives its webhooks.
    pub async fn with_receiver() -> (Shop, Receiver) {
        let receiver = Receiver::open().await;
        let shop = Shop::with(Options { webhooks: vec![receiver.endpoint(&[SECRET])], ..options() }).await;
        (shop, receiver)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).bearer_auth(KEY).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        Answer::of(self.call(path, form).send().await.unwrap()).await
    }

    pub async fn post_with_key(&self, path: &str, key: &str, form: &[(&str, &str)]) -> Answer {
        Answer::of(self.call(path, form).header("idempotency-key", key).send().await.unwrap()).await
    }

    /// A call that is not sent yet.
    pub fn call(&self, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call = self.http.post(self.url(path)).bearer_auth(KEY);
        call.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// A control route.
    pub async fn control(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.http.post(self.url(path)).json(&body).send().await.unwrap()).await
    }

    /// A button of the payment page.
    pub async fn press(&self, session: &Value, button: &str) -> Answer {
        let url = self.url(&format!("/pay/{}/{button}", id(session)));
        Answer::of(self.http.post(url).send().await.unwrap()).await
    }

    pub async fn create(&self) -> Value {
        self.post("/v1/checkout/sessions", &purchase()).await.ok()
    }

    pub async fn retrieve(&self, session: &Value) -> Value {
        self.get(&format!("/v1/checkout/sessions/{}", id(session))).await.ok()
    }

    /// A session that is paid: as the API shows it, with its PaymentIntent and charge.
    pub async fn paid(&self) -> Value {
        let session = self.create().await;
        assert_eq!(self.press(&session, "pay").await.status, 303);
        let path = format!("/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge", id(&session));
        let session = self.get(&path).await.ok();
        assert_eq!(session["payment_intent"]["latest_charge"]["object"], "charge", "{session:#}");
        session
    }

    /// The types of all events, oldest first.
    pub fn event_types(&self) -> Vec<String> {
        self.simulator.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap_or_else(|| panic!("no id: {object}"))
}

/// Two places at 50 dollars.
pub fn purchase() -> Vec<(&'static str, &'static str)> {
    vec![
        ("mode", "payment"),
        ("line_items[0][quantity]", "2"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "5000"),
        ("line_items[0][price_data][product_data][name]", "Clinical Skills"),
        ("client_reference_id", "booking-1"),
        ("customer_email", "ann@example.org"),
        ("metadata[booking_id]", "b1"),
        ("payment_intent_data[metadata][booking_id]", "p1"),
        ("adaptive_pricing[enabled]", "false"),
        ("success_url", "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://shop.example/basket"),
    ]
}

/// The purchase with other values for some parameters; an empty one takes the parameter away.
pub fn purchase_with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut form = purchase();
    form.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    form
}

impl Delivery {
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }
}

impl Receiver {
    pub fn endpoint(&self, secrets: &[&str]) -> WebhookEndpoint {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        WebhookEndpoint { url: self.url().to_owned(), secrets }
    }

    pub fn kinds(&self) -> Vec<String> {
        self.arrived().iter().map(|delivery| delivery.kind().to_owned()).collect()
    }
}
