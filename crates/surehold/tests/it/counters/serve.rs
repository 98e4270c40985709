//! `surehold serve` with a Redis, and metrics.

use std::process::Stdio;
use std::time::Duration;

use surehold::counters::{Keeper, Redises};
use tokio::process::Command;
use tokio::time::timeout;

use super::{CountedSchool, FOLLOWING, SWEEPING};
use crate::support::Api;
use crate::support::redis_server::RedisServer;

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");

fn command(word: &str, counted: &CountedSchool) -> Command {
    let mut command = Command::new(BINARY);
    command.args([word, "--listen", "127.0.0.1:0"]).kill_on_drop(true);
    command.env("SUREHOLD_DATABASE_URL", &counted.school.db.url).env_remove("SUREHOLD_REDIS_URL");
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_keeps_the_counters_of_the_redis_that_its_variable_names() {
    for variable in ["SUREHOLD_REDIS_URL", "REDIS_URL"] {
        let mut counted = CountedSchool::open(FOLLOWING).await;
        counted.keepers.shutdown().await;
        let session = counted.school.session("Clinical Skills", 5).await;
        counted.books("ANN", session).await;
        assert_eq!(counted.counter(session).await, None);
        let url = format!("school={}", counted.redis.url());
        let _server = command("serve", &counted)
            .env_remove("REDIS_URL")
            .env(variable, url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        counted.reads(session, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_cannot_be_is_said_at_the_start() {
    let counted = CountedSchool::open(FOLLOWING).await;
    counted.school.neighbour("other").await;
    for (url, expected) in [
        ("http://redis", "SUREHOLD_REDIS_URL: entry 1 is not a URL of Redis"),
        (&*counted.redis.url(), "several organisations (school, other)"),
    ] {
        let mut server = command("serve", &counted);
        let ended = timeout(Duration::from_secs(60), server.env("SUREHOLD_REDIS_URL", url).output());
        let ended = ended.await.expect("it ends by itself").unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_was_written_and_corrected() {
    let api = Api::open().await;
    // Metrics are the process's, and other tests count there, too: not for a school of this name.
    let school = api.school.neighbour("metered").await;
    let redis = RedisServer::start().await;
    let setting = format!("metered={}", redis.url()).into();
    let redises = Redises::read("SUREHOLD_REDIS_URL", &setting).unwrap();
    let mut keeper = Keeper::new(school.store.clone(), redises, SWEEPING);
    let session = school.session("Clinical Skills", 5).await;
    keeper.sweep().await.unwrap();
    redis.says::<i64>(&format!("INCR exam:{session}:bookings")).await;
    keeper.sweep().await.unwrap();

    let answer = api.get("/metrics").await.is(200);
    let text = answer.body.as_str().unwrap();
    for line in [
        "surehold_counters_written_total{org=\"metered\"} 1",
        "surehold_counters_corrected_total{org=\"metered\"} 1",
        "surehold_counters_lag_seconds{org=\"metered\"} ",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n{text}");
    }
}
