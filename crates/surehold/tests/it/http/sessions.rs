//! Sessions: when they are on sale, where they are, how many seats they have.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Api;

/// What PostgreSQL knows of a row that was not written: its version stays the same.
async fn row_version(api: &Api, session: Uuid) -> String {
    let sql = format!("SELECT xmin::text || '/' || version FROM slots WHERE id = '{session}'");
    api.school.db.owner().await.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn is_listed(api: &Api, session: Uuid) -> bool {
    let list = api.get("/api/mock-exams/available").await.is(200);
    list.rows().iter().any(|listed| listed["id"] == session.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_session_goes_on_sale_at_its_time_without_being_written() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let opened = json!({ "mock_type": "Clinical Skills", "is_active": "scheduled", "scheduled_activation_datetime": "2029-01-01T09:00" });
    let session = api.opens_with(opened).await;
    let early = api.books(&ann, session).await;
    let details = early.refused(409, "EXAM_NOT_ACTIVE");
    assert_eq!(details["activates_at"], "2029-01-01T14:00:00Z", "nine in Toronto");
    assert!(!is_listed(&api, session).await);

    // Its time is a moment from now. From here on nobody writes the row, and it is bookable all the same.
    let soon = format!("UPDATE slots SET activates_at = now() + interval '300 ms' WHERE id = '{session}'");
    api.meddles(&soon).await;
    let before = row_version(&api, session).await;
    tokio::time::timeout(std::time::Duration::from_secs(10), async { while !is_listed(&api, session).await {} })
        .await
        .expect("it goes on sale");
    let seen = api.get(format!("/api/admin/mock-exams/{session}")).by_admin().await.is(200);
    assert_eq!(
        (&seen.data()["is_active"], &seen.data()["activation"], &seen.data()["bookable"]),
        (&json!(true), &json!("scheduled"), &json!(true))
    );
    assert_eq!(row_version(&api, session).await, before);
    api.books(&ann, session).await.is(201);

    // And the other way: moved into the future again, it is off sale.
    api.meddles(&format!("UPDATE slots SET activates_at = now() + interval '1 day' WHERE id = '{session}'")).await;
    assert!(!is_listed(&api, session).await);
    let bob = api.enrols("BOB", json!({ "cs_credits": 1 })).await;
    api.books(&bob, session).await.refused(409, "EXAM_NOT_ACTIVE");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_active_future_unblocked_sessions_are_listed_and_booked() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 9 })).await;
    let open = |date: &str, more: Value| {
        api.opens_with(crate::support::api::merged(json!({ "mock_type": "Clinical Skills", "exam_date": date }), more))
    };
    let good = open("2030-01-01", json!({})).await;
    let inactive = open("2030-01-02", json!({ "is_active": "false" })).await;
    let blocked = open("2030-01-03", json!({})).await;
    api.changes(blocked, json!({ "is_blocked": true })).await.names_bad_fields(&["blocked_reason"]);
    api.changes(blocked, json!({ "is_blocked": true, "blocked_reason": "flood" })).await.is(200);
    let past = open("2030-01-04", json!({})).await;
    api.meddles(&format!("UPDATE slots SET starts_at = now() - interval '1 s' WHERE id = '{past}'")).await;
    let cancelled = open("2030-01-05", json!({})).await;
    api.changes(cancelled, json!({ "status": "cancelled" })).await.is(200);

    for (session, code) in
        [(inactive, "EXAM_NOT_ACTIVE"), (blocked, "SLOT_BLOCKED"), (past, "EXAM_PAST"), (cancelled, "EXAM_NOT_ACTIVE")]
    {
        assert!(!is_listed(&api, session).await, "{code}");
        api.books(&ann, session).await.refused(409, code);
        assert_eq!(api.get(format!("/api/mock-exams/{session}/capacity")).await.is(200).data()["bookable"], false);
    }
    assert!(is_listed(&api, good).await);
    api.books(&ann, good).await.is(201);
    api.changes(cancelled, json!({ "status": "active" })).await.refused(409, "EXAM_CANCELLED");
    assert_eq!(api.credits(&ann).await["cs_credits"], 8);
}

/// Half past eleven at night in Vancouver is tomorrow in UTC and in Toronto.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_are_those_on_the_wall_at_the_place_of_the_session() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 9 })).await;
    let late = json!({ "mock_type": "Clinical Skills", "exam_date": "2030-10-23", "start_time": "22:30", "end_time": "23:45" });
    let places = [
        (json!({ "location": "Vancouver" }), "America/Vancouver", "2030-10-23T22:30:00-07:00"),
        (json!({ "location": "Calgary", "exam_date": "2030-10-24" }), "America/Edmonton", "2030-10-24T22:30:00-06:00"),
        (json!({ "location": "Montreal", "exam_date": "2030-12-25" }), "America/Toronto", "2030-12-25T22:30:00-05:00"),
        (
            json!({ "location": "Mississauga - B9", "exam_date": "2030-10-26" }),
            "America/Toronto",
            "2030-10-26T22:30:00-04:00",
        ),
        (json!({ "location": "Atlantis", "exam_date": "2030-10-27" }), "America/Toronto", "2030-10-27T22:30:00-04:00"),
        (
            json!({ "location": "Vancouver", "time_zone": "UTC", "exam_date": "2030-10-28" }),
            "UTC",
            "2030-10-28T22:30:00+00:00",
        ),
    ];
    for (place, zone, starts_at) in places {
        let session = api.opens_with(crate::support::api::merged(late.clone(), place)).await;
        let seen = api.get(format!("/api/admin/mock-exams/{session}")).by_admin().await.is(200);
        assert_eq!((&seen.data()["time_zone"], &seen.data()["starts_at"]), (&json!(zone), &json!(starts_at)));
        let date: jiff::civil::Date = starts_at[..10].parse().unwrap();
        let booked = api.books(&ann, session).await.is(201);
        let code = format!("Clinical Skills-ANN-{}", date.strftime("%B %-d, %Y"));
        assert_eq!(booked.data()["booking_id"], code);
        assert_eq!(
            (&booked.data()["examDate"], &booked.data()["startTime"]),
            (&json!(starts_at[..10]), &json!("22:30"))
        );
    }
    // Half past two does not exist on the night on which clocks go forward.
    let gap = json!({ "mock_type": "Clinical Skills", "exam_date": "2030-03-10", "start_time": "02:30", "end_time": "05:00",
        "capacity": 1, "location": "Vancouver" });
    api.post("/api/admin/mock-exams", gap).by_admin().await.names_bad_fields(&["start_time"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seats_agree_everywhere_after_each_change() {
    let api = Api::open().await;
    let session = api.opens("Situational Judgment", 5).await;
    let agree = async |available: i64, status: &str| {
        let (capacity, left, word) = api.seats(session).await;
        assert_eq!((left, word.as_str()), (available, status));
        let list = api.get("/api/mock-exams/available?mock_type=situational%20judgment").await.is(200);
        let listed = &list.data()[0];
        assert_eq!((&listed["available_slots"], &listed["status"]), (&json!(available), &json!(status)));
        assert_eq!(listed["total_bookings"], capacity - available);
        let seen = api.get(format!("/api/admin/mock-exams/{session}")).by_admin().await.is(200);
        assert_eq!(seen.data()["available_slots"], available);
    };
    let withhold = async |seats: i32| {
        let body = json!({ "seats": seats, "reason": "broken chairs" });
        api.post(format!("/api/admin/mock-exams/{session}/withhold"), body).by_admin().await
    };

    agree(5, "available").await;
    let ann = api.enrols("ANN", json!({ "sj_credits": 1 })).await;
    let hers = api.books(&ann, session).await.is(201).id();
    agree(4, "available").await;
    withhold(1).await.is(200);
    agree(3, "limited").await;
    assert_eq!(withhold(4).await.refused(409, "EXAM_FULL"), &json!({ "requested": 4, "available": 3 }));
    withhold(3).await.is(200);
    agree(0, "full").await;
    let too_low = api.changes(session, json!({ "capacity": 4 })).await;
    assert_eq!(too_low.refused(409, "CAPACITY_TOO_LOW")["in_use"], 5);
    assert_eq!(withhold(-5).await.refused(409, "RELEASE_EXCEEDS_WITHHELD")["withheld"], 4);
    withhold(0).await.names_bad_fields(&["seats"]);
    api.cancels(&ann, hers).await.is(200);
    agree(1, "limited").await;
    withhold(-4).await.is(200);
    api.changes(session, json!({ "capacity": 100 })).await.is(200);
    agree(100, "available").await;
    for bad in [0, 101, -1] {
        api.changes(session, json!({ "capacity": bad })).await.names_bad_fields(&["capacity"]);
    }
    let without = api.get("/api/mock-exams/available?include_capacity=false").await.is(200);
    assert!(without.data()[0].get("available_slots").is_none());
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_capacity_is_the_organisations_own() {
    let api = Api::with(
        Default::default(),
        surehold::http::HttpOptions {
            directory_max_age: std::time::Duration::ZERO,
            ..crate::support::api::unlimited()
        },
    )
    .await;
    api.meddles("UPDATE orgs SET slot_capacity_max = 250").await;
    let session = api.opens("Clinical Skills", 250).await;
    api.changes(session, json!({ "capacity": 251 })).await.names_bad_fields(&["capacity"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_checked_against_what_was_seen_and_against_who_is_booked() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 5).await;
    let seen = api.get(format!("/api/admin/mock-exams/{session}")).by_admin().await.is(200);
    let version = seen.data()["version"].as_i64().unwrap();
    let booked = api.books(&ann, session).await.is(201).id();

    // A booking in between is no conflict; another edit is.
    let changed = api.changes(session, json!({ "capacity": 6, "version": version })).await.is(200);
    assert_eq!((&changed.data()["changed"], &changed.data()["capacity"]), (&json!(true), &json!(6)));
    api.changes(session, json!({ "capacity": 7, "version": version })).await.refused(409, "VERSION_CONFLICT");
    let unchanged = api.changes(session, json!({ "capacity": 6 })).await.is(200);
    assert_eq!(unchanged.data()["changed"], false);
    api.changes(session, json!({ "exam_date": "2030-05-06" })).await.refused(409, "EXAM_HAS_BOOKINGS");
    api.changes(session, json!({ "prerequisite_exam_ids": [session] }))
        .await
        .names_bad_fields(&["prerequisite_exam_ids"]);
    api.changes(session, json!({})).await.names_bad_fields(&["body"]);
    api.changes(session, json!({ "is_active": "scheduled" }))
        .await
        .names_bad_fields(&["scheduled_activation_datetime"]);
    api.cancels(&ann, booked).await.is(200);
    let moved = api.changes(session, json!({ "exam_date": "2030-05-06", "location": "Vancouver" })).await.is(200);
    assert_eq!(moved.data()["starts_at"], "2030-05-06T09:00:00-07:00");
    assert_eq!(api.books(&ann, session).await.is(201).data()["booking_id"], "Clinical Skills-ANN-May 6, 2030");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_sessions_come_in_pages_and_can_be_narrowed() {
    let api = Api::open().await;
    let mut opened = Vec::new();
    for day in 1..=5 {
        opened.push(api.opens_on("Clinical Skills", 1, &format!("2030-05-0{day}")).await.to_string());
    }
    let mut seen = Vec::new();
    let mut path = "/api/mock-exams/available?limit=2".to_owned();
    loop {
        let page = api.get(&path).await.is(200);
        seen.extend(page.rows().iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        assert_eq!(page.body["has_more"], true);
        path = format!("/api/mock-exams/available?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, opened, "the soonest first");
    api.changes(opened[0].parse().unwrap(), json!({ "is_active": "inactive" })).await.is(200);
    let narrowed = "/api/admin/mock-exams?from=2030-05-01&to=2030-05-04&status=true&limit=2";
    let page = api.get(narrowed).by_admin().await.is(200);
    let ids: Vec<_> = page.rows().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&opened[3], &opened[2]], "the latest first");
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let page = api.get(format!("{narrowed}&cursor={cursor}")).by_admin().await.is(200);
    assert_eq!((page.data()[0]["id"].as_str(), &page.body["has_more"]), (Some(opened[1].as_str()), &json!(false)));
}
