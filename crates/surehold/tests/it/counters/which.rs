//! Which sessions have counters, and which have none.

use std::collections::HashMap;

use surehold::counters::Keeper;
use uuid::Uuid;

use super::FOLLOWING;
use crate::support::School;
use crate::support::redis_server::RedisServer;

/// Everything is looked at, and told, as often as could be.
async fn is_kept(school: &School, redis: &RedisServer, sessions: &[Uuid]) {
    let mut keeper = Keeper::new(school.store.clone(), redis.setting(), FOLLOWING);
    keeper.sweep().await.unwrap();
    keeper.follow(&HashMap::from([(school.org_id, sessions.to_vec())])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_experiences_have_none() {
    let (school, redis) = (School::open().await, RedisServer::start().await);
    let (exam, tour) = (school.session("Situational Judgment", 5).await, school.session("Clinical Skills", 5).await);
    let is_a_tour = "UPDATE offerings SET family = 'experience' WHERE name = 'Clinical Skills'";
    school.db.owner().await.batch_execute(is_a_tour).await.unwrap();
    is_kept(&school, &redis, &[exam, tour]).await;
    let mut keys: Vec<String> = redis.says("KEYS exam:*").await;
    keys.sort();
    assert_eq!(keys, [format!("exam:{exam}:bookings"), format!("exam:{exam}:bookings:version")]);
}

/// Storms make them, at any deployment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_organisations_have_none() {
    let (school, redis) = (School::open().await, RedisServer::start().await);
    let session = school.session("Clinical Skills", 5).await;
    school.db.owner().await.batch_execute("UPDATE orgs SET is_test = true").await.unwrap();
    is_kept(&school, &redis, &[session]).await;
    assert_eq!(redis.says::<i64>("DBSIZE").await, 0);
}
