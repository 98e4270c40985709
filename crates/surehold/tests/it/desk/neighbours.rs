//! Several organisations at one desk: they share transactions, and nothing else.

use futures::future::join_all;
use surehold::desk::{DeskError, DeskOptions};
use uuid::Uuid;

use crate::support::School;
use crate::support::school::is_refused;

/// Some schools at one desk with a single lane, each with a session and as many students as seats and one.
async fn street(schools: usize, seats: i32) -> Vec<(School, Uuid, Vec<Uuid>)> {
    let first = School::with(DeskOptions { lanes: 1, ..DeskOptions::default() }).await;
    let mut street = Vec::new();
    for number in 1..schools {
        street.push(first.neighbour(&format!("school-{number}")).await);
    }
    street.push(first);
    let mut ready = Vec::new();
    for school in street {
        let session = school.session("Clinical Skills", seats).await;
        let students = school.students(seats as usize + 1, "cs_credits").await;
        ready.push((school, session, students));
    }
    ready
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_share_transactions_but_no_seats() {
    let street = street(5, 3).await;

    let everybody = street
        .iter()
        .flat_map(|(school, session, students)| students.iter().map(|student| school.book(*student, *session)));
    let results = join_all(everybody).await;

    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 5 * 3);
    assert_eq!(results.iter().filter(|r| is_refused(r, "EXAM_FULL")).count(), 5);
    for (school, session, students) in &street {
        assert_eq!(school.taken(*session).await, 3);
        let sql = format!("SELECT count(*) FROM bookings WHERE org_id = '{}'", school.org_id);
        assert_eq!(school.number(&sql).await, students.len() as i64 - 1);
    }
    let shared = "SELECT count(*) FROM (SELECT FROM journal WHERE event = 'booking.confirmed'
                  GROUP BY xmin::text HAVING count(DISTINCT org_id) > 1) t";
    assert!(street[0].0.number(shared).await > 0, "no transaction served two organisations");
    street[0].0.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_in_one_organisation_costs_no_other_anything() {
    let street = street(3, 5).await;
    let (school, _, students) = &street[1];
    let unlucky = students[0];
    let constraint = format!("ALTER TABLE bookings ADD CONSTRAINT unlucky CHECK (contact_id <> '{unlucky}')");
    school.db.owner().await.batch_execute(&constraint).await.unwrap();

    let some = street.iter().flat_map(|(school, session, students)| {
        students[..4].iter().map(move |student| async move { (*student, school.book(*student, *session).await) })
    });
    for (student, result) in join_all(some).await {
        match student == unlucky {
            true => assert_eq!(result, Err(DeskError::Internal)),
            false => assert!(result.is_ok(), "{result:?}"),
        }
    }
    school.laws_hold().await;
}

/// Both are in one lane, and the first one's transaction waits for a lock for as long as it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_is_held_up_holds_up_no_other() {
    let street = street(2, 5).await;
    let ((held, held_session, held_students), (free, free_session, free_students)) = (&street[0], &street[1]);
    let owner = held.somebody_locks("slots", *held_session).await;

    let waiting = held.book(held_students[0], *held_session);
    let free_one = async {
        // Not before the other one waits for its lock.
        let waits = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                     WHERE NOT l.granted AND a.datname = current_database()";
        while held.number(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        let booked = free.book(free_students[0], *free_session).await;
        let still_waiting = held.number(waits).await > 0;
        owner.batch_execute("COMMIT").await.unwrap();
        (booked, still_waiting)
    };
    let (late, (booked, still_waiting)) = futures::join!(waiting, free_one);

    assert!(booked.is_ok(), "{booked:?}");
    assert!(still_waiting, "the free organisation had to wait for the other one's lock");
    assert!(late.is_ok(), "{late:?}");
    held.laws_hold().await;
}

/// One statement reads for all of a batch: what belongs to somebody else must not be found because it is read
/// for them at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_another_organisation_in_the_same_batch_is_unknown() {
    let street = street(2, 20).await;
    let ((own, own_session, own_students), (other, other_session, other_students)) = (&street[0], &street[1]);

    let (theirs, mine, with_their_session, with_their_student) = futures::join!(
        join_all(other_students[..8].iter().map(|student| other.book(*student, *other_session))),
        join_all(own_students[..8].iter().map(|student| own.book(*student, *own_session))),
        join_all(own_students[8..16].iter().map(|student| own.book(*student, *other_session))),
        join_all(other_students[8..16].iter().map(|student| own.book(*student, *own_session))),
    );

    assert!(theirs.iter().chain(&mine).all(|result| result.is_ok()), "{theirs:?} {mine:?}");
    assert!(with_their_session.iter().all(|result| is_refused(result, "EXAM_NOT_FOUND")), "{with_their_session:?}");
    assert!(with_their_student.iter().all(|result| is_refused(result, "CONTACT_NOT_FOUND")), "{with_their_student:?}");
    assert_eq!((own.taken(*own_session).await, other.taken(*other_session).await), (8, 8));
    own.laws_hold().await;
}
