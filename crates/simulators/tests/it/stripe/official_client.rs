//! Stripe's official Node client, unchanged, against the simulator.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::support::*;

/// Not skipped where Node or the client is missing: then nobody would know that it never runs.
#[tokio::test]
async fn stripes_own_client_works_unchanged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    assert!(folder.join("node_modules/stripe").is_dir(), "Stripe's client is not installed: run scripts/setup test");
    let (shop, receiver) = Shop::with_receiver().await;
    // It receives the webhooks itself, to check them with the client: it says where over the control route.
    drop(receiver);
    let run = Command::new("node")
        .arg("official_client.mjs")
        .current_dir(&folder)
        .env("SIMULATOR_URL", shop.simulator.base_url())
        .env("SECRET_KEY", KEY)
        .env("WEBHOOK_SECRET", SECRET)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("it ends")
        .expect("node runs: scripts/setup test");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all steps done\n"), "{said}\n{complained}");
    assert_eq!(shop.simulator.refunds().len(), 2);
}
