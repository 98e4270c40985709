//! Other programs write the counters, too.

use super::{CountedSchool, SWEEPING};
use crate::support::marketplace_api::until;

const DAY: i64 = 24 * 60 * 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_count_themselves_is_corrected() {
    let counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.books("ANN", session).await;
    counted.reads(session, 1).await;
    for change in ["INCR", "DECR", "DEL"] {
        counted.redis.says::<i64>(&format!("{change} exam:{session}:bookings")).await;
        counted.reads(session, 1).await;
    }
}

/// Callers let their counters live for an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_lives_for_a_week() {
    let counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.reads(session, 0).await;
    let counter = format!("exam:{session}:bookings");
    counted.redis.says::<i64>(&format!("EXPIRE {counter} 3600")).await;
    for key in [counter.clone(), format!("{counter}:version")] {
        until("it lives for a week again", || async {
            let left: i64 = counted.redis.says(&format!("TTL {key}")).await;
            assert!(left <= 7 * DAY, "{left}");
            left > 6 * DAY
        })
        .await;
    }
}

/// A session that nobody books is not forgotten while the server runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_of_quiet_sessions_are_refreshed_when_the_note_has_run_out() {
    let counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.reads(session, 0).await;
    let aged = "UPDATE slots SET updated_at = now() - interval '1 day'";
    counted.school.db.owner().await.batch_execute(aged).await.unwrap();
    let (counter, note) = (format!("exam:{session}:bookings"), format!("surehold:counters:{}", counted.school.org_id));
    let left: i64 = counted.redis.says(&format!("TTL {note}")).await;
    assert!(0 < left && left <= DAY / 4, "the note runs out by itself: {left}");
    counted.redis.says::<i64>(&format!("EXPIRE {counter} 3600")).await;
    counted.redis.says::<i64>(&format!("DEL {note}")).await;
    until("it lives for a week again", || async {
        counted.redis.says::<i64>(&format!("TTL {counter}")).await > 6 * DAY
    })
    .await;
}
