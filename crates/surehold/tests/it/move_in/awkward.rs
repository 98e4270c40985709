//! Rows that cannot be taken, or not as they are: each is in the report with its reason.

use super::*;

fn row(kind: char, number: u32) -> String {
    format!("{kind}1000000-0000-0000-0000-{number:012}")
}

/// What the report says of each row: one line for each of these, with these words in it.
const SAID: &[(char, u32, &[&str])] = &[
    ('c', 1, &[]),
    ('c', 2, &["NDECC Exam Date,in spring,must be a date", "CS Credits,'-3,is below zero"]),
    ('c', 3, &["not imported,Email,,is missing"]),
    (
        'c',
        4,
        &[
            "not imported,Student ID,ANN1 ann@example.org,is the same person as in row c1000000-0000-0000-0000-000000000001",
        ],
    ),
    ('c', 5, &["SJ Credits,,is not there"]),
    ('c', 6, &["not imported,CS Credits,2000000,must be from 0 to 1000000"]),
    ('e', 1, &[]),
    ('e', 2, &["Total Bookings,7,is its own count; bookings that hold a seat: 3"]),
    ('e', 3, &["not imported,Capacity,,is missing"]),
    (
        'e',
        4,
        &["Scheduled Activation,,is not known", "Total Bookings,0,is its own count; bookings that hold a seat: 1"],
    ),
    ('e', 5, &["not imported,Mock Type,Yoga,is not a type of session"]),
    ('e', 6, &["prerequisite_exam_ids,89999,are no sessions here"]),
    ('e', 7, &["not imported,End Time,09:00"]),
    ('b', 1, &["not imported,booking_id,Clinical Skills-BEN2-March 1, 2030,This session is full. (EXAM_FULL)"]),
    ('b', 2, &[]),
    ('b', 3, &[]),
    ('b', 4, &["note,token_used,Golden Token,is no kind of credit here"]),
    (
        'b',
        5,
        &[
            "not imported,booking_id,another,There is already an active booking for this type of session on this date. (DUPLICATE_BOOKING: Situational Judgment-BEN2-March 2, 2030)",
        ],
    ),
    ('b', 6, &["not imported,student_id,ZOE9 zoe@example.org,is nobody here"]),
    ('b', 7, &["not imported,student_id,CAT3 71003,is nobody here"]),
    ('b', 8, &["not imported,associated_mock_exam,81003,is no session here"]),
    ('b', 9, &["not imported,is_active,Failed,is no booking"]),
    ('b', 10, &["not imported,is_active,,is missing"]),
    ('b', 11, &["note,dominant_hand,both,must be right or left; left out"]),
    ('b', 12, &["note,token_refunded,true,is set although the booking is active"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_reported_with_its_reason() {
    let mover = Mover::with(&[AWKWARD]).await;
    let dry = mover.imports(&["--dry-run"]).await;
    let run = mover.imports(&[]).await;
    assert_eq!(dry.report, run.report);
    let is_said = |(kind, number, expected): &&(char, u32, &[&str])| run.says(&row(*kind, *number), expected);
    let otherwise: Vec<_> = SAID.iter().filter(|row| !is_said(row)).collect();
    assert!(otherwise.is_empty(), "{otherwise:#?} is not what is said:\n{}", run.report);
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_is_taken_as_well_as_it_can_be() {
    let mover = Mover::with(&[AWKWARD]).await;
    mover.imports(&[]).await;
    let balances = "SELECT string_agg(amount::text, ' ' ORDER BY kind) FROM credit_balances WHERE contact_id = ";
    assert_eq!(mover.text(&format!("{balances}'{}'", row('c', 1))).await, "1 0 0 2 0", "as they were there");
    assert_eq!(mover.text(&format!("{balances}'{}'", row('c', 2))).await, "0 0 0 0 0", "none is below zero");
    let name = "SELECT first_name || '/' || last_name FROM contacts WHERE student_id = 'BEN2'";
    assert_eq!(mover.text(name).await, "Ben van/Dyk");

    // The contact is found by its address or its student ID alone, the session by its type and day.
    let of_ben = "SELECT string_agg(concat_ws(' ', right(b.id::text, 2), b.status, b.paid_by, b.returned_kind), ', ' ORDER BY b.id)
        FROM bookings b JOIN contacts c ON c.id = b.contact_id WHERE c.student_id = 'BEN2'";
    assert_eq!(mover.text(of_ben).await, "03 cancelled credit shared_mock_credits, 04 confirmed override");
    let attended = "SELECT concat_ws(' ', status, attendance, returned_kind, code) FROM bookings WHERE id = ";
    assert_eq!(
        mover.text(&format!("{attended}'{}'", row('b', 11))).await,
        "completed Yes sj_credits Situational Judgment-ANN1-March 2, 2030"
    );
    let status = "SELECT concat_ws(' ', status, local_start, local_end, time_zone) FROM slots WHERE id = ";
    assert_eq!(mover.text(&format!("{status}'{}'", row('e', 4))).await, "inactive 09:00:00 12:00:00 America/Edmonton");
    let required = "SELECT array_to_string(prerequisites, ' ') FROM slots WHERE id = ";
    assert_eq!(mover.text(&format!("{required}'{}'", row('e', 6))).await, format!("{} {}", row('e', 1), row('e', 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_fewer_columns_and_tables_moves_in_too() {
    let mover = Mover::with(&[]).await;
    let older = "SET search_path = hubspot_sync;
        DROP TABLE hubspot_mock_exams;
        ALTER TABLE hubspot_contact_credits DROP firstname, DROP lastname, DROP mock_discussion_token, DROP ndecc_exam_date;
        INSERT INTO hubspot_contact_credits (student_id, email, student_name, sj_credits) VALUES ('ANN1', 'a@example.org', 'Ann', 2);
        ALTER TABLE hubspot_bookings RENAME name TO student_name;
        INSERT INTO hubspot_bookings (student_id, student_email, is_active) VALUES ('ANN1', 'a@example.org', 'Active')";
    mover.there.batch_execute(older).await.unwrap();
    let run = mover.imports(&[]).await;
    run.counted("hubspot_contact_credits", "1 row: 1 added, 0 changed, 0 unchanged, 0 not imported.");
    assert!(run.said.contains("hubspot_mock_exams: there is no such table."), "{}", run.said);
    run.counted("hubspot_bookings", "1 row: 0 added, 0 changed, 0 unchanged, 1 not imported.");
    assert_eq!(mover.text("SELECT first_name FROM contacts").await, "Ann");
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_something_else_is_refused() {
    let mover = Mover::with(&[]).await;
    for (flags, words) in [
        (["--schema", "public"], "its schema public has none of the tables"),
        (["--from", "host=/nowhere"], "cannot be reached"),
        (["--from", "no url"], "cannot be read"),
    ] {
        let output = mover.command().args(flags).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

/// Such databases hide their rows from everybody but one login. To see none is not that there are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_may_not_see_the_rows_is_told_so() {
    let mover = Mover::with(&[AWKWARD]).await;
    let login = format!("{}_stranger", mover.school.db.name);
    let hide = format!(
        "CREATE ROLE {login} LOGIN; GRANT USAGE ON SCHEMA hubspot_sync TO {login};
         GRANT SELECT ON ALL TABLES IN SCHEMA hubspot_sync TO {login};
         ALTER TABLE hubspot_sync.hubspot_bookings ENABLE ROW LEVEL SECURITY"
    );
    mover.there.batch_execute(&hide).await.unwrap();
    let from = mover.from.replace("user=surehold_owner", &format!("user={login}"));
    let output = mover.command().env("SUREHOLD_FROM", from).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("row-level security"), "{said}");
    assert_eq!(mover.school.count("contacts").await, 0);
}
