//! Writes of the exam school's programs that copy what is stored already: answered, if they say the same.

use serde_json::{Value, json};
use uuid::Uuid;

use super::open;
use crate::support::Api;
use crate::support::answer::Answer;
use crate::support::api::{Call, merged};
use crate::support::scene::Scene;

const OBJECT: &str = "application/vnd.pgrst.object+json";
const THREE: [&str; 3] = ["hubspot_bookings", "hubspot_contact_credits", "hubspot_mock_exams"];

impl Api {
    /// An insert or an upsert, as supabase-js sends it.
    fn upserts(&self, view_and_query: &str, rows: Value) -> Call {
        self.inserts(view_and_query, rows).header("prefer", "resolution=merge-duplicates")
    }

    fn inserts(&self, view_and_query: &str, rows: Value) -> Call {
        self.post(format!("/rest/v1/{view_and_query}"), rows).header("content-profile", "hubspot_sync").by_service()
    }

    fn updates(&self, view_and_query: &str, values: Value) -> Call {
        self.patch(format!("/rest/v1/{view_and_query}"), values).header("content-profile", "hubspot_sync").by_service()
    }

    /// The only row of a view.
    async fn only(&self, view: &str) -> Value {
        let rows = self.found(view).await;
        assert_eq!(rows.len(), 1, "{view}");
        rows[0].clone()
    }
}

impl Answer {
    /// Refuses a change, says why, and what to call.
    #[track_caller]
    fn would_change(&self, view: &str, why: &str) {
        self.fails(405, "25006", &format!("{view} is read-only here"));
        let details = self.body["details"].as_str().unwrap_or_default();
        assert!(details.starts_with(why), "{why}: {self:?}");
        assert!(self.body["hint"].as_str().is_some_and(|hint| hint.contains("rpc('")), "{self:?}");
    }
}

/// A school that HubSpot knows; the booking, the exam and the contact have numbers.
async fn known() -> (Api, Scene) {
    let (api, scene) = open().await;
    for (entity, id, number) in
        [("contact", scene.student, "9001"), ("slot", scene.exam, "7001"), ("booking", scene.booking, "8001")]
    {
        api.hubspot_knows(entity, id, number).await;
    }
    (api, scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_as_it_was_read_can_be_written_back_by_every_key() {
    let (api, _) = known().await;
    let dump = "SELECT count(*) FROM journal";
    let journal = api.school.number(dump).await;
    for (view, keys) in [
        ("hubspot_bookings", &["id", "hubspot_id", "idempotency_key"] as &[&str]),
        ("hubspot_contact_credits", &["id", "hubspot_id", "student_id,email", "email,student_id"]),
        ("hubspot_mock_exams", &["id", "hubspot_id"]),
    ] {
        let row = api.only(view).await;
        for key in keys {
            let upserted = api.upserts(&format!("{view}?on_conflict={key}"), row.clone()).await.is(200);
            assert_eq!((&upserted.body, upserted.range()), (&json!(""), "*/*"));
            let shown = api.upserts(&format!("{view}?on_conflict={key}"), json!([row, row]));
            let shown = shown.header("prefer", "return=representation,count=exact").await.is(200);
            assert_eq!((&shown.body, shown.range()), (&json!([row, row]), "*/2"));
        }
        // Without a key, and as a plain insert.
        api.upserts(view, row.clone()).await.is(200);
        api.inserts(view, row.clone()).await.is(201);
        let single = api.inserts(&format!("{view}?select=id"), row.clone()).header("accept", OBJECT);
        let single = single.header("prefer", "return=representation").await.is(201);
        assert_eq!(single.body, json!({ "id": row["id"] }));
        // As an update.
        let by_id = format!("{view}?id=eq.{}", row["id"].as_str().unwrap());
        let updated = api.updates(&by_id, row.clone()).await.is(204);
        assert_eq!((updated.range(), updated.header("content-type")), ("0-0/*", None));
        let shown = api.updates(&by_id, row.clone()).header("prefer", "return=representation").await.is(200);
        assert_eq!(shown.body, json!([row]));
        assert_eq!(api.only(view).await, row, "nothing was changed");
    }
    assert_eq!(api.school.number(dump).await, journal);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_compared_by_what_they_mean() {
    let (api, scene) = known().await;
    let say = async |view: &str, key: Value, values: Value| {
        let same = api.upserts(view, merged(key, values.clone())).await;
        assert_eq!(same.status, 200, "{values}: {same:?}");
    };
    let booking = || json!({ "id": scene.booking });
    for same in [
        json!({ "is_active": "Active", "student_id": "ann", "student_email": "Ann@Example.org" }),
        // A date with any time, or with none.
        json!({ "exam_date": "2030-05-04" }),
        json!({ "exam_date": "2030-05-04T14:30:00.000Z" }),
        json!({ "start_time": "09:00:00", "end_time": "12:00" }),
        // HubSpot's number of the session, or its UUID.
        json!({ "mock_exam_id": 7001, "associated_mock_exam": scene.exam }),
        json!({ "hubspot_id": 8001, "contact_id": "9001" }),
        // The hand and the place as the function takes them.
        json!({ "dominant_hand": true, "attending_location": "Mississauga" }),
        json!({ "dominant_hand": "right" }),
        // Nothing, in both spellings.
        json!({ "attendance": "", "token_refunded": null, "token_refunded_at": null }),
        // When it was written is nobody's business but ours.
        json!({ "updated_at": "2020-01-01T00:00:00Z", "synced_at": "now", "created_at": 5, "hubspot_last_sync_at": null }),
    ] {
        let mut row = booking();
        row.as_object_mut().unwrap().extend(same.as_object().unwrap().clone());
        let answer = api.upserts("hubspot_bookings", row).await;
        assert_eq!(answer.status, 200, "{same}: {answer:?}");
    }
    say(
        "hubspot_contact_credits",
        json!({ "student_id": "ANN", "email": "ann@example.org" }),
        json!({ "cs_credits": "2" }),
    )
    .await;
    say("hubspot_contact_credits?on_conflict=hubspot_id", json!({ "hubspot_id": "9001" }), json!({ "cs_credits": 2 }))
        .await;
    say(
        "hubspot_mock_exams",
        json!({ "hubspot_id": "7001" }),
        json!({ "is_active": true, "total_bookings": 1, "capacity": "5" }),
    )
    .await;
    say("hubspot_mock_exams", json!({ "hubspot_id": scene.exam }), json!({ "prerequisite_exam_ids": [] })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_instants_are_compared_by_what_they_mean() {
    let api = Api::open().await;
    let (one, two) = (api.opens("Clinical Skills", 5).await, api.opens_on("Clinical Skills", 5, "2030-05-05").await);
    api.hubspot_knows("slot", one, "7001").await;
    let later = json!({
        "mock_type": "Clinical Skills", "exam_date": "2030-05-06", "prerequisite_exam_ids": [one, two],
        "is_active": "scheduled", "scheduled_activation_datetime": "2030-05-01T09:00:00Z",
    });
    let third = api.opens_with(later).await;
    let with_micros = format!("UPDATE slots SET activates_at = activates_at + interval '1234 us' WHERE id = '{third}'");
    assert_eq!(api.meddles(&with_micros).await, 1);
    let path = format!("hubspot_mock_exams?id=eq.{third}");
    for same in [
        json!({ "prerequisite_exam_ids": ["7001", two] }),
        json!({ "prerequisite_exam_ids": [two, "7001"] }),
        json!({ "scheduled_activation_datetime": "2030-05-01T09:00:00.001Z" }),
        json!({ "scheduled_activation_datetime": "2030-05-01T05:00:00.001-04:00" }),
        json!({ "scheduled_activation_datetime": "2030-05-01T09:00:00.001234+00:00" }),
    ] {
        let answer = api.updates(&path, same.clone()).await;
        assert_eq!(answer.status, 204, "{same}: {answer:?}");
    }
    for other in [
        json!({ "prerequisite_exam_ids": ["7001"] }),
        json!({ "prerequisite_exam_ids": ["7001", two, third] }),
        json!({ "prerequisite_exam_ids": [] }),
        json!({ "prerequisite_exam_ids": null }),
        json!({ "scheduled_activation_datetime": "2030-05-01T09:00:01Z" }),
        json!({ "scheduled_activation_datetime": null }),
    ] {
        let column = other.as_object().unwrap().keys().next().unwrap().clone();
        api.updates(&path, other).await.would_change("hubspot_mock_exams", &format!("It would change {column}."));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_would_change_something_is_refused_by_name() {
    let (api, scene) = known().await;
    let (bookings, contacts, exams) = (
        ("hubspot_bookings", "id", json!(scene.booking)),
        ("hubspot_contact_credits", "hubspot_id", json!("9001")),
        ("hubspot_mock_exams", "hubspot_id", json!("7001")),
    );
    for ((view, key, name), values, why) in [
        (&bookings, json!({ "is_active": "Cancelled" }), "is_active"),
        (
            &bookings,
            json!({ "is_active": "Active", "student_id": "BEN", "attendance": "Yes" }),
            "attendance, student_id",
        ),
        (&bookings, json!({ "exam_date": "2030-05-05" }), "exam_date"),
        (&bookings, json!({ "token_used": null }), "token_used"),
        (&bookings, json!({ "hubspot_id": "8002" }), "hubspot_id"),
        (&bookings, json!({ "mock_exam_id": "7002" }), "mock_exam_id"),
        (&bookings, json!({ "idempotency_key": "other" }), "idempotency_key"),
        (&contacts, json!({ "cs_credits": 3 }), "cs_credits"),
        (&contacts, json!({ "cs_credits": null }), "cs_credits"),
        (&exams, json!({ "total_bookings": 0 }), "total_bookings"),
        (&exams, json!({ "capacity": 6 }), "capacity"),
    ] {
        let why = format!("It would change {why}.");
        let mut row = values.clone();
        row[key] = row.get(key).unwrap_or(name).clone();
        // A row of which the key itself is said to be another one is found by the filter alone.
        if row[key] == *name {
            api.upserts(view, row.clone()).await.would_change(view, &why);
            // The good ones of an array are refused with it.
            let good = api.only(view).await;
            let columns = row.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",");
            api.upserts(&format!("{view}?columns={columns}"), json!([good, row])).await.would_change(view, &why);
        }
        let path = format!("{view}?{key}=eq.{}", name.as_str().unwrap());
        api.updates(&path, values).await.would_change(view, &why);
    }
    let wrong = api.updates("hubspot_mock_exams?hubspot_id=eq.7001", json!({ "total_bookings": 2 })).await;
    assert!(wrong.body["hint"].as_str().unwrap().contains("rpc('increment_exam_bookings'"));
    for view in THREE {
        let deleted = api.delete(format!("/rest/v1/{view}?id=eq.{}", scene.booking)).by_service().await;
        deleted.fails(405, "25006", &format!("{view} is read-only here"));
    }
    assert_eq!(api.only("hubspot_bookings").await["is_active"], "Active");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_there_is_not_made() {
    let (api, scene) = known().await;
    let nobody = Uuid::from_u128(7);
    for (view, row, why) in [
        ("hubspot_bookings", json!({ "id": nobody }), "There is no such row."),
        (
            "hubspot_bookings?on_conflict=hubspot_id",
            json!({ "hubspot_id": "1", "id": scene.booking }),
            "There is no such row.",
        ),
        ("hubspot_bookings", json!({ "idempotency_key": "other" }), "There is no such row."),
        ("hubspot_bookings", json!({ "is_active": "Active" }), "It has no value of a unique column"),
        ("hubspot_bookings?columns=hubspot_id", json!({ "hubspot_id": null, "id": scene.booking }), "It has no value"),
        ("hubspot_bookings", json!({}), "It has no value of a unique column"),
        ("hubspot_contact_credits", json!({ "student_id": "ANN", "email": "x@example.org" }), "There is no such row."),
        ("hubspot_contact_credits", json!({ "student_id": "ANN" }), "It has no value of a unique column"),
        ("hubspot_mock_exams", json!({ "hubspot_id": "1" }), "There is no such row."),
    ] {
        let name = view.split('?').next().unwrap();
        api.upserts(view, row.clone()).await.would_change(name, why);
        let ignoring = api.inserts(view, row).header("prefer", "resolution=ignore-duplicates").await;
        ignoring.would_change(name, why);
    }
    // A number that HubSpot has not given yet is no name; the next one is.
    let row = json!({ "hubspot_id": null, "idempotency_key": "ANN-key", "is_active": "Active" });
    let other = Api::open().await;
    let scene = Scene::of(&other.school, "ANN").await;
    other.upserts("hubspot_bookings?on_conflict=hubspot_id", row).await.is(200);
    // A booking ID is one, if there is no other: the booking is there, and is just so.
    let code = json!({ "booking_id": "Clinical Skills-ANN-May 4, 2030", "mock_exam_id": scene.exam });
    other.inserts("hubspot_bookings", code).await.is(201);
    // To leave alone what is there changes nothing, whatever was sent.
    let ignored = json!({ "id": scene.booking, "is_active": "Cancelled" });
    let left = other.inserts("hubspot_bookings", ignored);
    let left = left.header("prefer", "resolution=ignore-duplicates,return=representation").await.is(201);
    assert_eq!(left.body, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_are_of_rows_that_are_just_so_or_of_none() {
    let (api, scene) = known().await;
    let ben = api.enrols("BEN", json!({ "cs_credits": 2 })).await;
    let two = json!({ "cs_credits": 2 });
    let many = "hubspot_contact_credits?cs_credits=gte.1";
    let all = api.updates(many, two.clone()).header("prefer", "return=representation,count=exact").await.is(200);
    assert_eq!((all.body.as_array().unwrap().len(), all.range()), (2, "0-1/2"));
    api.updates(many, two.clone()).header("accept", OBJECT).await.is(406);
    let one = format!("hubspot_contact_credits?select=student_id&id=eq.{}", ben.id);
    let one = api.updates(&one, two).header("accept", OBJECT).header("prefer", "return=representation").await.is(200);
    assert_eq!(one.body, json!({ "student_id": "BEN" }));
    api.updates(many, json!({ "student_id": "BEN" }))
        .await
        .would_change("hubspot_contact_credits", "It would change student_id.");
    // No rows, or no columns: nothing to do.
    let nobody = format!("hubspot_bookings?id=eq.{}", Uuid::from_u128(7));
    let none = api.updates(&nobody, json!({ "is_active": "Cancelled" })).await.is(204);
    assert_eq!(none.range(), "*/*");
    let none = api.updates(&nobody, json!({ "is_active": "x" })).header("prefer", "return=representation,count=exact");
    assert_eq!((none.await.is(200).body), json!([]));
    let by_id = format!("hubspot_bookings?id=eq.{}", scene.booking);
    api.updates(&by_id, json!({})).await.is(204);
    api.updates(&by_id, json!({ "synced_at": "2030-01-01T00:00:00Z" })).await.is(204);
    // More rows than are looked at.
    let fill = "INSERT INTO contacts (org_id, id, student_id, email, first_name, last_name, created_at, updated_at)
        SELECT org_id, gen_random_uuid(), 'S' || n, n || '@example.org', '', '', now(), now()
        FROM contacts, generate_series(1, 100) n WHERE student_id = 'BEN'";
    api.meddles(fill).await;
    let every = api.updates("hubspot_contact_credits", json!({ "ndecc_exam_date": null })).await;
    every.would_change("hubspot_contact_credits", "These are more than 100 rows.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_made_anew_under_its_key_is_found_by_it() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let book = async || {
        let arguments = json!({
            "p_booking_id": "BK-1", "p_student_id": "ANN", "p_student_email": ann.email, "p_mock_exam_id": exam,
            "p_student_name": "Test", "p_token_used": "Clinical Skills Token", "p_attending_location": null,
            "p_dominant_hand": "true", "p_idempotency_key": "k", "p_credit_field": "cs_credits", "p_new_credit_value": 1,
        });
        let made = api.post("/rest/v1/rpc/create_booking_atomic", arguments).by_service().await.is(200);
        made.body["booking_id"].as_str().unwrap().to_owned()
    };
    let first = book().await;
    let cancel = json!({ "p_booking_id": first, "p_credit_field": "cs_credits", "p_restored_credit_value": 1 });
    api.post("/rest/v1/rpc/cancel_booking_atomic", cancel).by_service().await.is(200);
    let second = book().await;
    let path = "hubspot_bookings?on_conflict=idempotency_key&select=id";
    for (is_active, id) in [("Active", second), ("Cancelled", first)] {
        let row = json!({ "idempotency_key": "k", "booking_id": "BK-1", "is_active": is_active });
        let found = api.upserts(path, row).header("prefer", "return=representation").await.is(200);
        assert_eq!(found.body, json!([{ "id": id }]));
    }
    let row = json!({ "idempotency_key": "k", "is_active": "Completed" });
    api.upserts(path, row).await.would_change("hubspot_bookings", "It would change is_active.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_compared_is_said_in_postgrests_words() {
    let (api, scene) = known().await;
    let by_id = format!("hubspot_bookings?id=eq.{}", scene.booking);
    let unknown = "Could not find the 'nope' column of 'hubspot_bookings' in the schema cache";
    api.updates(&by_id, json!({ "nope": 1 })).await.fails(400, "PGRST204", unknown);
    api.upserts("hubspot_bookings", json!({ "id": scene.booking, "nope": 1 })).await.fails(400, "PGRST204", unknown);
    // What the server has for itself is no column.
    let hidden = "Could not find the 'org_id' column of 'hubspot_bookings' in the schema cache";
    api.updates(&by_id, json!({ "org_id": Uuid::nil() })).await.fails(400, "PGRST204", hidden);
    let uuid = "invalid input syntax for type uuid: \"BK-1\"";
    api.upserts("hubspot_bookings", json!({ "id": "BK-1" })).await.fails(400, "22P02", uuid);
    let number = "invalid input syntax for type integer: \"many\"";
    let exam = format!("hubspot_mock_exams?id=eq.{}", scene.exam);
    api.updates(&exam, json!({ "capacity": "many" })).await.fails(400, "22P02", number);
    let nul = "unsupported Unicode escape sequence";
    api.updates(&by_id, json!({ "name": "a\0b" })).await.fails(400, "22P05", nul);
    api.updates(&exam, json!({ "prerequisite_exam_ids": ["\0"] })).await.fails(400, "22P05", nul);
    let constraint = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
    for key in ["booking_id", "id,hubspot_id", "student_id"] {
        let path = format!("hubspot_bookings?on_conflict={key}");
        api.upserts(&path, json!({ "id": scene.booking })).await.fails(400, "42P10", constraint);
    }
    let column = "column hubspot_bookings.nope does not exist";
    api.upserts("hubspot_bookings?on_conflict=nope", json!({})).await.fails(400, "42703", column);
    api.updates("hubspot_bookings?nope=eq.1", json!({ "is_active": "Active" })).await.fails(400, "42703", column);
    api.updates(&by_id, json!([])).await.fails(400, "PGRST102", "All object keys must match");
    let many = Value::Array((0..101).map(|_| json!({ "id": scene.booking })).collect());
    api.upserts("hubspot_bookings", many).await.fails(413, "PAYLOAD_TOO_LARGE", "At most 100 rows are taken at once.");
    let elsewhere = api.patch("/rest/v1/hubspot_bookings", json!({})).header("content-profile", "private").by_service();
    elsewhere.await.fails(406, "PGRST106", "Invalid schema: private");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organisations_rows_are_not_there() {
    let (api, _) = known().await;
    let neighbour = api.school.neighbour("neighbour").await;
    let theirs = Scene::of(&neighbour, "ZOE").await;
    for (view, row) in [
        ("hubspot_bookings", json!({ "id": theirs.booking })),
        ("hubspot_bookings", json!({ "idempotency_key": "ZOE-key" })),
        ("hubspot_contact_credits", json!({ "student_id": "ZOE", "email": "zoe@example.org" })),
        ("hubspot_mock_exams", json!({ "hubspot_id": theirs.exam })),
    ] {
        api.upserts(view, row).await.would_change(view, "There is no such row.");
    }
    let shown = api.updates(&format!("hubspot_bookings?id=eq.{}", theirs.booking), json!({ "is_active": "Active" }));
    assert_eq!(shown.header("prefer", "return=representation").await.is(200).body, json!([]));
}
