//! The other marketplace is still open while it moves: what changes there comes later.

use super::trips::everything_is_as_it_was_there;
use super::*;

impl Mover {
    async fn trip_booking(&self, id: &str) -> String {
        let sql = "SELECT concat_ws(' ', b.status, t.status, p.status, p.refunded_minor) FROM bookings b
            JOIN trips t ON t.id = b.trip_id JOIN payments p ON p.id = b.payment_id WHERE b.id = ";
        self.text(&format!("{sql}'{id}'")).await
    }

    /// A dry run and a run say the same, and the laws hold.
    async fn follows(&self) -> Run {
        let run = self.imports_as_announced().await;
        self.school.laws_hold().await;
        let after = self.fingerprint().await;
        self.imports(&[]).await;
        assert_eq!(self.fingerprint().await, after, "once");
        run
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_and_refunded_there_is_cancelled_and_refunded_here() {
    let mover = Mover::with_trips(&[TRIPS_THOUSANDS]).await;
    mover.imports(&[]).await;
    // Trip 6 is one booking, trip 7 two.
    let one = "b0000000-0000-0000-0000-000000000012";
    let (two, other) = ("b0000000-0000-0000-0000-000000000014", "b0000000-0000-0000-0000-000000000015");
    mover
        .meanwhile(&format!(
            "UPDATE bookings SET status = 'cancelled', refunded_at = now() WHERE id IN ('{one}', '{two}');
             UPDATE payments SET status = 'refunded', refund_amount = amount, refund_id = 're_new6' WHERE id::text LIKE 'a00%0006';
             UPDATE payments SET status = 'partially_refunded', refund_amount = 1000, refund_id = 're_new7' WHERE id::text LIKE 'a00%0007'"
        ))
        .await;
    let run = mover.follows().await;
    run.counted("bookings", "4,500 rows: 0 added, 2 changed, 4,498 unchanged, 0 not imported.");
    run.counted("payments", "2,880 rows: 0 added, 2 changed, 2,878 unchanged, 0 not imported.");
    let amount = mover.text("SELECT amount_minor::text FROM payments WHERE stripe_payment_intent = 'pi_6'").await;
    assert_eq!(mover.trip_booking(one).await, format!("cancelled cancelled refunded {amount}"));
    assert_eq!(mover.trip_booking(two).await, "cancelled booked partially_refunded 1000");
    assert_eq!(mover.trip_booking(other).await, "confirmed booked partially_refunded 1000");

    // The original adds up under the last id, and cancels nothing by itself.
    mover
        .meanwhile("UPDATE payments SET status = 'refunded', refund_amount = amount WHERE id::text LIKE 'a00%0007'")
        .await;
    let run = mover.follows().await;
    run.counted("payments", "2,880 rows: 0 added, 1 changed, 2,879 unchanged, 0 not imported.");
    assert!(mover.trip_booking(other).await.starts_with("cancelled cancelled refunded "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_bookings_and_what_came_of_old_ones_come_later() {
    let mover = Mover::with_trips(&[TRIPS_AWKWARD]).await;
    mover.imports(&[]).await;
    // The earlier booking for the last seats gives them up; what was paid for the later one pays for it now.
    mover
        .meanwhile(
            "UPDATE bookings SET status = 'cancelled' WHERE id::text LIKE 'b1%02';
             UPDATE experience_slots SET available_count = 1, total_capacity = 21, price_override_amount = 700 WHERE id::text LIKE '51%02';
             UPDATE experiences SET title = 'Boat trip', price = 55 WHERE id::text LIKE 'e1%01';
             UPDATE bookings SET status = 'checked_in' WHERE id::text LIKE 'b1%03';
             UPDATE payments SET status = 'succeeded' WHERE id::text LIKE 'a1%14';
             INSERT INTO bookings (id, trip_id, reference, status, slot_id, guest_count, booked_at)
             VALUES ('b2000000-0000-0000-0000-000000000001', '71000000-0000-0000-0000-000000000018', 'PL-B0000001', 'confirmed',
                 '51000000-0000-0000-0000-000000000002', 1, '2029-07-01')",
        )
        .await;
    let run = mover.follows().await;
    run.counted("experiences", "5 rows: 0 added, 1 changed, 4 unchanged, 0 not imported.");
    run.counted("bookings", "18 rows: 2 added, 2 changed, 6 unchanged, 8 not imported.");
    // Its booking brought its own money along, so this must not count twice.
    run.counted("payments", "8 rows: 0 added, 0 changed, 6 unchanged, 2 not imported.");
    let late = "a1000000-0000-0000-0000-000000000014";
    assert!(run.about(late)[0].contains("came before this payment had its money"), "{}", run.report);
    let stands = "SELECT string_agg(concat_ws(' ', left(b.id::text, 2), right(b.id::text, 2), b.status), ', ' ORDER BY b.id) FROM bookings b
        WHERE right(b.id::text, 2) IN ('01', '02', '03')";
    assert_eq!(mover.text(stands).await, "b1 01 confirmed, b1 02 cancelled, b1 03 completed, b2 01 confirmed");
    let slot =
        "SELECT concat_ws(' ', capacity, taken, withheld, price_minor, name) FROM slots WHERE id::text LIKE '51%02'";
    // Two seats more are gone there; one of them is the new booking's.
    assert_eq!(mover.text(slot).await, "21 5 15 700 Boat trip");
    assert_eq!(mover.text("SELECT price_minor::text FROM offerings WHERE name = 'Boat trip'").await, "5500");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_here_to_trips_is_never_undone() {
    let mover = Mover::with_trips(&[TRIPS_AWKWARD]).await;
    mover.imports(&[]).await;
    let booking: Uuid = "b1000000-0000-0000-0000-000000000002".parse().unwrap();
    mover.school.submit(crate::support::school::cancel(booking)).await.unwrap();
    let here = mover.fingerprint().await;
    let run = mover.imports(&[]).await;
    // Booking 1 finds the seats free that were given up here.
    run.counted("bookings", "17 rows: 1 added, 0 changed, 8 unchanged, 8 not imported.");
    assert_ne!(mover.fingerprint().await, here);
    let here = mover.fingerprint().await;
    mover.meanwhile("UPDATE bookings SET status = 'no_show' WHERE id::text LIKE 'b1%02'").await;
    let run = mover.imports(&[]).await;
    assert!(
        run.about(&booking.to_string())[0].contains("is no_show there by now, but was cancelled here"),
        "{}",
        run.report
    );
    assert_eq!(mover.fingerprint().await, here);
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_trips_that_is_killed_goes_on_where_it_was() {
    let mover = Mover::with_trips(&[TRIPS_THOUSANDS]).await;
    for (table, rows) in [("slots", 50), ("trips", 500), ("payments", 1_000), ("bookings", 1_000)] {
        let mut import =
            mover.command().stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        while mover.school.count(table).await < rows {
            assert!(import.try_wait().unwrap().is_none(), "it ended before there were {rows} {table}");
        }
        import.kill().await.unwrap();
        mover.school.laws_hold().await;
    }
    let run = mover.imports(&[]).await;
    assert_eq!(run.left_behind("bookings"), 0, "{}", run.report);
    everything_is_as_it_was_there(&mover).await;
}
