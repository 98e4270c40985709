//! The same request again.

use futures::future::join_all;
use surehold_core::command::{ChangeContact, Command};
use surehold_core::rows::BookingStatus;
use surehold_core::{Answer, Refusal};

use crate::support::School;
use crate::support::school::{book, booked, is_refused, refusal, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_books_once() {
    let school = School::open().await;
    let other = school.second_server();
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[("cs_credits", 5)]).await;

    let clicks = join_all((0..8).map(|i| {
        let desk = if i % 2 == 0 { &school.desk } else { &other };
        desk.submit(school.org_id, request(book(student, session)))
    }))
    .await;

    let ids: std::collections::BTreeSet<_> = clicks.iter().map(|r| booked(r.clone()).unwrap().booking_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(clicks.iter().filter(|r| !r.as_ref().unwrap().replayed).count(), 1);
    assert_eq!(school.balance(student, "cs_credits").await, 4);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_keys_at_once_are_one_booking() {
    let school = School::open().await;
    let other = school.second_server();
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[("cs_credits", 5)]).await;

    let results = join_all((0..8).map(|i| {
        let desk = if i % 2 == 0 { &school.desk } else { &other };
        desk.submit(school.org_id, crate::support::school::with_key("click-1", book(student, session)))
    }))
    .await;

    let ids: std::collections::BTreeSet<_> = results.iter().map(|r| booked(r.clone()).unwrap().booking_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(results.iter().filter(|r| !r.as_ref().unwrap().replayed).count(), 1);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_for_two_requests_at_once_serves_one_of_them() {
    let school = School::open().await;
    let other = school.second_server();
    let (morning, evening) = (
        school.session_on("Clinical Skills", 10, jiff::civil::date(2030, 5, 4)).await,
        school.session_on("Clinical Skills", 10, jiff::civil::date(2030, 5, 5)).await,
    );
    let (ann, bob) =
        (school.student("ANN", &[("cs_credits", 5)]).await, school.student("BOB", &[("cs_credits", 5)]).await);

    let keyed = |student, slot| crate::support::school::with_key("same", book(student, slot));
    let (a, b) = futures::join!(
        school.desk.submit(school.org_id, keyed(ann, morning)),
        other.submit(school.org_id, keyed(bob, evening)),
    );

    let (done, refused) = if a.is_ok() { (a, b) } else { (b, a) };
    assert!(done.is_ok());
    assert_eq!(refusal(refused), Refusal::IdempotencyMismatch);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_gives_the_same_answer_and_the_present_status() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[("cs_credits", 5)]).await;
    let first = school.book_with_key("k", student, session).await.unwrap();
    let Answer::Booked(booking) = first.answer.clone() else { panic!() };
    school.cancel(booking.booking_id).await.unwrap();

    let again = school.book_with_key("k", student, session).await.unwrap();

    assert_eq!(again.answer, first.answer);
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.booking_status, Some(BookingStatus::Cancelled));
    // A server that was started since remembers, too.
    let elsewhere = school
        .second_server()
        .submit(school.org_id, crate::support::school::with_key("k", book(student, session)))
        .await
        .unwrap();
    assert_eq!(elsewhere, again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_04_book_cancel_book_is_a_new_booking() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[("cs_credits", 1)]).await;

    let first = school.book(student, session).await.unwrap();
    school.cancel(first.booking_id).await.unwrap();
    let second = school.book(student, session).await.unwrap();

    assert_ne!(first.booking_id, second.booking_id);
    assert_eq!(first.code, second.code, "the human ID repeats");
    assert_eq!(school.balance(student, "cs_credits").await, 0);
    let keys = "SELECT count(DISTINCT key) FROM journal WHERE event = 'booking.confirmed' AND key LIKE 'idem\\_%'";
    assert_eq!(school.number(keys).await, 2);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_not_remembered() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[]).await;
    assert_eq!(refusal(school.book_with_key("k", student, session).await).code(), "INSUFFICIENT_CREDITS");

    school.grant(student, "cs_credits", 1).await.unwrap();

    assert!(!school.book_with_key("k", student, session).await.unwrap().replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_may_change_one_half_of_an_identity_each() {
    let school = School::open().await;
    let other = school.second_server();
    let student = school.student("1500007", &[]).await;
    let change = |student_id: Option<&str>, email: Option<&str>| {
        let (student_id, email) = (student_id.map(str::to_owned), email.map(str::to_owned));
        let change = ChangeContact { contact_id: student, student_id, email, ..ChangeContact::default() };
        request(Command::ChangeContact(change))
    };

    let (a, b) = futures::join!(
        school.desk.submit(school.org_id, change(Some("1600000"), None)),
        other.submit(school.org_id, change(None, Some("new@example.org"))),
    );

    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    let both = "SELECT count(*) FROM contacts WHERE student_id = '1600000' AND email = 'new@example.org'";
    assert_eq!(school.number(both).await, 1);
    // The other half counts, too: this pair is taken.
    let twin = school.student("1600001", &[]).await;
    let taken = ChangeContact { contact_id: twin, email: Some("new@example.org".to_owned()), ..Default::default() };
    school.submit(Command::ChangeContact(taken)).await.expect("another student ID, so another pair");
    let taken = ChangeContact { contact_id: twin, student_id: Some("1600000".to_owned()), ..Default::default() };
    assert_eq!(refusal(school.submit(Command::ChangeContact(taken)).await).code(), "CONTACT_EXISTS");
}

/// The desk answers for a full session from plain reads, which leave balances out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_on_a_full_session_tells_the_balance_as_before() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 1).await;
    let (ann, bob) =
        (school.student("ANN", &[("cs_credits", 3)]).await, school.student("BOB", &[("cs_credits", 1)]).await);
    let first = school.book(ann, session).await.unwrap();
    assert!(is_refused(&school.book(bob, session).await, "EXAM_FULL"), "now the desk knows that it is full");

    let again = school.book(ann, session).await.unwrap();

    assert_eq!(again, first);
    assert_eq!(again.balance, Some(2));
}
