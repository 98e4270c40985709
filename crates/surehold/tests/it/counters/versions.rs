//! Never an older number over a newer one.

use std::time::Duration;

use jiff::Timestamp;
use surehold::counters::{Redis, Written};
use surehold::store::counters::SeatCount;
use uuid::Uuid;

use crate::support::redis_server::RedisServer;

struct Session {
    server: RedisServer,
    redis: Redis,
    id: Uuid,
}

impl Session {
    async fn new() -> Session {
        let server = RedisServer::start().await;
        let redis = Redis::new(server.setting().of("school").unwrap(), Duration::from_secs(60));
        Session { server, redis, id: Uuid::now_v7() }
    }

    fn count(&self, in_use: i32, version: i64) -> SeatCount {
        SeatCount { slot_id: self.id, hubspot_id: None, in_use, version }
    }

    async fn sets(&mut self, in_use: i32, version: i64) -> Written {
        let count = self.count(in_use, version);
        self.redis.set(&[count]).await.unwrap()
    }

    async fn counter(&self) -> i64 {
        self.server.says(&format!("GET exam:{}:bookings", self.id)).await
    }
}

const NEWS: Written = Written { news: 1, corrected: 0, newer: 0 };
const CORRECTED: Written = Written { news: 0, corrected: 1, newer: 0 };
const NEWER: Written = Written { news: 0, corrected: 0, newer: 1 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_number_is_not_written_over_a_newer_one() {
    let mut session = Session::new().await;
    assert_eq!(session.sets(3, 9).await, NEWS);
    assert_eq!(session.sets(2, 8).await, NEWER);
    assert_eq!(session.counter().await, 3);
    // As numbers, not as texts.
    assert_eq!(session.sets(4, 10).await, NEWS);
    assert_eq!(session.sets(3, 9).await, NEWER);
    assert_eq!(session.counter().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_version_is_written_again() {
    let mut session = Session::new().await;
    session.sets(3, 9).await;
    assert_eq!(session.sets(3, 9).await, Written::default());
    session.server.says::<i64>(&format!("INCR exam:{}:bookings", session.id)).await;
    assert_eq!(session.sets(3, 9).await, CORRECTED);
    assert_eq!(session.counter().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_somebody_left_at_a_key_is_written_over() {
    let mut session = Session::new().await;
    let key = format!("exam:{}:bookings", session.id);
    session.server.says::<i64>(&format!("RPUSH {key} a b")).await;
    session.server.says::<()>(&format!("SET {key}:version soon")).await;
    assert_eq!(session.sets(3, 9).await, NEWS);
    assert_eq!(session.counter().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_set_at_once() {
    let mut session = Session::new().await;
    let of = |i: i32| SeatCount { slot_id: Uuid::now_v7(), hubspot_id: Some(format!("7{i}")), in_use: i, version: 1 };
    let counts: Vec<SeatCount> = (0..1_000).map(of).collect();
    assert_eq!(session.redis.set(&counts).await.unwrap().news, 2_000);
    assert_eq!(session.server.says::<i64>("GET exam:7999:bookings").await, 999);
    assert_eq!(session.server.says::<i64>(&format!("GET exam:{}:bookings", counts[500].slot_id)).await, 500);
    assert_eq!(session.server.says::<i64>("DBSIZE").await, 4_000);
}

/// Between the beginning and the end of a sweep everything may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_while_it_was_filled_is_not_taken_for_filled() {
    let (mut session, org_id) = (Session::new().await, Uuid::now_v7());
    let now = Timestamp::now();
    assert_eq!(session.redis.is_right_up_to(org_id).await.unwrap(), None);
    session.redis.begins_anew(org_id).await.unwrap();
    assert_eq!(session.redis.is_right_up_to(org_id).await.unwrap(), Some(Timestamp::UNIX_EPOCH));
    session.redis.was_right_at(org_id, now).await.unwrap();
    let noted = session.redis.is_right_up_to(org_id).await.unwrap().unwrap();
    assert_eq!(noted.as_microsecond(), now.as_microsecond());

    session.server.says::<()>("FLUSHALL").await;
    session.redis.was_right_at(org_id, now).await.unwrap();
    assert_eq!(session.redis.is_right_up_to(org_id).await.unwrap(), None);
    session.server.says::<()>(&format!("SET surehold:counters:{org_id} {}", i64::MIN)).await;
    assert_eq!(session.redis.is_right_up_to(org_id).await.unwrap(), None);
}
