//! Redis goes away, loses what it had, or does not answer.

use std::time::Duration;

use surehold::counters::{CounterOptions, Counters};
use surehold::workers::counters;
use tokio::time::timeout;
use uuid::Uuid;

use super::{CountedSchool, FOLLOWING, SWEEPING};

/// What the desk tells is followed, and what may be wrong is looked at again and again.
const KEEPING: CounterOptions = CounterOptions { pause: FOLLOWING.pause, ..SWEEPING };

impl CountedSchool {
    /// As if everything so far had been long ago.
    async fn a_day_passes(&self) {
        let aged = "UPDATE slots SET updated_at = updated_at - interval '1 day'";
        self.school.db.owner().await.batch_execute(aged).await.unwrap();
    }

    /// Waits until a sweep that began after this call has ended.
    async fn is_swept(&self) {
        let pilot = self.school.session("Situational Judgment", 1).await;
        self.reads(pilot, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_redis_was_away_is_caught_up_with() {
    let mut counted = CountedSchool::open(KEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    let ann = counted.books("ANN", session).await;
    counted.reads(session, 1).await;
    counted.redis.saves().await;
    counted.redis.dies();

    counted.books("BOB", session).await;
    counted.books("CEM", session).await;
    counted.school.cancel(ann).await.unwrap();

    counted.redis.goes_on().await;
    counted.reads(session, 2).await;
}

/// It may be away for longer than what every sweep looks at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_time_away_is_caught_up_with_from_where_the_counters_were_right() {
    let mut counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.reads(session, 0).await;
    counted.is_swept().await;
    // The sweeps end here: a server that was stopped is away, too.
    counted.keepers.shutdown().await;
    let note = format!("surehold:counters:{}", counted.school.org_id);
    let right_up_to: i64 = counted.redis.says(&format!("GET {note}")).await;
    counted.redis.says::<()>(&format!("SET {note} {} XX KEEPTTL", right_up_to - 3 * HOUR)).await;
    counted.books("ANN", session).await;
    let two_hours_ago = "UPDATE slots SET updated_at = now() - interval '2 hours'";
    counted.school.db.owner().await.batch_execute(two_hours_ago).await.unwrap();

    counted.is_kept(&Default::default(), SWEEPING);
    counted.reads(session, 1).await;
}

/// Microseconds.
const HOUR: i64 = 60 * 60 * 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_emptied_is_filled_again() {
    let counted = CountedSchool::open(KEEPING).await;
    let (quiet, busy) =
        (counted.school.session("Clinical Skills", 5).await, counted.school.session("Clinical Skills", 5).await);
    counted.is_linked(quiet, "7004").await;
    counted.books("ANN", quiet).await;
    counted.reads(quiet, 1).await;
    counted.a_day_passes().await;
    counted.redis.says::<()>("FLUSHALL").await;
    counted.reads(quiet, 1).await;
    counted.reads("7004", 1).await;
    counted.reads(busy, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_starts_again_empty_is_filled_again() {
    let mut counted = CountedSchool::open(KEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.books("ANN", session).await;
    counted.reads(session, 1).await;
    counted.a_day_passes().await;
    counted.redis.dies();
    counted.redis.goes_on().await;
    counted.reads(session, 1).await;
}

/// Redis takes every command and answers none, and nobody loses patience with it: whatever waited for it would wait
/// for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_redis_delays_no_booking() {
    let patient = CounterOptions { answer_time_max: Duration::from_secs(24 * 60 * 60), ..KEEPING };
    let counted = CountedSchool::open(patient).await;
    let session = counted.school.session("Clinical Skills", 50).await;
    counted.reads(session, 0).await;
    counted.redis.falls_silent();

    let all = async {
        for i in 0..50 {
            counted.books(&format!("S{i}"), session).await;
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("they are booked");

    counted.redis.wakes();
    counted.reads(session, 50).await;
    counted.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_silent_for_too_long_is_asked_again() {
    let impatient = CounterOptions { answer_time_max: Duration::from_millis(50), ..KEEPING };
    let counted = CountedSchool::open(impatient).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.reads(session, 0).await;
    counted.redis.falls_silent();
    for i in 0..5 {
        counted.books(&format!("S{i}"), session).await;
    }
    counted.redis.wakes();
    counted.reads(session, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stops_when_it_is_told_though_redis_is_silent() {
    let counted = CountedSchool::open(KEEPING).await;
    counted.redis.falls_silent();
    let options = CounterOptions { answer_time_max: Duration::from_secs(24 * 60 * 60), ..KEEPING };
    let redises = counted.redis.setting();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let counters = Counters { redises, changed_slots: Default::default(), options };
    let keeper = tokio::spawn(counters::run(counted.school.store.clone(), counters, async { drop(stopped.await) }));
    stop.send(()).unwrap();
    timeout(Duration::from_secs(60), keeper).await.expect("it stops").unwrap();
}

/// Two schools may use the same number for different sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schools_that_could_not_be_told_apart_have_no_counters() {
    let counted = CountedSchool::open(SWEEPING).await;
    let other = counted.school.neighbour("other").await;
    let redises = counted.redis.setting();
    let mut keeper = surehold::counters::Keeper::new(counted.school.store.clone(), redises, SWEEPING);
    let error = keeper.sweep().await.expect_err("two schools, one Redis").to_string();
    assert!(error.contains("several organisations (school, other)"), "{error}");
    let session: Uuid = other.session("Clinical Skills", 5).await;
    assert_eq!(counted.counter(session).await, None);
}
