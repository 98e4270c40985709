//! Each law, broken by hand in a live database, is found with the row at fault.

use surehold::store::laws;
use uuid::Uuid;

use crate::support::School;

/// What is broken: the law, and how.
const BREAKS: &[(u8, &str)] = &[
    (1, "ALTER TABLE slots DROP CONSTRAINT slots_seats; UPDATE slots SET withheld = capacity + 1"),
    (2, "UPDATE slots SET taken = taken + 1"),
    (2, "UPDATE slots SET held = 1"),
    (2, "UPDATE bookings SET guests = 2"),
    (3, "UPDATE credit_balances SET amount = amount + 1 WHERE kind = 'cs_credits'"),
    (3, "DELETE FROM credit_balances WHERE kind = 'sjmini_credits'"),
    (3, "DELETE FROM credit_entries WHERE reason = 'opening'"),
    (4, "DROP INDEX journal_key; UPDATE journal SET key = 'same' WHERE key IS NOT NULL"),
    (5, "UPDATE bookings SET version = version + 1"),
    (5, "DELETE FROM journal WHERE event = 'booking.cancelled'"),
    (5, "UPDATE slots SET edit_version = 2"),
    (5, "UPDATE contacts SET version = 2"),
    (6, "SET session_replication_role = replica; DELETE FROM bookings"),
    (
        7,
        "DROP INDEX credit_entries_one_return; INSERT INTO credit_entries SELECT org_id, gen_random_uuid(), contact_id,
         kind, delta, balance, reason, booking_id, created_at FROM credit_entries WHERE reason = 'return'",
    ),
    (7, "DELETE FROM credit_entries WHERE reason = 'booking'"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_law_is_found_with_its_rows() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let (ann, bob) =
        (school.student("ANN", &[("cs_credits", 2)]).await, school.student("BOB", &[("cs_credits", 2)]).await);
    school.book(ann, session).await.unwrap();
    let given_up = school.book(bob, session).await.unwrap().booking_id;
    school.cancel(given_up).await.unwrap();
    school.laws_hold().await;

    let owner = school.db.owner().await;
    for (law, sql) in BREAKS {
        owner.batch_execute(&format!("BEGIN; {sql}")).await.unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
        let reports = laws::check(&owner, Some(school.org_id)).await.unwrap();
        owner.batch_execute("ROLLBACK").await.unwrap();

        let broken = reports.iter().find(|report| report.law == *law).unwrap();
        assert!(!broken.violations.is_empty(), "law {law} does not see: {sql}");
        assert!(broken.violations.iter().all(|v| v.org_id == school.org_id && v.id != Uuid::nil()), "{broken:?}");
    }
    school.laws_hold().await;
}

/// A school that grows fast has statistics from its first rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn laws_are_checked_without_loops_over_whole_tables() {
    let school = School::open().await;
    let owner = school.db.owner().await;
    for table in ["slots", "contacts", "bookings", "credit_balances", "credit_entries", "journal"] {
        owner.batch_execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await.unwrap();
    }
    let session = school.session("Clinical Skills", 10).await;
    school.book(school.student("ANN", &[("cs_credits", 2)]).await, session).await.unwrap();
    owner.batch_execute("ANALYZE").await.unwrap();
    school.students(200, "cs_credits").await;

    owner.batch_execute(laws::SETTING).await.unwrap();
    let plan = owner.query(&format!("EXPLAIN {}", laws::statement(false)), &[]).await.unwrap();

    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Join")), "no join at all?\n{}", plan.join("\n"));
    assert!(!plan.iter().any(|line| line.contains("Nested Loop")), "{}", plan.join("\n"));
    school.laws_hold().await;
}
