//! The same marketplace over HTTP, with a stand-in for Stripe: its office, its travellers, its webhooks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use surehold::cashier::Cashier;
use surehold::desk::DeskOptions;
use surehold::http::{HttpOptions, JwtSecrets};
use surehold::store::orgs::{self, OrgRow};
use surehold::stripe::Accounts;
use surehold_core::command::{Command, OfferingTerms, OpenSlot, RecordPayment};
use surehold_simulators::stripe::{Action, Options, Retry, Simulator};
use uuid::Uuid;

use super::answer::Answer;
use super::api::{Api, Call, unlimited};
use super::marketplace::{at_price, payment, record};
use super::school::{slot_of, times_from};

pub const STRIPE_KEY: &str = "sk_test_of_the_tests";
pub const WEBHOOK_SECRET: &str = "whsec_of_the_tests";
pub const JWT_SECRET: &str = "a-secret-of-the-tests-with-32-characters";
pub const WEBHOOK: &str = "/functions/v1/webhook-stripe";

/// A marketplace, its service, and its Stripe.
pub struct MarketplaceApi {
    pub api: Api,
    pub stripe: Simulator,
    pub cashier: Cashier,
}

/// Somebody with an account at the marketplace.
#[derive(Clone, Debug)]
pub struct Traveller {
    pub id: Uuid,
    pub token: String,
}

/// A slot, as callers name it.
#[derive(Clone, Debug)]
pub struct Slot {
    pub id: Uuid,
    pub experience: Uuid,
    pub date: String,
    pub time: String,
}

impl Slot {
    /// As an item of a trip.
    pub fn item(&self, guests: i32) -> Value {
        json!({ "experienceId": self.experience, "slotId": self.id, "guestCount": guests })
    }
}

/// A held trip, as its 201 says.
#[derive(Clone, Debug)]
pub struct Held {
    pub session: String,
    pub payment: Uuid,
    pub trip: Uuid,
    pub bookings: Vec<Uuid>,
}

impl Held {
    pub fn of(answer: &Answer) -> Held {
        let body = &answer.body;
        let id = |value: &Value| value.as_str().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{answer:?}"));
        Held {
            session: body["sessionId"].as_str().unwrap().to_owned(),
            payment: id(&body["paymentId"]),
            trip: id(&body["tripId"]),
            bookings: body["bookings"].as_array().unwrap().iter().map(|booking| id(&booking["id"])).collect(),
        }
    }
}

/// How the stand-in for Stripe runs in tests: on a free port, with retries within milliseconds.
pub fn stripe_options() -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        secret_key: STRIPE_KEY.to_owned(),
        retry: Retry { first: Duration::from_millis(2), longest: Duration::from_millis(50) },
        ..Options::default()
    }
}

/// One Stripe account for everybody.
pub fn accounts(webhook_secrets: &str, api_base: &str) -> Accounts {
    let (key, webhook) = (SecretString::from(STRIPE_KEY), SecretString::from(webhook_secrets));
    Accounts::parse(Some(&key), Some(&webhook), api_base).unwrap()
}

/// A traveller's token; `change` bends its claims.
pub fn token(user: Uuid, secret: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({ "sub": user, "exp": 4_000_000_000_u64, "role": "authenticated", "aud": "authenticated" });
    change(&mut claims);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// Somebody new.
pub fn traveller() -> Traveller {
    let id = Uuid::new_v4();
    Traveller { id, token: token(id, JWT_SECRET, |_| {}) }
}

/// Waits for a condition that is asked for again and again.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let all = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap_or_else(|_| panic!("{what}: not within a minute"));
}

impl MarketplaceApi {
    pub async fn open() -> MarketplaceApi {
        MarketplaceApi::with(DeskOptions::default(), |_| {}).await
    }

    /// With settings of the service as `change` leaves them.
    pub async fn with(desk: DeskOptions, change: impl FnOnce(&mut HttpOptions)) -> MarketplaceApi {
        MarketplaceApi::paid_through(Simulator::start(stripe_options()).await.unwrap(), desk, change).await
    }

    pub async fn paid_through(
        stripe: Simulator,
        desk: DeskOptions,
        change: impl FnOnce(&mut HttpOptions),
    ) -> MarketplaceApi {
        let mut options = HttpOptions {
            stripe: accounts(WEBHOOK_SECRET, stripe.base_url()),
            jwt_secrets: JwtSecrets::of_everyone(SecretString::from(JWT_SECRET)),
            ..unlimited()
        };
        change(&mut options);
        let accounts = options.stripe.clone();
        let api = Api::with(desk, options).await;
        let cashier = Cashier::new(api.school.store.clone(), api.school.desk.clone(), accounts);
        stripe.set_webhook(format!("{}{WEBHOOK}", api.url), WEBHOOK_SECRET);
        MarketplaceApi { api, stripe, cashier }
    }

    // What the office does.

    pub async fn experience(&self, name: &str, price_minor: i64) -> Uuid {
        self.experience_with(name, at_price(price_minor)).await
    }

    pub async fn experience_with(&self, name: &str, terms: OfferingTerms) -> Uuid {
        self.api.school.add_experience(self.api.school.org_id, name, terms).await
    }

    /// A slot in May 2030, at a time of its own.
    pub async fn slot(&self, experience: Uuid, capacity: i32) -> Slot {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let first: Timestamp = "2030-05-04T13:00:00Z".parse().unwrap();
        let start = first + SignedDuration::from_mins(20 * NEXT.fetch_add(1, Ordering::Relaxed));
        self.slot_at(experience, capacity, start).await
    }

    /// A slot that begins so many minutes from now, give or take one.
    pub async fn slot_in(&self, experience: Uuid, capacity: i32, minutes: i64) -> Slot {
        self.slot_at(experience, capacity, Timestamp::now() + SignedDuration::from_mins(minutes)).await
    }

    pub async fn slot_at(&self, experience: Uuid, capacity: i32, starts_at: Timestamp) -> Slot {
        self.slot_for(self.api.school.org_id, experience, capacity, starts_at, None).await
    }

    pub async fn slot_for(
        &self,
        org_id: Uuid,
        experience: Uuid,
        capacity: i32,
        starts_at: Timestamp,
        price_minor: Option<i64>,
    ) -> Slot {
        let starts_at = Timestamp::from_second(starts_at.as_second() / 60 * 60).unwrap();
        let times = times_from(starts_at, 1);
        let (date, time) = (times.local_date.to_string(), times.local_start.strftime("%H:%M").to_string());
        let slot = OpenSlot { price_minor, ..slot_of(experience, times, capacity) };
        Slot { id: self.api.school.open_slot(org_id, slot).await, experience, date, time }
    }

    /// A slot of another organisation.
    pub async fn slot_of_others(&self, org_id: Uuid, price_minor: i64) -> Slot {
        let experience = self.api.school.add_experience(org_id, "Diving", at_price(price_minor)).await;
        self.slot_for(org_id, experience, 5, "2030-06-01T12:00:00Z".parse().unwrap(), None).await
    }

    /// Slots of one experience, with so many seats each, at 50 dollars.
    pub async fn slots<const N: usize>(&self, seats: [i32; N]) -> [Slot; N] {
        let experience = self.experience(&format!("Experience {}", Uuid::new_v4()), 5000).await;
        let slots = join_all(seats.map(|seats| self.slot(experience, seats))).await;
        slots.try_into().expect("as many")
    }

    /// Money that was taken elsewhere.
    pub async fn records(&self, who: &Traveller, amount_minor: i64, currency: &str) -> Uuid {
        let (currency, usual) = (currency.to_owned(), record(who.id, &format!("INV-{}", Uuid::new_v4()), amount_minor));
        let command = Command::RecordPayment(RecordPayment { currency, ..usual });
        payment(self.api.school.submit(command).await).expect("it is recorded").payment_id
    }

    pub async fn org(&self) -> OrgRow {
        self.org_of(self.api.school.org_id).await
    }

    pub async fn org_of(&self, id: Uuid) -> OrgRow {
        let client = self.api.school.store.read().await.unwrap();
        let all = orgs::open(&client).await.unwrap();
        all.into_iter().find(|org| org.id == id).unwrap()
    }

    // What travellers do.

    /// Checks out, as who it is.
    pub fn holds(&self, who: &Traveller, items: Value) -> Call {
        self.checks_out(who, json!({ "tripItems": items })).bearer(&who.token)
    }

    /// Checks out, and holds what is wanted.
    pub async fn held(&self, who: &Traveller, items: Value) -> Held {
        Held::of(&self.holds(who, items).await.is(201))
    }

    /// A checkout with more in its body than items, sent by nobody yet.
    pub fn checks_out(&self, who: &Traveller, more: Value) -> Call {
        self.api.post("/functions/v1/checkout", super::api::merged(checkout_of(who), more))
    }

    /// Checks out, pays, and it is known.
    pub async fn books(&self, who: &Traveller, items: Value) -> Held {
        let held = self.held(who, items).await;
        self.pays(&held.session).await;
        assert_eq!(self.status(held.payment).await, "succeeded");
        held
    }

    /// Pays on Stripe's page; its webhooks are delivered.
    pub async fn pays(&self, session: &str) {
        self.acts(session, Action::Pay).await;
    }

    /// Does something on Stripe's page; its webhooks are delivered.
    pub async fn acts(&self, session: &str, action: Action) {
        self.stripe.act(session, action).unwrap();
        self.delivered().await;
    }

    pub async fn delivered(&self) {
        let delivered = tokio::time::timeout(Duration::from_secs(60), self.stripe.delivered()).await;
        delivered.unwrap_or_else(|_| panic!("not delivered: {:?}", self.stripe.undelivered()));
    }

    /// Opens the success page.
    pub fn comes_back(&self, who: &Traveller, session: &str) -> Call {
        self.api.get(format!("/functions/v1/checkout/{session}")).bearer(&who.token)
    }

    pub fn cancels(&self, who: &Traveller, booking: impl ToString) -> Call {
        let path = format!("/functions/v1/bookings/{}/cancel", booking.to_string());
        self.api.post(path, json!({})).bearer(&who.token)
    }

    /// Gives money of a booking back, as an operator.
    pub fn refunds(&self, booking: impl ToString, body: Value) -> Call {
        self.api.post(format!("/functions/v1/bookings/{}/refund", booking.to_string()), body).by_admin()
    }

    /// Sends a webhook's body as it is.
    pub fn hears(&self, body: &str, signature: &str) -> Call {
        self.api
            .call(reqwest::Method::POST, WEBHOOK)
            .raw("application/json", body.to_owned())
            .header("stripe-signature", signature)
    }

    /// Books with money that is there, server to server.
    pub fn creates_bookings(&self, payment: Uuid, trip: Uuid, who: &Traveller, items: Value) -> Call {
        let body = json!({ "paymentId": payment, "tripId": trip, "userId": who.id, "tripItems": items });
        self.api.post("/functions/v1/create-booking", body).by_service()
    }

    // What there is.

    /// A payment, as the office sees it.
    pub async fn payment(&self, id: Uuid) -> Value {
        self.api.get(format!("/api/admin/payments/{id}")).by_admin().await.is(200).data().clone()
    }

    pub async fn status(&self, payment: Uuid) -> String {
        self.payment(payment).await["status"].as_str().unwrap().to_owned()
    }

    /// (taken, held) seats of a slot.
    pub async fn seats(&self, slot: &Slot) -> (i32, i32) {
        self.api.school.seats(slot.id).await
    }

    /// The states of a payment's bookings, in order.
    pub async fn bookings(&self, payment: Uuid) -> Vec<String> {
        let sql = "SELECT status FROM bookings WHERE payment_id = $1 ORDER BY id";
        let rows = self.api.school.db.owner().await.query(sql, &[&payment]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How many rows there are.
    pub async fn count(&self, table_and_condition: &str) -> i64 {
        self.api.school.count(table_and_condition).await
    }

    /// Time goes by for a payment: its session and its hold end so many seconds from now.
    pub async fn time_goes_by(&self, payment: Uuid, pay_until: i64, expires_at: i64) {
        self.api.school.time_goes_by(payment, pay_until, expires_at).await;
    }

    /// What the server's worker does with holds that are due.
    pub async fn holds_end(&self) -> usize {
        let school = &self.api.school;
        surehold::workers::expired_holds::expire_once(&school.store, &school.desk).await.unwrap()
    }

    pub async fn laws_hold(&self) {
        self.api.school.laws_hold().await;
    }
}

/// Who checks out, and where they go afterwards.
pub fn checkout_of(who: &Traveller) -> Value {
    json!({
        "userId": who.id,
        "successUrl": "https://trips.example/thanks?session={CHECKOUT_SESSION_ID}",
        "cancelUrl": "https://trips.example/trip",
    })
}
