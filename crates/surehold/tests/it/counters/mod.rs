//! Counters in Redis, against a Redis of the test's own.

mod follow;
mod foreign;
mod outages;
mod serve;
mod versions;
mod which;

use std::future::pending;
use std::time::Duration;

use surehold::counters::{CounterOptions, Counters};
use surehold::desk::{ChangedSlots, DeskOptions};
use surehold::store::import_rows;
use surehold::workers::counters;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::School;
use crate::support::marketplace_api::until;
use crate::support::redis_server::RedisServer;

/// Nobody waits for it.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// At once after a change; nothing is looked at again.
const FOLLOWING: CounterOptions =
    CounterOptions { pause: Duration::from_millis(1), sweep_every: NEVER, answer_time_max: Duration::from_secs(2) };
/// Nothing is followed; everything that may be wrong is looked at again and again.
const SWEEPING: CounterOptions = CounterOptions { pause: NEVER, sweep_every: Duration::from_millis(30), ..FOLLOWING };

/// A school with a Redis, and what keeps the counters there.
struct CountedSchool {
    school: School,
    redis: RedisServer,
    /// What its server has changed.
    changed_slots: ChangedSlots,
    /// They go on until it is dropped.
    keepers: JoinSet<()>,
}

impl CountedSchool {
    async fn open(options: CounterOptions) -> CountedSchool {
        let changed_slots = ChangedSlots::default();
        // Nobody takes from it what nobody follows.
        let noted = (options.pause != NEVER).then(|| changed_slots.clone());
        let school = School::with(DeskOptions { changed_slots: noted, ..DeskOptions::default() }).await;
        let redis = RedisServer::start().await;
        let mut school = CountedSchool { school, redis, changed_slots, keepers: JoinSet::new() };
        school.is_kept(&school.changed_slots.clone(), options);
        // Its first sweep is over: from now on it does what the options say.
        let note = format!("GET surehold:counters:{}", school.school.org_id);
        until("the counters were filled once", || async {
            let note: Option<i64> = school.redis.says(&note).await;
            note.is_some_and(|micros| micros > 0)
        })
        .await;
        school
    }

    /// A server begins to keep the counters, by what it has changed itself.
    fn is_kept(&mut self, changed_slots: &ChangedSlots, options: CounterOptions) {
        let counters = Counters { redises: self.redis.setting(), changed_slots: changed_slots.clone(), options };
        self.keepers.spawn(counters::run(self.school.store.clone(), counters, pending()));
    }

    /// A student books a seat of a session.
    async fn books(&self, student_id: &str, session: Uuid) -> Uuid {
        let student = self.school.student(student_id, &[("cs_credits", 1)]).await;
        self.school.book(student, session).await.unwrap().booking_id
    }

    /// HubSpot knows a session as this.
    async fn is_linked(&self, session: Uuid, hubspot_id: &str) {
        let client = self.school.store.command().await.unwrap();
        assert!(import_rows::link(&client, self.school.org_id, "slot", session, hubspot_id).await.unwrap());
    }

    /// What other programs read.
    async fn counter(&self, id: impl ToString) -> Option<i64> {
        self.redis.says(&format!("GET exam:{}:bookings", id.to_string())).await
    }

    /// Waits until they read this.
    async fn reads(&self, id: impl ToString, number: i64) {
        let id = id.to_string();
        until(&format!("exam:{id}:bookings is {number}"), || async { self.counter(&id).await == Some(number) }).await;
    }
}
