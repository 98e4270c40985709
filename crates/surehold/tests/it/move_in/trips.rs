//! A whole marketplace moves in.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_bookings_of_trips_move_in_and_nothing_is_lost() {
    let mover = Mover::with_trips(&[TRIPS_THOUSANDS, TRIPS_AWKWARD]).await;
    let run = mover.imports_as_announced().await;
    run.counted("experiences", "25 rows: 25 added, 0 changed, 0 unchanged, 0 not imported.");
    run.counted("experience_slots", "405 rows: 404 added, 0 changed, 0 unchanged, 1 not imported.");
    run.counted("trips", "3,018 rows: 3,017 added, 0 changed, 0 unchanged, 1 not imported.");
    run.counted("payments", "2,888 rows: 2,886 added, 0 changed, 0 unchanged, 2 not imported.");
    run.counted("bookings", "4,517 rows: 4,508 added, 0 changed, 0 unchanged, 9 not imported.");
    let lines = run.report.lines().count();
    assert!(lines < 200, "of what is usual there is nothing to report: {lines}");
    assert!(run.said.contains("they stay where they are: audit_logs, trip_items."), "{}", run.said);
    assert!(!run.said.contains("hubspot"), "nobody asked for a school: {}", run.said);
    mover.school.laws_hold().await;
    mover.is_sound().await;
    everything_is_as_it_was_there(&mover).await;

    let after = mover.fingerprint().await;
    let again = mover.imports(&[]).await;
    again.counted("experiences", "25 rows: 0 added, 0 changed, 25 unchanged, 0 not imported.");
    again.counted("experience_slots", "405 rows: 0 added, 0 changed, 404 unchanged, 1 not imported.");
    again.counted("trips", "3,018 rows: 0 added, 0 changed, 3,017 unchanged, 1 not imported.");
    again.counted("payments", "2,888 rows: 0 added, 0 changed, 2,886 unchanged, 2 not imported.");
    again.counted("bookings", "4,517 rows: 0 added, 0 changed, 4,508 unchanged, 9 not imported.");
    assert_eq!(mover.fingerprint().await, after, "a second run changes nothing");
}

/// Both seeds' tables in one database are one import.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_school_and_a_marketplace_move_in_together() {
    let mover = Mover::of_tables(School::open().await, &[TABLES, AWKWARD, TRIP_TABLES, TRIPS_AWKWARD]).await;
    let run = mover.imports(&[]).await;
    run.counted("hubspot_bookings", "12 rows: 5 added, 0 changed, 0 unchanged, 7 not imported.");
    run.counted("experience_slots", "5 rows: 4 added, 0 changed, 0 unchanged, 1 not imported.");
    mover.school.laws_hold().await;
    let after = mover.fingerprint().await;
    mover.imports(&[]).await;
    assert_eq!(mover.fingerprint().await, after);
}

/// Tables of these names may be anybody's: without slots there is nothing that can have been booked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_program_are_left_alone() {
    let mover =
        Mover::with(&[AWKWARD, "CREATE TABLE public.bookings (id int); CREATE TABLE public.payments (id int)"]).await;
    let run = mover.imports(&[]).await;
    assert!(!run.said.contains("\nbookings:") && !run.said.contains("\npayments:"), "{}", run.said);
}

/// Ids, references, seats, money and states: compared by reading both sides, here as callers see it.
pub(super) async fn everything_is_as_it_was_there(mover: &Mover) {
    let owner = mover.school.db.owner().await;
    let there = "SELECT b.id::text, b.trip_id::text, t.user_id::text, b.reference, s.id::text, i.experience_id, i.guests::text,
            i.date::text, b.booked_at::text, CASE b.status WHEN 'checked_in' THEN 'completed' ELSE b.status END, p.id::text
        FROM bookings b JOIN trips t ON t.id = b.trip_id JOIN trip_items i ON 'b' || substr(i.id::text, 2) = b.id::text
        JOIN experience_slots s ON s.experience_id::text = i.experience_id AND s.slot_date = i.date
        LEFT JOIN payments p ON p.id::text = 'a' || substr(t.id::text, 2)
        WHERE b.id::text LIKE 'b00%' ORDER BY 1";
    let here = "SELECT id::text, trip_id::text, user_id::text, reference, slot_id::text, experience_id::text, guest_count::text,
            booking_date::text, booked_at::text, status, CASE WHEN payment_id::text LIKE 'a00%' THEN payment_id::text END
        FROM drop_in.bookings WHERE id::text LIKE 'b00%' ORDER BY 1";
    same(&mover.there, there, &owner, here, 4_500).await;

    let columns =
        "id::text, booking_id::text, stripe_payment_intent_id, stripe_checkout_session_id, amount::text, currency,
        status, refund_amount::text, refund_id, refunded_at::text, created_at::text";
    let there = format!("SELECT {columns} FROM payments WHERE id::text LIKE 'a00%' ORDER BY 1");
    let here = format!("SELECT {columns} FROM drop_in.payments WHERE id::text LIKE 'a00%' ORDER BY 1");
    same(&mover.there, &there, &owner, &here, 2_880).await;

    let columns = "id::text, user_id::text, status, created_at::text";
    let there = format!("SELECT {columns} FROM trips WHERE id::text LIKE '700%' ORDER BY 1");
    let here = format!("SELECT {columns} FROM drop_in.trips WHERE id::text LIKE '700%' ORDER BY 1");
    same(&mover.there, &there, &owner, &here, 3_000).await;

    let columns = "id::text, experience_id::text, slot_date::text, slot_time::text, total_capacity::text,
        available_count::text, price_override_amount::text, is_blocked::text";
    let there = format!("SELECT {columns} FROM experience_slots WHERE id::text LIKE '500%' ORDER BY 1");
    let here = format!("SELECT {columns} FROM drop_in.experience_slots WHERE id::text LIKE '500%' ORDER BY 1");
    same(&mover.there, &there, &owner, &here, 400).await;

    let there = "SELECT id::text, title, (100 * price)::int::text, '180', coalesce(timezone, 'America/Toronto')
        FROM experiences WHERE id::text LIKE 'e00%' ORDER BY 1";
    let here = "SELECT o.id::text, o.name, o.price_minor::text, o.booking_cutoff_minutes::text,
            (SELECT min(s.time_zone) FROM slots s WHERE s.offering_id = o.id AND s.local_end = '11:30')
        FROM offerings o WHERE o.id::text LIKE 'e00%' ORDER BY 1";
    same(&mover.there, there, &owner, here, 20).await;

    // What a payment is of is divided among its bookings to the cent.
    let undivided = "SELECT count(*)::text FROM payments p WHERE p.id::text LIKE 'a00%'
        AND p.amount_minor <> (SELECT sum(b.price_minor) FROM bookings b WHERE b.payment_id = p.id)";
    assert_eq!(mover.text(undivided).await, "0");
}
