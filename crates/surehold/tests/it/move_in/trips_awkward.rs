//! A marketplace's rows that cannot be taken, or not as they are: each is in the report with its reason.

use super::*;

/// What the report says of each row: one line for each of these, with these words in it.
const SAID: &[(&str, u32, &[&str])] = &[
    ("e1", 1, &[]),
    ("e1", 2, &["note,title,Sail,is the name of something else, too: it comes as Sail (e1000000)"]),
    ("e1", 3, &["note,time_zone,,is not a known time zone; left out", "note,price,,is not known"]),
    (
        "e1",
        4,
        &[
            "note,price,'-5.0,must not be negative; left out",
            "note,title,,is not known: its name is its id",
            "note,price,,is not known",
        ],
    ),
    ("e1", 9, &["note,title,,is not known: its name is its id", "note,price,,is not known"]),
    ("51", 1, &[]),
    ("51", 2, &["note,available_count,2,bookings that are not here: 14 seats withheld"]),
    ("51", 3, &["note,available_count,10,is its own count; bookings that hold a seat: 1, and those count"]),
    ("51", 4, &[]),
    ("51", 6, &["not imported,slot_time,America/Toronto,02:30 does not exist on 2030-03-10"]),
    ("71", 12, &["not imported,user_id,,is missing"]),
    ("71", 18, &[]),
    (
        "b1",
        1,
        &[
            "not imported,reference,PL-A0000001,needs 2 seats of its slot, and 0 are left (INSUFFICIENT_AVAILABILITY); its money is payment a1000000-0000-0000-0000-000000000001: give it back",
        ],
    ),
    ("b1", 2, &[]),
    (
        "b1",
        3,
        &[
            "note,slot_id,,is missing: the slot is that of its experience, date and time",
            "note,payment_id,,has no payment with money: it brings along what it cost",
        ],
    ),
    ("b1", 4, &["not imported,slot_id,,is missing, and there is no slot here"]),
    ("b1", 5, &["not imported,status,payment_failed,is no booking yet, or never came to be"]),
    ("b1", 6, &["note,status,pending,its payment succeeded: it comes confirmed"]),
    ("b1", 7, &["not imported,status,pending,is no booking yet"]),
    (
        "b1",
        8,
        &[
            "note,payment_id,,has no payment",
            "note,reference,PL-A0000002,is the reference of another booking, too: it comes with a new one",
        ],
    ),
    (
        "b1",
        9,
        &[
            "not imported,guest_count,'-2,must be from 1 to 1000000",
            "not imported,payment_id,,its money is payment a1000000-0000-0000-0000-000000000009",
        ],
    ),
    ("b1", 10, &["not imported,guest_count,0,must be from 1 to 1000000"]),
    ("b1", 11, &["note,status,confirmed,all of its money went back: it comes cancelled"]),
    ("b1", 12, &["not imported,trip_id,71000000-0000-0000-0000-000000000012,is no trip of a user"]),
    ("b1", 13, &["not imported,slot_id,51000000-0000-0000-0000-000000000099,is no slot here"]),
    ("b1", 14, &["note,payment_id,,has no payment with money: it brings along what it cost"]),
    ("b1", 15, &[]),
    ("b1", 16, &["note,payment_id,,has no payment, and nobody knows its price"]),
    ("b1", 17, &["not imported,status,weird,is no status of a booking"]),
    ("a1", 1, &[]),
    ("a1", 11, &["note,refund_amount,99999,cannot be: it comes as 9800"]),
    ("a1", 14, &["not imported,status,pending,no money came yet"]),
    ("a1", 15, &[]),
    ("a1", 20, &["not imported,booking_id,b1000000-0000-0000-0000-000000000020,is no booking of a trip here"]),
];

fn row(kind: &str, number: u32) -> String {
    format!("{kind}000000-0000-0000-0000-{number:012}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_of_a_marketplace_cannot_be_taken_is_reported_with_its_reason() {
    let mover = Mover::with_trips(&[TRIPS_AWKWARD]).await;
    let dry = mover.imports(&["--dry-run"]).await;
    let run = mover.imports(&[]).await;
    assert_eq!(dry.report, run.report);
    let is_said = |(kind, number, expected): &&(&str, u32, &[&str])| run.says(&row(kind, *number), expected);
    let otherwise: Vec<_> = SAID.iter().filter(|row| !is_said(row)).collect();
    assert!(otherwise.is_empty(), "{otherwise:#?} is not what is said:\n{}", run.report);
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_of_a_marketplace_is_taken_is_taken_as_well_as_it_can_be() {
    let mover = Mover::with_trips(&[TRIPS_AWKWARD]).await;
    mover.imports(&[]).await;
    let stands = "SELECT string_agg(concat_ws(' ', right(b.id::text, 2), b.status, b.guests, b.paid_by, p.status, p.received_minor), ', ' ORDER BY b.id)
        FROM bookings b LEFT JOIN payments p ON p.id = b.payment_id";
    assert_eq!(
        mover.text(stands).await,
        "02 confirmed 2 payment succeeded 9800, 03 confirmed 1 payment succeeded 4900, 06 confirmed 1 payment succeeded 9800, \
         08 confirmed 1 payment succeeded 4900, 11 cancelled 1 payment refunded 9800, 14 confirmed 1 payment succeeded 4900, \
         15 expired 1 payment failed, 16 confirmed 1 override"
    );
    let money = "SELECT string_agg(concat_ws(' ', right(id::text, 2), stripe_payment_intent, status, trip_id IS NULL), ', ' ORDER BY id)
        FROM payments WHERE id::text LIKE 'a1%'";
    assert_eq!(
        mover.text(money).await,
        "01 pi_awkward_1 succeeded t, 02 pi_awkward_2 succeeded f, 06 pi_awkward_6 succeeded f, 09 pi_awkward_9 succeeded t, 11 pi_awkward_11 refunded f, 15 pi_awkward_15 failed f"
    );
    let reference = "SELECT code FROM bookings WHERE id = ";
    assert_ne!(mover.text(&format!("{reference}'{}'", row("b1", 8))).await, "PL-A0000002");
    let slots = "SELECT string_agg(concat_ws(' ', right(id::text, 2), taken, withheld, price_minor, is_blocked, local_end), ', ' ORDER BY id) FROM slots";
    assert_eq!(
        mover.text(slots).await,
        "01 2 0 f 12:00:00, 02 4 14 f 12:00:00, 03 1 0 f 11:00:00, 04 0 0 1500 t 11:00:00"
    );
    let trips = "SELECT string_agg(concat_ws(' ', right(id::text, 2), status), ', ' ORDER BY id) FROM trips";
    assert_eq!(
        mover.text(trips).await,
        "01 planning, 02 booked, 03 booked, 04 planning, 05 planning, 06 booked, 07 planning, 08 booked, 09 planning, \
         10 planning, 11 cancelled, 13 planning, 14 booked, 15 cancelled, 16 planning, 17 planning, 18 planning"
    );
}

/// The columns of the marketplace's migrations alone: what a booking is for, its trip's item says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marketplace_with_fewer_columns_and_tables_moves_in_too() {
    let mover = Mover::with_trips(&[TRIPS_THOUSANDS]).await;
    let older = "DELETE FROM bookings WHERE trip_item_id IS NULL; DELETE FROM payments WHERE booking_id NOT IN (SELECT id FROM bookings);
        ALTER TABLE bookings DROP slot_id, DROP payment_id, DROP booking_date, DROP booking_time, DROP user_id, DROP experience_id,
            DROP guest_count, DROP created_at, DROP updated_at;
        ALTER TABLE payments DROP refund_id, DROP refunded_at, DROP stripe_checkout_session_id;
        ALTER TABLE experience_slots DROP CONSTRAINT slots_experience; DROP TABLE experiences; DROP TABLE audit_logs";
    mover.meanwhile("ALTER TABLE payments DROP CONSTRAINT payments_booking; ALTER TABLE bookings DROP CONSTRAINT bookings_payment_id_fkey").await;
    mover.meanwhile(older).await;
    let run = mover.imports(&[]).await;
    run.counted("experiences", "20 rows: 20 added, 0 changed, 0 unchanged, 0 not imported.");
    run.counted("bookings", "3,000 rows: 3,000 added, 0 changed, 0 unchanged, 0 not imported.");
    run.counted("payments", "1,920 rows: 1,920 added, 0 changed, 0 unchanged, 0 not imported.");
    let costs = "SELECT concat_ws(' ', b.guests, b.price_minor, p.amount_minor) FROM bookings b JOIN payments p ON p.id = b.payment_id
        WHERE b.id = 'b0000000-0000-0000-0000-000000000002'";
    assert_eq!(mover.text(costs).await, "2 5558 9700", "55.00 of 96.00, of a payment of 97.00");
    mover.school.laws_hold().await;
    let after = mover.fingerprint().await;
    mover.imports(&[]).await;
    assert_eq!(mover.fingerprint().await, after);
}
