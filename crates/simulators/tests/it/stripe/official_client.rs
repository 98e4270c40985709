//! Stripe's official Node client, unchanged, against the simulator.

use super::support::*;

/// Not skipped where Node or the client is missing: then nobody would know that it never runs.
#[tokio::test]
async fn stripes_own_client_works_unchanged() {
    let (shop, receiver) = Shop::with_receiver().await;
    // It receives the webhooks itself, to check them with the client: it says where over the control route.
    drop(receiver);
    let settings = [("SIMULATOR_URL", shop.simulator.base_url()), ("SECRET_KEY", KEY), ("WEBHOOK_SECRET", SECRET)];
    node("stripe", "stripe_client.mjs", &settings).await;
    assert_eq!(shop.simulator.refunds().len(), 2);
}
