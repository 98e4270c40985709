//! Each law, broken by hand in a live database, is found with the row at fault.

use surehold::store::laws;
use surehold_core::command::{AwaitPayment, BookTrip, Command};
use surehold_core::outcome::TripHeld;
use uuid::Uuid;

use crate::support::marketplace::{hold, payment, record};
use crate::support::{Marketplace, School};

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
    (
        9,
        "ALTER TABLE hubspot_links DROP CONSTRAINT hubspot_links_hubspot_id; UPDATE hubspot_links SET hubspot_id = '7001'
         WHERE entity = 'contact'",
    ),
    (9, "UPDATE hubspot_links SET entity_id = gen_random_uuid() WHERE entity = 'slot'"),
    (9, "UPDATE hubspot_links SET pushed_version = pushed_version + 1 WHERE entity = 'slot'"),
    (9, "UPDATE hubspot_links SET pushed_version = pushed_version + 1 WHERE entity = 'contact'"),
    (9, "UPDATE hubspot_links SET pushed_version = pushed_version + 1 WHERE entity = 'booking'"),
    (
        9,
        "INSERT INTO hubspot_credit_changes (org_id, contact_id, kind, at, delta, applied)
         SELECT org_id, id, 'cs_credits', 1, 2, 2 FROM contacts",
    ),
];

/// As a mirror leaves it: every row has its record, and HubSpot has each as it is.
const MIRRORED: &str = "INSERT INTO hubspot_links (org_id, entity, entity_id, hubspot_id, pushed_version)
    SELECT org_id, 'slot', id, (row_number() OVER ())::text, version FROM slots
    UNION ALL SELECT org_id, 'booking', id, (row_number() OVER ())::text, version FROM bookings
    UNION ALL SELECT org_id, 'contact', id, (row_number() OVER ())::text, version + (
        SELECT sum(version)::int8 FROM credit_balances v WHERE v.org_id = c.org_id AND v.contact_id = c.id) FROM contacts c";

/// The same of trips and money; with the table at fault, and words of the check that is to see it.
const TRIP_BREAKS: &[(u8, &str, &str, &str)] = &[
    (5, "trips", "is booked at version", "UPDATE trips SET version = version + 1"),
    (5, "trips", "is cancelled at version", "UPDATE trips SET status = 'cancelled' WHERE status = 'booked'"),
    (5, "trips", "has 0 rows", "DELETE FROM journal WHERE entity = 'trip'"),
    (5, "payments", "is succeeded at version", "UPDATE payments SET version = version + 1"),
    (5, "payments", "is refunding at version", "UPDATE payments SET status = 'refunding' WHERE status = 'pending'"),
    (5, "payments", "of it", "DELETE FROM journal WHERE event = 'payment.succeeded'"),
    (5, "refunds", "is requested at version", "UPDATE refunds SET version = version + 1"),
    (5, "refunds", "is failed at version", "UPDATE refunds SET status = 'failed'"),
    (5, "refunds", "has 0 rows", "DELETE FROM journal WHERE event = 'refund.requested'"),
    (6, "journal", "is about the trip", "SET session_replication_role = replica; DELETE FROM trips"),
    (6, "journal", "is about the payment", "SET session_replication_role = replica; DELETE FROM payments"),
    (6, "journal", "is about the refund", "DELETE FROM refunds"),
    (
        6,
        "journal",
        "is about the offering",
        "SET session_replication_role = replica; DELETE FROM offerings WHERE family = 'experience'",
    ),
    (
        7,
        "bookings",
        "is pending_payment, but its payment",
        "UPDATE payments SET status = 'failed' WHERE status = 'pending'",
    ),
    (
        7,
        "bookings",
        "is processing, but its payment",
        "UPDATE payments SET status = 'failed' WHERE status = 'processing'",
    ),
    (
        7,
        "bookings",
        "is confirmed, but its payment",
        "UPDATE payments SET status = 'refunded' WHERE status = 'succeeded'",
    ),
    (
        7,
        "bookings",
        "is cancelled, but its payment",
        "UPDATE payments SET status = 'failed' WHERE status = 'succeeded'",
    ),
    (
        7,
        "bookings",
        "is expired, but its payment",
        "UPDATE payments SET status = 'succeeded' WHERE status = 'refunding'",
    ),
    (
        7,
        "bookings",
        "is no_show, but its payment",
        "UPDATE bookings SET status = 'no_show' WHERE status = 'processing'",
    ),
    (
        7,
        "payments",
        "its bookings cost",
        "UPDATE payments SET amount_minor = amount_minor + 1 WHERE status = 'pending'",
    ),
    (7, "payments", "its bookings cost", "UPDATE bookings SET price_minor = 0 WHERE status = 'expired'"),
    (7, "payments", "its bookings cost", "UPDATE payments SET received_minor = NULL WHERE status = 'succeeded'"),
    (7, "payments", "its bookings cost", "UPDATE payments SET received_currency = 'eur' WHERE source = 'checkout'"),
    (7, "payments", "its bookings cost", "UPDATE payments SET received_currency = NULL WHERE source = 'checkout'"),
    (7, "payments", "its bookings cost", "UPDATE payments SET amount_minor = 4999 WHERE source = 'recorded'"),
    (7, "payments", "refunds that were not refused", "UPDATE refunds SET amount_minor = 10001"),
    (7, "payments", "refunds that were not refused", "UPDATE payments SET received_minor = 1 WHERE status = 'pending'"),
    (
        7,
        "payments",
        "refunds that were not refused",
        "UPDATE payments SET status = 'failed' WHERE status = 'refunding'",
    ),
    (7, "payments", "refunds that were not refused", "UPDATE refunds SET amount_minor = 1"),
    (7, "payments", "refunds that were not refused", "UPDATE refunds SET status = 'failed'"),
    (
        8,
        "bookings",
        "is held until",
        "UPDATE bookings SET expires_at = now() - interval '6 s' WHERE expires_at IS NOT NULL",
    ),
    (8, "bookings", "is held until", "UPDATE bookings SET expires_at = expires_at + interval '1 s'"),
    (8, "bookings", "is held until", "UPDATE payments SET expires_at = expires_at + interval '1 s'"),
    (
        8,
        "bookings",
        "is held until",
        "ALTER TABLE payments DROP CONSTRAINT payments_checkout_complete; UPDATE payments SET pay_until = expires_at",
    ),
    (
        8,
        "bookings",
        "is held until",
        "ALTER TABLE bookings DROP CONSTRAINT bookings_hold; UPDATE bookings SET expires_at = NULL",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_law_of_trips_is_found_with_its_rows() {
    let market = Marketplace::open().await;
    one_trip_of_each_sort(&market).await;
    market.laws_hold().await;

    let owner = market.db.owner().await;
    for (law, table, words, sql) in TRIP_BREAKS {
        owner.batch_execute(&format!("BEGIN; {sql}")).await.unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
        let reports = laws::check(&owner, Some(market.org_id)).await.unwrap();
        owner.batch_execute("ROLLBACK; RESET session_replication_role").await.unwrap();

        let broken = reports.iter().find(|report| report.law == *law).unwrap();
        let seen = broken.violations.iter().any(|v| v.table == *table && v.problem.contains(words));
        assert!(seen, "law {law} does not see: {sql}\n{broken:?}");
        assert!(broken.violations.iter().all(|v| v.org_id == market.org_id && v.id != Uuid::nil()), "{broken:?}");
    }
    market.laws_hold().await;
}

/// Trips that are held, on their way, booked and partly cancelled, paid too late, and booked with recorded money.
async fn one_trip_of_each_sort(market: &Marketplace) {
    let slots = market.slots(2, 9).await;
    let scarce = market.slots(1, 1).await;
    let ann = Uuid::now_v7();
    market.hold(ann, &slots).await.unwrap();

    let on_its_way = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    market.submit(Command::AwaitPayment(awaited(&on_its_way))).await.unwrap();

    let booked = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    market.settle(&booked).await.unwrap();
    market.cancel(booked.bookings[0].id).await.unwrap();

    let late = market.hold(Uuid::now_v7(), &scarce).await.unwrap();
    market.is_due(&late).await;
    market.hold(Uuid::now_v7(), &scarce).await.unwrap();
    market.settle(&late).await.unwrap();
    assert_eq!(market.status(late.payment_id).await, "refunding");

    let money = Command::RecordPayment(record(ann, "till 7", 5000));
    let recorded = payment(market.submit(money).await).unwrap().payment_id;
    let items = hold(ann, &slots[..1]).items;
    let book = BookTrip { payment_id: recorded, trip_id: Uuid::now_v7(), contact_id: ann, items };
    market.submit(Command::BookTrip(book)).await.unwrap();
}

fn awaited(trip: &TripHeld) -> AwaitPayment {
    AwaitPayment { payment_id: trip.payment_id, session_id: None, stripe_payment_intent: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_law_is_found_with_its_rows() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let (ann, bob) =
        (school.student("ANN", &[("cs_credits", 2)]).await, school.student("BOB", &[("cs_credits", 2)]).await);
    school.book(ann, session).await.unwrap();
    let given_up = school.book(bob, session).await.unwrap().booking_id;
    school.cancel(given_up).await.unwrap();
    let owner = school.db.owner().await;
    owner.batch_execute(MIRRORED).await.unwrap();
    school.laws_hold().await;

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
