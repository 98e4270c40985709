//! Sessions whose time is over.

use std::time::Duration;

use serde_json::json;
use surehold_simulators::stripe::{Options, SessionStatus};

use super::support::*;

/// A shop whose sessions may be open for no time at all.
async fn hasty_shop() -> Shop {
    Shop::with(Options { shortest_session: Duration::ZERO, ..options() }).await
}

async fn create(shop: &Shop, expires_at: i64) -> serde_json::Value {
    let expires_at = expires_at.to_string();
    let mut form = purchase();
    form.push(("expires_at", &expires_at));
    shop.post("/v1/checkout/sessions", &form).await.ok()
}

#[tokio::test]
async fn a_session_expires_by_itself() {
    let shop = hasty_shop().await;
    create(&shop, now() + 1).await;
    // Nobody looks at the sessions: only the timer can make the event.
    let (receiver, simulator) = (Receiver::open().await, &shop.simulator);
    simulator.set_webhook(receiver.url(), SECRET);
    simulator.until(|_| receiver.kinds() == ["checkout.session.expired"]).await;
    assert_eq!(simulator.sessions()[0].status, SessionStatus::Expired);
}

#[tokio::test]
async fn nobody_sees_an_open_session_whose_time_is_over() {
    let shop = hasty_shop().await;
    let session = create(&shop, now() + 1).await;
    while now() < session["expires_at"].as_i64().unwrap() {
        tokio::task::yield_now().await;
    }
    let late = shop.retrieve(&session).await;
    assert_eq!((&late["status"], &late["url"]), (&json!("expired"), &json!(null)));
    assert!(shop.press(&session, "pay").await.header("location").unwrap().starts_with("/pay/"));
    assert!(shop.simulator.charges().is_empty());
    assert_eq!(shop.event_types(), ["checkout.session.expired"]);
}
