//! Nobody checks out, reads, cancels or refunds for somebody else.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::MarketplaceApi;
use crate::support::api::{Call, merged};
use crate::support::marketplace_api::{Held, JWT_SECRET, checkout_of, token, traveller};

/// Every route that needs to know who asks, about a trip that there is.
fn routes(shop: &MarketplaceApi, held: &Held, items: &Value, user: Uuid) -> Vec<Call> {
    let who = crate::support::marketplace_api::Traveller { id: user, token: String::new() };
    let booking = held.bookings[0];
    vec![
        shop.api.post(
            "/functions/v1/checkout",
            merged(checkout_of(&who), json!({ "tripItems": items, "tripId": held.trip })),
        ),
        shop.api.get(format!("/functions/v1/checkout/{}", held.session)),
        shop.api.post(format!("/functions/v1/bookings/{booking}/cancel"), json!({ "userId": user })),
        shop.api.post(format!("/functions/v1/bookings/{booking}/refund"), json!({ "userId": user })),
        shop.api
            .call(Method::POST, "/functions/v1/create-booking")
            .json(&json!({ "paymentId": held.payment, "tripId": held.trip, "userId": user, "tripItems": items })),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_token_nothing_is_told_or_done() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    let items = json!([slot.item(1)]);
    let held = shop.held(&ann, items.clone()).await;
    let student = shop.api.enrols("S1", json!({ "cs_credits": 1 })).await;
    let student = shop.api.logs_in(&student).await;
    let bad = [
        token(ann.id, "another-secret-with-at-least-32-characters", |_| {}),
        token(ann.id, JWT_SECRET, |claims| claims["exp"] = 1_700_000_000.into()),
        token(ann.id, JWT_SECRET, |claims| claims["role"] = "anon".into()),
        token(ann.id, JWT_SECRET, |claims| claims["role"] = "service_role".into()),
        token(ann.id, JWT_SECRET, |claims| claims["sub"] = "ann".into()),
        token(ann.id, JWT_SECRET, |claims| drop(claims.as_object_mut().unwrap().remove("sub"))),
        token(ann.id, JWT_SECRET, |claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        format!("{}x", ann.token),
        "surehold_service_nonsense".to_owned(),
        "nonsense".to_owned(),
    ];
    for credential in &bad {
        for call in routes(&shop, &held, &items, ann.id) {
            call.bearer(credential).await.refused(401, "UNAUTHENTICATED");
        }
    }
    for call in routes(&shop, &held, &items, ann.id) {
        call.await.refused(401, "UNAUTHENTICATED");
    }
    // A student's token is a good one, for the school.
    for call in routes(&shop, &held, &items, ann.id) {
        let answer = call.bearer(&student).await;
        assert!([401, 403].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(shop.status(held.payment).await, "pending");
    assert_eq!(shop.count("payments").await, 1);
    shop.laws_hold().await;
}

/// A traveller's token opens no door of the school's, and no office.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_travellers_token_is_none_of_the_schools() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    let booking = held.bookings[0];
    for path in [
        "/api/admin/payments",
        "/api/admin/audit",
        "/api/admin/contacts",
        &format!("/api/admin/payments/{}", held.payment),
    ] {
        shop.api.get(path).bearer(&ann.token).await.refused(403, "FORBIDDEN");
    }
    for call in [
        shop.api.get("/api/bookings/list"),
        shop.api.get(format!("/api/bookings/{booking}")),
        shop.api.delete(format!("/api/bookings/{booking}")),
    ] {
        call.bearer(&ann.token).await.refused(401, "UNAUTHENTICATED");
    }
    assert_eq!(shop.bookings(held.payment).await, ["confirmed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_users_trip_is_no_trip() {
    let shop = MarketplaceApi::open().await;
    let [slot, other] = shop.slots([9, 9]).await;
    let (ann, bob) = (traveller(), traveller());
    let items = json!([slot.item(1)]);
    let held = shop.held(&ann, items.clone()).await;
    let paid = shop.books(&ann, json!([other.item(1)])).await;

    // In her name, with his token.
    shop.checks_out(&ann, json!({ "tripItems": items })).bearer(&bob.token).await.refused(403, "FORBIDDEN");
    // Into her trip, by its id.
    for trip in [held.trip, paid.trip] {
        let into = json!({ "tripItems": [slot.item(2)], "tripId": trip });
        shop.checks_out(&bob, into.clone()).bearer(&bob.token).await.refused(404, "TRIP_NOT_FOUND");
        shop.checks_out(&bob, into).by_service().await.refused(404, "TRIP_NOT_FOUND");
    }
    for session in [&held.session, &paid.session, "cs_test_unknown", "cs_test_a%2F..%2Fx"] {
        let answer = shop.comes_back(&bob, session).await;
        answer.refused(404, "CHECKOUT_NOT_FOUND");
    }
    shop.cancels(&bob, paid.bookings[0]).await.refused(404, "BOOKING_NOT_FOUND");
    shop.cancels(&bob, Uuid::new_v4()).await.refused(404, "BOOKING_NOT_FOUND");
    let refund = format!("/functions/v1/bookings/{}/refund", paid.bookings[0]);
    shop.api.post(&refund, json!({})).bearer(&bob.token).await.refused(404, "BOOKING_NOT_FOUND");
    shop.api.post(&refund, json!({ "userId": ann.id })).bearer(&bob.token).await.refused(403, "FORBIDDEN");
    // A service key acts for whom it names.
    shop.api.post(&refund, json!({ "userId": bob.id })).by_service().await.refused(404, "BOOKING_NOT_FOUND");
    shop.api.post(&refund, json!({})).by_service().await.names_bad_fields(&["userId"]);
    shop.api.post("/functions/v1/checkout", json!({ "tripItems": items })).by_service().await.names_bad_fields(&[
        "cancelUrl",
        "successUrl",
        "userId",
    ]);
    assert_eq!(shop.bookings(paid.payment).await, ["confirmed"]);
    assert_eq!(shop.status(held.payment).await, "pending");
    assert_eq!(shop.seats(&slot).await, (0, 1));

    let answer = shop.api.post(&refund, json!({ "userId": ann.id })).by_service().await.is(200);
    assert_eq!(answer.body["booking"]["status"], "cancelled");
    let audit = shop.api.audit("booking", paid.bookings[0]).await;
    let cancelled = audit.rows().iter().find(|row| row["event"] == "booking.cancelled").unwrap();
    assert_eq!(cancelled["on_behalf_of"], format!("user:{}", ann.id));
    assert!(cancelled["actor"].as_str().unwrap().starts_with("key:"));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_know_nothing_of_each_other() {
    let shop = MarketplaceApi::open().await;
    shop.api.meddles("UPDATE orgs SET hosts = '{school.example}'").await;
    let islands = shop.api.another_org("islands", &["islands.example"]).await;
    let [slot] = shop.slots([9]).await;
    let theirs = shop.slot_of_others(islands.org_id, 700).await;
    let ann = traveller();
    let ask = |host: &str, items: Value, more: Value| {
        shop.checks_out(&ann, merged(json!({ "tripItems": items }), more)).bearer(&ann.token).header("host", host)
    };
    // What is known of organisations may be some seconds old.
    let there = || async { ask("islands.example", json!([theirs.item(1)]), json!({})).await.status != 401 };
    crate::support::marketplace_api::until("both are known", there).await;
    let here = Held::of(&ask("school.example", json!([slot.item(1)]), json!({})).await.is(201));
    let there = ask("islands.example", json!([theirs.item(1)]), json!({})).await;
    assert_eq!((&there.body["currency"], &there.body["amount"]), (&json!("eur"), &json!(700)));
    let there = Held::of(&there);

    ask("islands.example", json!([slot.item(1)]), json!({})).await.refused(404, "SLOT_NOT_FOUND");
    ask("school.example", json!([theirs.item(1)]), json!({})).await.refused(404, "SLOT_NOT_FOUND");
    shop.comes_back(&ann, &here.session).header("host", "islands.example").await.refused(404, "CHECKOUT_NOT_FOUND");
    shop.api
        .get(format!("/functions/v1/checkout/{}", here.session))
        .bearer(&islands.service)
        .await
        .refused(404, "CHECKOUT_NOT_FOUND");
    let cancel = format!("/functions/v1/bookings/{}/cancel", here.bookings[0]);
    shop.api.post(&cancel, json!({})).bearer(&islands.admin).await.refused(404, "BOOKING_NOT_FOUND");
    shop.api
        .post(&cancel, json!({ "userId": ann.id }))
        .bearer(&islands.service)
        .await
        .refused(404, "BOOKING_NOT_FOUND");
    shop.api
        .get(format!("/api/admin/payments/{}", here.payment))
        .bearer(&islands.admin)
        .await
        .refused(404, "PAYMENT_NOT_FOUND");
    // The same trip's id in two organisations is two trips.
    let twin = json!({ "tripId": here.trip });
    let other = Held::of(&ask("islands.example", json!([theirs.item(2)]), twin).await.is(201));
    assert_eq!(other.trip, here.trip);
    assert_ne!(other.payment, there.payment);
    ask("elsewhere.example", json!([slot.item(1)]), json!({})).await.refused(401, "UNAUTHENTICATED");
    shop.laws_hold().await;
}
