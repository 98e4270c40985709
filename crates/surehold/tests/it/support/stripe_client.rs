//! Stripe's official Node client: it signs events as Stripe does, and reads the simulator as any shop would.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::marketplace_api::STRIPE_KEY;

/// Does jobs (`tests/node/stripe_jobs.mjs` says which there are) and gives their answers in order. Not skipped where
/// Node or the client is missing: then nobody would know that it never runs.
pub async fn stripe_client(stripe_url: &str, jobs: &[Value]) -> Vec<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = here.join("../simulators/tests/node/node_modules/stripe");
    assert!(packages.is_dir(), "Stripe's client is not installed: run scripts/setup test");
    let mut node = Command::new("node")
        .arg(here.join("tests/node/stripe_jobs.mjs"))
        .env("STRIPE_URL", stripe_url)
        .env("STRIPE_KEY", STRIPE_KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node runs: scripts/setup test");
    let lines: String = jobs.iter().map(|job| format!("{job}\n")).collect();
    let mut stdin = node.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).await.expect("it listens");
    drop(stdin);
    let output =
        tokio::time::timeout(Duration::from_secs(60), node.wait_with_output()).await.expect("it ends").expect("an end");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), jobs.len(), "{said}");
    answers
}

/// Headers for payloads, each signed with a secret at a time (in seconds since 1970).
pub async fn signed(payloads: &[(&str, &str, i64)]) -> Vec<String> {
    let jobs: Vec<Value> = payloads
        .iter()
        .map(|(payload, secret, at)| json!({ "job": "sign", "payload": payload, "secret": secret, "timestamp": at }))
        .collect();
    let headers = stripe_client("http://127.0.0.1:1", &jobs).await;
    headers.into_iter().map(|header| header.as_str().expect("a header").to_owned()).collect()
}
