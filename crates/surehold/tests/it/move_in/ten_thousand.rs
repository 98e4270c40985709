//! A whole school moves in.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_bookings_move_in_and_nothing_is_lost() {
    let mover = Mover::with(&[TEN_THOUSAND, AWKWARD]).await;
    let run = mover.imports_as_announced().await;
    run.counted("hubspot_contact_credits", "2,006 rows: 2,003 added, 0 changed, 0 unchanged, 3 not imported.");
    run.counted("hubspot_mock_exams", "207 rows: 204 added, 0 changed, 0 unchanged, 3 not imported.");
    run.counted("hubspot_bookings", "10,012 rows: 10,005 added, 0 changed, 0 unchanged, 7 not imported.");
    for (table, here, rows) in [
        ("hubspot_contact_credits", "contacts", 2_006),
        ("hubspot_mock_exams", "slots", 207),
        ("hubspot_bookings", "bookings", 10_012),
    ] {
        let taken = mover.school.count(here).await;
        assert_eq!(taken + i64::try_from(run.left_behind(table)).unwrap(), rows, "{table}");
    }
    mover.school.laws_hold().await;
    mover.is_sound().await;
    everything_is_as_it_was_there(&mover).await;

    let after = mover.fingerprint().await;
    let again = mover.imports(&[]).await;
    again.counted("hubspot_contact_credits", "2,006 rows: 0 added, 0 changed, 2,003 unchanged, 3 not imported.");
    again.counted("hubspot_mock_exams", "207 rows: 0 added, 0 changed, 204 unchanged, 3 not imported.");
    again.counted("hubspot_bookings", "10,012 rows: 0 added, 0 changed, 10,005 unchanged, 7 not imported.");
    assert_eq!(mover.fingerprint().await, after, "a second run changes nothing");
}

/// Ids, booking IDs, dates, states and balances: compared by reading both sides.
pub(super) async fn everything_is_as_it_was_there(mover: &Mover) {
    let there = "SELECT b.id::text, b.booking_id, b.hubspot_id, b.created_at::text, b.student_id, e.id::text,
            CASE WHEN b.attendance = 'No' THEN 'no_show' WHEN b.is_active = 'Active' THEN 'confirmed' ELSE lower(b.is_active) END,
            b.token_used, b.attending_location, b.idempotency_key
        FROM hubspot_sync.hubspot_bookings b JOIN hubspot_sync.hubspot_mock_exams e ON e.hubspot_id = b.associated_mock_exam
        WHERE b.id::text LIKE 'b00%' ORDER BY 1";
    let here = "SELECT b.id::text, b.code, l.hubspot_id, b.created_at::text, c.student_id, b.slot_id::text, b.status, b.token_used,
            b.attending_location, CASE WHEN j.key NOT LIKE 'import:%' THEN j.key END
        FROM bookings b JOIN contacts c ON c.org_id = b.org_id AND c.id = b.contact_id
        JOIN journal j ON j.org_id = b.org_id AND j.entity_id = b.id
        LEFT JOIN hubspot_links l ON l.org_id = b.org_id AND l.entity = 'booking' AND l.entity_id = b.id
        WHERE b.id::text LIKE 'b00%' ORDER BY 1";
    same(&mover.there, there, &mover.school.db.owner().await, here, 10_000).await;

    let there =
        "SELECT id::text, hubspot_id, student_id, email, firstname || ' ' || lastname, concat_ws(' ', cs_credits,
            mock_discussion_token, shared_mock_credits, sj_credits, sjmini_credits)
        FROM hubspot_sync.hubspot_contact_credits WHERE id::text LIKE 'c00%' ORDER BY 1";
    let here = "SELECT c.id::text, l.hubspot_id, c.student_id, c.email, c.first_name || ' ' || c.last_name,
            (SELECT string_agg(b.amount::text, ' ' ORDER BY b.kind) FROM credit_balances b WHERE b.contact_id = c.id)
        FROM contacts c LEFT JOIN hubspot_links l ON l.org_id = c.org_id AND l.entity = 'contact' AND l.entity_id = c.id
        WHERE c.id::text LIKE 'c00%' ORDER BY 1";
    same(&mover.there, there, &mover.school.db.owner().await, here, 2_000).await;

    let there = "SELECT id::text, hubspot_id, mock_exam_name, exam_date::text, mock_set, capacity::text, '45',
            CASE is_active WHEN 'true' THEN 'active' ELSE 'inactive' END
        FROM hubspot_sync.hubspot_mock_exams WHERE id::text LIKE 'e00%' ORDER BY 1";
    let here = "SELECT s.id::text, l.hubspot_id, s.name, s.local_date::text, s.mock_set, s.capacity::text, s.taken::text, s.status
        FROM slots s JOIN hubspot_links l ON l.org_id = s.org_id AND l.entity = 'slot' AND l.entity_id = s.id
        WHERE s.id::text LIKE 'e00%' ORDER BY 1";
    same(&mover.there, there, &mover.school.db.owner().await, here, 200).await;
}
