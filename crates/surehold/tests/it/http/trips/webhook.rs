//! Stripe's webhook: what is genuine, what is stored, and that nothing happens twice.

use jiff::Timestamp;
use serde_json::{Value, json};
use surehold::desk::DeskOptions;
use surehold_simulators::stripe::{Action, Chance, Drop, WebhookEndpoint};
use uuid::Uuid;

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, WEBHOOK, WEBHOOK_SECRET, accounts, traveller};
use crate::support::stripe_client::{signed, stripe_client};

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// The body of an event about an object, with the line breaks that Stripe sends.
pub(super) fn event(kind: &str, object: &Value) -> String {
    let event = json!({
        "id": format!("evt_{}", Uuid::new_v4().simple()), "object": "event", "api_version": "2025-09-30.clover",
        "created": now(), "livemode": false, "pending_webhooks": 1, "request": null, "type": kind,
        "data": { "object": object },
    });
    format!("{event:#}")
}

/// Says an event as Stripe's own client signs it.
pub(super) async fn says(shop: &MarketplaceApi, kind: &str, object: &Value) -> String {
    let body = event(kind, object);
    let [header]: [String; 1] = signed(&[(&body, WEBHOOK_SECRET, now())]).await.try_into().unwrap();
    shop.hears(&body, &header).await.is(200);
    let event: Value = serde_json::from_str(&body).unwrap();
    event["id"].as_str().unwrap().to_owned()
}

async fn stored(shop: &MarketplaceApi) -> i64 {
    shop.count("stripe_events").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_settled_by_its_event_which_is_stored_with_it() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.held(&ann, json!([a.item(2), b.item(1)])).await;

    shop.pays(&held.session).await;

    assert_eq!(shop.bookings(held.payment).await, ["confirmed", "confirmed"]);
    let completed = |event: &&Value| event["type"] == "checkout.session.completed";
    let event = shop.stripe.events().iter().find(completed).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.count(&format!("stripe_events WHERE id = '{event}'")).await, 1);
    // Every change says which event caused it, the bookings' own rows, too.
    for booking in &held.bookings {
        let audit = shop.api.audit("booking", booking).await;
        let rows = audit.rows();
        let confirmed = rows.iter().find(|row| row["event"] == "booking.confirmed").unwrap();
        assert_eq!((&confirmed["stripe_event_id"], &confirmed["actor"]), (&json!(event), &json!("system:stripe")));
        let made = rows.iter().find(|row| row["event"] == "booking.held").unwrap();
        assert_eq!((made.get("stripe_event_id"), &made["actor"]), (None, &json!(format!("user:{}", ann.id))));
    }
    assert_eq!(shop.count(&format!("journal WHERE stripe_event_id = '{event}' AND entity = 'trip'")).await, 1);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_late_and_in_any_order_it_happens_once() {
    let shop = MarketplaceApi::open().await;
    let slots = shop.slots([50, 50]).await;
    shop.stripe.faults().change(|faults| {
        let webhooks = &mut faults.webhooks;
        webhooks.duplicate = Some(Chance::Probability(0.7));
        webhooks.twin = Some(Chance::Probability(0.7));
        webhooks.reorder = true;
        webhooks.delay_ms = Some((0, 60));
        webhooks.drop = vec![Drop { kind: None, times: 10, retried: true }];
    });
    let mut held = Vec::new();
    for number in 0..8 {
        let who = traveller();
        let trip = shop.held(&who, json!([slots[0].item(1), slots[1].item(2)])).await;
        let action = [Action::Pay, Action::PayLater, Action::Expire, Action::PayLater][number % 4];
        shop.stripe.act(&trip.session, action).unwrap();
        match number % 4 {
            1 => drop(shop.stripe.act(&trip.session, Action::AsyncSucceed).unwrap()),
            3 => drop(shop.stripe.act(&trip.session, Action::AsyncFail).unwrap()),
            _ => {}
        }
        held.push(trip);
    }
    shop.delivered().await;

    let ends = ["succeeded", "succeeded", "failed", "failed"];
    for (number, trip) in held.iter().enumerate() {
        assert_eq!(shop.status(trip.payment).await, ends[number % 4], "trip {number}");
    }
    assert_eq!((shop.seats(&slots[0]).await, shop.seats(&slots[1]).await), ((4, 0), (8, 0)));
    assert_eq!(shop.count("journal WHERE event = 'booking.confirmed'").await, 8);
    assert_eq!(shop.count("journal WHERE event = 'booking.expired'").await, 8);
    assert_eq!(stored(&shop).await as usize, shop.stripe.events().len(), "every event is stored");
    assert!(shop.stripe.refunds().is_empty());

    // All of them once more.
    let before = shop.count("journal").await;
    let events: Vec<String> = shop.stripe.events().iter().map(|event| format!("{event:#}")).collect();
    let jobs: Vec<_> = events.iter().map(|body| (body.as_str(), WEBHOOK_SECRET, now())).collect();
    let headers = signed(&jobs).await;
    for (body, header) in events.iter().zip(&headers) {
        shop.hears(body, header).await.is(200);
    }
    assert_eq!(shop.count("journal").await, before);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_type_is_stored_and_does_nothing() {
    let shop = MarketplaceApi::open().await;
    let events = [
        ("invoice.paid", json!({ "id": "in_1", "object": "invoice" })),
        ("a.type.of.next.year", json!({ "object": { "deep": [1, 2] } })),
        // Of sessions and payments that are not ours.
        (
            "checkout.session.completed",
            json!({
                "id": "cs_test_x", "object": "checkout.session", "status": "complete", "payment_status": "paid",
                "amount_total": 5000, "currency": "usd", "expires_at": now(), "client_reference_id": Uuid::new_v4(),
                "metadata": { "payment_id": Uuid::new_v4() },
            }),
        ),
        (
            "checkout.session.expired",
            json!({
                "id": "cs_test_y", "object": "checkout.session", "status": "expired", "payment_status": "unpaid",
                "expires_at": now(), "client_reference_id": "order 7", "metadata": {},
            }),
        ),
        (
            "charge.refunded",
            json!({
                "id": "ch_x", "object": "charge", "amount": 100, "amount_refunded": 100, "currency": "usd",
                "payment_intent": "pi_unknown", "refunded": true, "metadata": {}, "created": now(),
            }),
        ),
    ];
    for (number, (kind, object)) in events.iter().enumerate() {
        let id = says(&shop, kind, object).await;
        assert_eq!(shop.count(&format!("stripe_events WHERE id = '{id}' AND type = '{kind}'")).await, 1);
        assert_eq!(stored(&shop).await as usize, number + 1);
    }
    assert_eq!(shop.count("payments").await + shop.count("journal WHERE stripe_event_id IS NOT NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_genuine_is_not_stored() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    let session = shop.stripe.session(&held.session).unwrap();
    let paid = json!({
        "id": held.session, "object": "checkout.session", "status": "complete", "payment_status": "paid",
        "amount_total": 5000, "currency": "usd", "expires_at": session.expires_at, "payment_intent": "pi_forged",
        "client_reference_id": held.payment, "metadata": session.metadata,
    });
    let body = event("checkout.session.completed", &paid);
    let compact = serde_json::from_str::<Value>(&body).unwrap().to_string();
    let cases = [
        ("of another secret", body.as_str(), "whsec_of_somebody_else", now()),
        ("old", &body, WEBHOOK_SECRET, now() - 301),
        ("of the future", &body, WEBHOOK_SECRET, now() + 310),
        ("of the same body, written otherwise", &compact, WEBHOOK_SECRET, now()),
    ];
    let jobs: Vec<_> = cases.iter().map(|(_, body, secret, at)| (*body, *secret, *at)).collect();
    let headers = signed(&jobs).await;
    for ((what, ..), header) in cases.iter().zip(&headers) {
        let answer = shop.hears(&body, header).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_SIGNATURE"), "{what}");
    }
    let good = &signed(&[(&body, WEBHOOK_SECRET, now())]).await[0];
    let time = good.split(',').next().unwrap();
    for header in
        ["", "nonsense", time, "v1=00", &format!("{time},v1="), &format!("{time},v1=zz"), &good.replace("v1=", "v0=")]
    {
        shop.hears(&body, header).await.refused(400, "INVALID_SIGNATURE");
    }
    let bare = shop.api.call(reqwest::Method::POST, WEBHOOK).raw("application/json", body.clone()).await;
    bare.refused(400, "INVALID_SIGNATURE");
    // Genuine, but not an event.
    for nonsense in ["", "{}", "[]", "null", r#"{"id":"evt_1","object":"event"}"#] {
        let header = &signed(&[(nonsense, WEBHOOK_SECRET, now())]).await[0];
        let answer = shop.hears(nonsense, header).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_EVENT"), "{nonsense:?}");
    }
    assert_eq!(stored(&shop).await, 0);
    assert_eq!(shop.status(held.payment).await, "pending");

    // What Stripe's own client says of one of them; and the edge of five minutes is still good.
    let verify = json!({ "job": "verify", "payload": body, "header": headers[0], "secret": WEBHOOK_SECRET });
    assert_eq!(stripe_client("http://127.0.0.1:1", &[verify]).await, [Value::Null]);
    let edge = &signed(&[(&body, WEBHOOK_SECRET, now() - 290)]).await[0];
    shop.hears(&body, edge).await.is(200);
    assert_eq!(stored(&shop).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_secret_is_rolled_either_is_good() {
    let shop = MarketplaceApi::with(DeskOptions::default(), |options| {
        options.stripe = accounts("whsec_older,whsec_newer", "http://127.0.0.1:1");
    })
    .await;
    let object = json!({ "id": "in_1", "object": "invoice" });
    for (number, secret) in ["whsec_older", "whsec_newer"].into_iter().enumerate() {
        let body = event("invoice.paid", &object);
        let headers = signed(&[(&body, secret, now()), (&body, "whsec_gone", now())]).await;
        shop.hears(&body, &headers[1]).await.refused(400, "INVALID_SIGNATURE");
        // Stripe signs with both while it rolls, in any order: the right one counts wherever it stands.
        let (good, bad) = (headers[0].split_once(',').unwrap(), headers[1].split_once(',').unwrap());
        let both = if number == 0 {
            format!("{},{},{}", good.0, good.1, bad.1)
        } else {
            format!("{},{},{}", good.0, bad.1, good.1)
        };
        shop.hears(&body, &both).await.is(200);
        shop.hears(&body, &headers[0]).await.is(200);
    }
    assert_eq!(stored(&shop).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organisation_has_its_own_webhook() {
    let secrets = "school=whsec_school,islands=whsec_islands|whsec_islands_new";
    let shop = MarketplaceApi::with(DeskOptions::default(), |options| {
        options.stripe = accounts(secrets, "http://127.0.0.1:1");
    })
    .await;
    let islands = shop.api.another_org("islands", &["islands.example"]).await;
    let body = event("invoice.paid", &json!({ "id": "in_1", "object": "invoice" }));
    let headers = signed(&["whsec_school", "whsec_islands_new"].map(|secret| (body.as_str(), secret, now()))).await;
    let hears = |path: &str, header: &str| {
        let call = shop.api.call(reqwest::Method::POST, path).raw("application/json", body.clone());
        call.header("stripe-signature", header)
    };
    let (of_school, of_islands) = (format!("{WEBHOOK}/school"), format!("{WEBHOOK}/islands"));
    hears(&of_school, &headers[1]).await.refused(400, "INVALID_SIGNATURE");
    hears(&of_islands, &headers[0]).await.refused(400, "INVALID_SIGNATURE");
    hears(&format!("{WEBHOOK}/nobody"), &headers[0]).await.refused(400, "ORG_UNKNOWN");
    hears(WEBHOOK, &headers[0]).await.refused(400, "ORG_UNKNOWN");
    assert_eq!(stored(&shop).await, 0);
    hears(&of_school, &headers[0]).await.is(200);
    hears(&of_islands, &headers[1]).await.is(200);
    hears(WEBHOOK, &headers[1]).header("host", "islands.example").await.is(200);
    // The same event's id in two organisations is two events.
    for org in [shop.api.school.org_id, islands.org_id] {
        assert_eq!(shop.count(&format!("stripe_events WHERE org_id = '{org}'")).await, 1);
    }
}

/// Whose event it is, the event says; that of a test organisation comes to the host's address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_another_organisation_with_the_same_account_is_heard_there() {
    let shop = MarketplaceApi::open().await;
    let made = shop.api.post("/api/admin/test-orgs", json!({})).by_admin().await.is(201);
    let [org, admin, service] = ["org_id", "admin_key", "service_key"].map(|name| made.data()[name].as_str().unwrap());
    let office = async |path: &str, body: Value| shop.api.post(path, body).bearer(admin).await.is(201).data().clone();
    let sail = office("/api/admin/experiences", json!({ "name": "Sail", "price": 5000 })).await;
    let sail = sail["id"].as_str().unwrap();
    let times = json!({ "date": "2030-05-04", "time": "18:00", "durationMinutes": 60, "capacity": 2 });
    let opened = office(&format!("/api/admin/experiences/{sail}/slots"), times).await;
    let items = json!([{ "experienceId": sail, "slotId": opened["slots"][0]["id"], "guestCount": 2 }]);
    let held = Held::of(&shop.checks_out(&traveller(), json!({ "tripItems": items })).bearer(service).await.is(201));

    shop.pays(&held.session).await;
    assert_eq!(shop.bookings(held.payment).await, ["confirmed"]);
    let path = format!("/functions/v1/bookings/{}/cancel", held.bookings[0]);
    shop.api.post(path, json!({})).bearer(admin).await.is(200);
    let test_org = shop.org_of(org.parse().unwrap()).await;
    shop.cashier.push_refunds(&test_org).await.unwrap();
    shop.delivered().await;

    // Also what Stripe says of the refund: nothing of it is the host's.
    let events = i64::try_from(shop.stripe.events().len()).unwrap();
    assert_eq!(shop.count(&format!("stripe_events WHERE org_id = '{org}'")).await, events);
    assert_eq!(stored(&shop).await, events);
    shop.laws_hold().await;
}

/// An organisation whose webhook has another secret is out of reach of this one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_not_heard_for_an_organisation_that_has_not_signed_it() {
    let secrets = "school=whsec_school,islands=whsec_islands";
    let shop = MarketplaceApi::with(DeskOptions::default(), |options| {
        options.stripe = accounts(secrets, "http://127.0.0.1:1");
    })
    .await;
    let islands = shop.api.another_org("islands", &["islands.example"]).await;
    let school = shop.api.school.org_id;
    let recorded = shop.records(&traveller(), 5000, "usd").await;
    let session = json!({ "id": "cs_1", "object": "checkout.session", "status": "expired", "payment_status": "unpaid",
        "expires_at": now(), "metadata": { "org_id": school, "payment_id": recorded } });
    let body = event("checkout.session.expired", &session);
    let jobs = ["whsec_islands", "whsec_school"].map(|secret| (body.as_str(), secret, now()));
    let headers = signed(&jobs).await;
    let hears = |header: &str| shop.hears(&body, header).header("host", "islands.example");

    hears(&headers[1]).await.refused(400, "INVALID_SIGNATURE");
    assert_eq!(stored(&shop).await, 0);
    hears(&headers[0]).await.is(200);
    assert_eq!(shop.count(&format!("stripe_events WHERE org_id = '{}'", islands.org_id)).await, 1);
    assert_eq!(shop.count(&format!("stripe_events WHERE org_id = '{school}'")).await, 0);
    assert_eq!(shop.status(recorded).await, "succeeded");
}

/// The database is away: Stripe is told to come again, and does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_stored_is_not_acknowledged() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    // An effect that the database will not take.
    let owner = shop.api.school.db.owner().await;
    let unlucky = format!(
        "ALTER TABLE payments ADD CONSTRAINT unlucky CHECK (id <> '{}' OR status <> 'succeeded')",
        held.payment
    );
    owner.batch_execute(&unlucky).await.unwrap();
    shop.stripe.act(&held.session, Action::Pay).unwrap();
    let refused = |stripe: &surehold_simulators::stripe::Simulator| {
        stripe
            .undelivered()
            .iter()
            .any(|delivery| delivery.attempts > 1 && delivery.last_failure.as_deref().is_some_and(|f| f.contains("50")))
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), shop.stripe.until(refused)).await.expect("it is refused");
    assert_eq!(
        shop.count("stripe_events WHERE type = 'checkout.session.completed'").await,
        0,
        "no event without its effect"
    );
    assert_eq!(shop.status(held.payment).await, "pending");

    owner.batch_execute("ALTER TABLE payments DROP CONSTRAINT unlucky").await.unwrap();
    shop.delivered().await;
    assert_eq!(shop.status(held.payment).await, "succeeded");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulators_own_signature_is_good_under_each_of_its_secrets() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    let secrets = vec!["whsec_unknown_here".to_owned(), WEBHOOK_SECRET.to_owned()];
    shop.stripe.set_webhooks(vec![WebhookEndpoint { url: format!("{}{WEBHOOK}", shop.api.url), secrets }]);
    shop.pays(&held.session).await;
    assert_eq!(shop.status(held.payment).await, "succeeded");
}
