//! A student's day, from login to the second booking.

use serde_json::json;
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::{booking_of, encoded, merged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_student_logs_in_looks_around_and_books() {
    let api = Api::open().await;
    let credits = json!({ "cs_credits": 5, "shared_mock_credits": 2, "mock_discussion_token": 1 });
    let olivia = api.enrols("1599999", credits).await;
    let session = api.opens_on("Clinical Skills", 4, "2029-10-23").await;
    api.opens_on("Situational Judgment", 3, "2029-10-24").await;

    let login = api.post("/api/user/login", olivia.identity()).await.is(200);
    assert_body!("login", login);
    assert_eq!(login.id(), olivia.id);

    let token = login.data()["token"].as_str().unwrap();
    let question = json!({ "mock_type": "Clinical Skills" });
    let credits = api.post("/api/mock-exams/validate-credits", question).bearer(token).await.is(200);
    assert_body!("validate_credits", credits);
    assert_eq!(credits.data()["contact_id"], olivia.id.to_string());

    assert_body!("available", api.get("/api/mock-exams/available").await.is(200));

    let booked = api.post("/api/bookings/create", booking_of(session)).bearer(token).await.is(201);
    assert_body!("booked", booked);
    let data = booked.data();
    assert_eq!(data["booking_id"], "Clinical Skills-1599999-October 23, 2029");
    assert_eq!(data["booking_record_id"], data["booking_id"]);
    assert!(data.get("hubspot_id").is_none(), "it may not exist yet");
    assert!(!booked.is_replayed());

    // The second click.
    let again = api.post("/api/bookings/create", booking_of(session)).bearer(token).await.is(200);
    assert_body!("booked_again", again);
    assert_eq!(again.message(), "Booking already exists");
    assert!(again.is_replayed());
    assert_eq!(again.id(), booked.id());

    // The same with the seed's identity instead of the token is the same student.
    let third = api.books(&olivia, session).await.is(200);
    assert_eq!(third.id(), booked.id());
    assert_eq!(api.credits(&olivia).await["cs_credits"], 4);
    assert_eq!(api.seats(session).await, (4, 3, "limited".to_owned()));

    assert_body!("one_booking", api.get(format!("/api/bookings/{}", booked.id())).bearer(token).await.is(200));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_may_use_the_camel_case_names_of_the_seed() {
    let api = Api::open().await;
    let olivia = api.enrols("STU-1", json!({ "sj_credits": 1 })).await;
    let session = api.opens("Situational Judgment", 2).await;
    for session_name in ["mockExamId", "sessionId", "mock_exam_id", "session_id"] {
        let body = json!({
            "studentId": " stu-1 ", "studentEmail": "STU-1@Example.org", "mockType": "situational judgment",
            "examDate": "2030-05-04", "attendingLocation": "Richmond Hill", "dominantHand": true, session_name: session,
        });
        let answer = api.post("/api/bookings/create", body).await;
        assert!([200, 201].contains(&answer.status), "{session_name}: {answer:?}");
        assert_eq!(answer.data()["attending_location"], "richmond_hill");
    }
    assert_eq!(api.credits(&olivia).await["sj_credits"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validating_credits_says_no_without_refusing() {
    let api = Api::open().await;
    let poor = api.enrols("POOR", json!({ "sjmini_credits": 1 })).await;

    let question = merged(poor.identity(), json!({ "mock_type": "Clinical Skills" }));
    let answer = api.post("/api/mock-exams/validate-credits", question).await.is(200);
    assert_body!("validate_credits_not_eligible", answer);
    assert_eq!(answer.data()["eligible"], false);

    let question = merged(poor.identity(), json!({ "mock_type": "Mini-mock" }));
    let answer = api.post("/api/mock-exams/validate-credits", question).await.is(200);
    assert_eq!(answer.data()["eligible"], true);
    assert!(answer.data().get("error_message").is_none_or(serde_json::Value::is_null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_read_and_cancelled_by_each_of_its_three_names() {
    let api = Api::open().await;
    let olivia = api.enrols("1599999", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    api.hubspot_knows("slot", session, "44001").await;

    for name in 0..3 {
        let booked = api.books(&olivia, session).await.is(201);
        let hubspot_id = format!("9900{name}");
        api.hubspot_knows("booking", booked.id(), &hubspot_id).await;
        let names = [hubspot_id, booked.id().to_string(), booked.data()["booking_id"].as_str().unwrap().to_owned()];

        for known_as in &names {
            let read = api.reads(&olivia, known_as).await.is(200);
            assert_eq!(read.id(), booked.id(), "{known_as}");
            assert_eq!(read.data()["mock_exam_hubspot_id"], "44001");
        }
        let cancelled = api.cancels(&olivia, &names[name]).await.is(200);
        assert_eq!(cancelled.id(), booked.id());
        assert_eq!(cancelled.data()["hubspot_id"], names[0]);
        assert_eq!(cancelled.data()["credits_restored"], 1);
        assert_eq!(cancelled.message(), "Booking cancelled");
        assert_eq!(api.credits(&olivia).await["cs_credits"], 1);
    }
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_booked_by_each_of_its_three_names() {
    let api = Api::open().await;
    let olivia = api.enrols("1599999", json!({ "cs_credits": 1 })).await;
    let session = api.opens_with(json!({ "mock_type": "Clinical Skills", "name": "Spring round, room 5" })).await;
    api.hubspot_knows("slot", session, "44001").await;

    for known_as in [json!("44001"), json!(44001), json!(session), json!("Spring round, room 5")] {
        let body = merged(merged(olivia.identity(), booking_of(session)), json!({ "mock_exam_id": known_as }));
        let booked = api.post("/api/bookings/create", body).await.is(201);
        assert_eq!(booked.data()["mock_exam_id"], session.to_string());
        let path = format!("/api/mock-exams/{}/capacity", encoded(known_as.as_str().unwrap_or("44001")));
        assert_eq!(api.get(path).await.is(200).data()["total_bookings"], 1);
        api.cancels(&olivia, booked.id()).await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_cancel_is_a_success_and_gives_no_second_credit() {
    let api = Api::open().await;
    let olivia = api.enrols("1599999", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    let booked = api.books(&olivia, session).await.is(201).id();

    assert_body!("cancelled", api.cancels(&olivia, booked).await.is(200));
    let again = api.cancels(&olivia, booked).await.is(200);
    assert_body!("cancelled_again", again);
    assert_eq!(again.message(), "Booking already cancelled");
    assert_eq!(again.body["idempotent"], true);
    assert_eq!(api.credits(&olivia).await["cs_credits"], 1);
    assert_eq!(api.seats(session).await.1, 2);
    assert_eq!(api.reads(&olivia, booked).await.is(200).data()["is_active"], "Cancelled");

    let second = api.books(&olivia, session).await.is(201);
    assert_ne!(second.id(), booked, "a new booking");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered_and_comes_in_pages() {
    let api = Api::open().await;
    let olivia = api.enrols("1599999", json!({ "cs_credits": 9, "mock_discussion_token": 1 })).await;
    let mut booked = Vec::new();
    for day in 1..=5 {
        let session = api.opens_on("Clinical Skills", 3, &format!("2030-06-0{day}")).await;
        booked.push((session, api.books(&olivia, session).await.is(201).id()));
    }
    api.cancels(&olivia, booked[4].1).await.is(200);
    api.meddles(&format!(
        "UPDATE slots SET starts_at = now() - interval '5 h', ends_at = now() - interval '2 h' WHERE id = '{}'",
        booked[0].0
    ))
    .await;

    let ids = |answer: &crate::support::answer::Answer| -> Vec<Uuid> {
        let bookings = answer.data()["bookings"].as_array().unwrap();
        bookings.iter().map(|booking| booking["id"].as_str().unwrap().parse().unwrap()).collect()
    };
    let booking = |day: usize| booked[day - 1].1;
    // All: the latest session first. Upcoming: what is still ahead, the soonest first.
    assert_eq!(ids(&api.lists(&olivia, "").await), [5, 4, 3, 2, 1].map(booking));
    assert_eq!(ids(&api.lists(&olivia, "&filter=upcoming").await), [2, 3, 4].map(booking));
    assert_eq!(ids(&api.lists(&olivia, "&filter=past").await), [1].map(booking));

    let first = api.lists(&olivia, "&limit=2").await;
    assert_eq!(
        first.data()["pagination"],
        json!({ "page": 1, "limit": 2, "total": 5, "total_pages": 3, "has_next": true })
    );
    assert_eq!(ids(&first), [5, 4].map(booking));
    assert_eq!(ids(&api.lists(&olivia, "&limit=2&page=3").await), [1].map(booking));
    let beyond = api.lists(&olivia, "&limit=2&page=4").await;
    assert!(ids(&beyond).is_empty());
    assert_eq!(beyond.data()["pagination"]["has_next"], false);
    assert_body!("list", api.lists(&olivia, "&filter=upcoming&limit=1").await);

    let token = api.logs_in(&olivia).await;
    assert_eq!(ids(&api.get("/api/bookings/list").bearer(&token).await.is(200)).len(), 5);
    let wrong = api.get(format!("/api/bookings/list?{}&filter=soon&page=0&limit=101", olivia.query())).await;
    wrong.names_bad_fields(&["filter", "limit", "page"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discussion_is_booked_with_its_own_token() {
    let api = Api::open().await;
    let olivia = api.enrols("1599999", json!({ "mock_discussion_token": 1, "shared_mock_credits": 3 })).await;
    let session = api.opens_on("Mock Discussion", 2, "2029-01-03").await;

    let credits = api.post("/api/mock-discussions/validate-credits", olivia.identity()).await.is(200);
    assert_body!("validate_credits_for_a_discussion", credits);
    assert_body!("available_discussions", api.get("/api/mock-discussions/available").await.is(200));
    let booked = api.books_discussion(&olivia, session).await.is(201);
    assert_body!("discussion_booked", booked);
    assert_eq!(booked.data()["booking_id"], "Mock Discussion-1599999-January 3, 2029");
    assert_eq!(api.books_discussion(&olivia, session).await.is(200).id(), booked.id());
    // Each family has its own routes, and its own format of keys.
    api.books(&olivia, session).await.refused(400, "INVALID_EXAM_TYPE");
    let key = "SELECT count(*) FROM journal WHERE key ~ '^idem_disc_[0-9a-f]{28}$'";
    assert_eq!(api.school.number(key).await, 1);
    assert_eq!(
        api.credits(&olivia).await,
        json!({
            "cs_credits": 0, "mock_discussion_token": 0, "shared_mock_credits": 3, "sj_credits": 0, "sjmini_credits": 0,
        })
    );
}
