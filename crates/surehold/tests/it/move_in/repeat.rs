//! The other system is still in use while the school moves: what changes there comes later.

use surehold_core::command::{ChangeSlot, Command};

use super::{AWKWARD, Mover};
use crate::support::school::{book, cancel};

const ANN: &str = "c1000000-0000-0000-0000-000000000001";
const ANNS_BOOKING: &str = "b1000000-0000-0000-0000-000000000002";

impl Mover {
    async fn anns_credits(&self, kind: &str) -> i64 {
        self.school.balance(ANN.parse().unwrap(), kind).await
    }

    async fn status_of(&self, booking: &str) -> String {
        self.text(&format!("SELECT status FROM bookings WHERE id = '{booking}'")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_cancelled_there_gives_its_seat_to_the_next_and_its_credit_back_once() {
    let mover = Mover::with(&[AWKWARD]).await;
    mover.imports(&[]).await;
    assert_eq!(mover.anns_credits("cs_credits").await, 1);
    // Ann's credit is in her balance there; Ben gets the one seat that was refused to him.
    mover
        .meanwhile(&format!(
            "UPDATE hubspot_bookings SET is_active = 'Cancelled', updated_at = now() WHERE id = '{ANNS_BOOKING}';
             UPDATE hubspot_contact_credits SET cs_credits = cs_credits + 1 WHERE id = '{ANN}'"
        ))
        .await;

    let dry = mover.imports(&["--dry-run"]).await;
    let run = mover.imports(&[]).await;
    assert_eq!(dry.report, run.report);
    run.counted("hubspot_contact_credits", "6 rows: 0 added, 1 changed, 2 unchanged, 3 not imported.");
    run.counted("hubspot_bookings", "12 rows: 1 added, 1 changed, 4 unchanged, 6 not imported.");
    assert_eq!(
        (mover.status_of(ANNS_BOOKING).await.as_str(), mover.anns_credits("cs_credits").await),
        ("cancelled", 2)
    );
    assert_eq!(mover.status_of("b1000000-0000-0000-0000-000000000001").await, "confirmed");
    mover.school.laws_hold().await;

    let after = mover.fingerprint().await;
    mover.imports(&[]).await;
    assert_eq!(mover.fingerprint().await, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credit_that_was_spent_here_does_not_come_back_twice() {
    let mover = Mover::with(&[AWKWARD]).await;
    mover.imports(&[]).await;
    // The contact's row comes first; then all credits are spent here before the booking's row comes.
    mover.meanwhile(&format!("UPDATE hubspot_contact_credits SET cs_credits = 2 WHERE id = '{ANN}'")).await;
    mover.imports(&[]).await;
    mover.school.grant(ANN.parse().unwrap(), "cs_credits", -2).await.unwrap();
    mover.meanwhile(&format!("UPDATE hubspot_bookings SET is_active = 'Cancelled' WHERE id = '{ANNS_BOOKING}'")).await;
    mover.imports(&[]).await;
    assert_eq!(
        (mover.status_of(ANNS_BOOKING).await.as_str(), mover.anns_credits("cs_credits").await),
        ("cancelled", 0)
    );
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_here_is_never_undone() {
    let mover = Mover::with(&[AWKWARD]).await;
    mover.imports(&[]).await;
    mover.school.submit(cancel(ANNS_BOOKING.parse().unwrap())).await.unwrap();
    let slot = mover.school.session("Clinical Skills", 5).await;
    mover.school.submit(book(ANN.parse().unwrap(), slot)).await.unwrap();
    let discussion = "e1000000-0000-0000-0000-000000000006".parse().unwrap();
    let open_to_all = ChangeSlot { slot_id: discussion, prerequisites: Some(Vec::new()), ..ChangeSlot::default() };
    mover.school.submit(Command::ChangeSlot(open_to_all)).await.unwrap();
    let here = mover.fingerprint().await;

    // Ben's booking for the last seat is older news, and the seat is free now.
    mover.meanwhile("DELETE FROM hubspot_bookings WHERE id = 'b1000000-0000-0000-0000-000000000001'").await;
    let run = mover.imports(&[]).await;
    run.counted("hubspot_bookings", "11 rows: 0 added, 0 changed, 5 unchanged, 6 not imported.");
    assert_eq!(mover.fingerprint().await, here);

    // There it is attended by now: somebody has to look.
    mover.meanwhile(&format!("UPDATE hubspot_bookings SET is_active = 'Completed' WHERE id = '{ANNS_BOOKING}'")).await;
    let run = mover.imports(&[]).await;
    assert!(run.about(ANNS_BOOKING)[0].contains("is completed there by now, but was cancelled here"), "{}", run.report);
    assert_eq!(mover.fingerprint().await, here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attendance_moves_records_and_new_bookings_come_later() {
    let mover = Mover::with(&[AWKWARD]).await;
    mover.imports(&[]).await;
    mover
        .meanwhile(
            "UPDATE hubspot_bookings SET attendance = 'No', is_active = 'Completed' WHERE id::text LIKE '%02';
             UPDATE hubspot_bookings SET associated_mock_exam = '82000', hubspot_id = '91004' WHERE id::text LIKE '%04';
             INSERT INTO hubspot_mock_exams (hubspot_id, mock_type, exam_date, start_time, end_time, location, capacity, is_active)
             VALUES ('82000', 'Situational Judgment', '2030-04-01', '09:00', '12:00', 'Calgary', 3, 'true');
             INSERT INTO hubspot_bookings (booking_id, associated_mock_exam, student_id, student_email, is_active, token_used)
             VALUES ('new', '82000', 'DAN5', 'dan@example.org', 'Active', 'Situational Judgment Token')",
        )
        .await;
    let dry = mover.imports(&["--dry-run"]).await;
    let run = mover.imports(&[]).await;
    assert_eq!(dry.report, run.report);
    run.counted("hubspot_mock_exams", "8 rows: 1 added,");
    // Ben's second booking of the day finds it free now.
    run.counted("hubspot_bookings", "13 rows: 2 added, 2 changed, 3 unchanged, 6 not imported.");
    assert_eq!(mover.status_of(ANNS_BOOKING).await, "no_show");
    let moved =
        "SELECT concat_ws(' ', s.local_date, b.code, l.hubspot_id) FROM bookings b JOIN slots s ON s.id = b.slot_id
        JOIN hubspot_links l ON l.entity_id = b.id WHERE b.id = 'b1000000-0000-0000-0000-000000000004'";
    assert_eq!(mover.text(moved).await, "2030-04-01 Situational Judgment-BEN2-April 1, 2030 91004");
    mover.school.laws_hold().await;
    let after = mover.fingerprint().await;
    mover.imports(&[]).await;
    assert_eq!(mover.fingerprint().await, after);
}
