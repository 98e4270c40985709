//! What is another's is "not found": exams and experiences, and two organisations.

use serde_json::json;
use uuid::Uuid;

use crate::support::Api;
use crate::support::answer::texts;
use crate::support::api::Call;
use crate::support::experiences::slot_on_may_4th;

/// Each side is blind to the other: what is there is "not found".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exams_and_experiences_do_not_see_each_other() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let exam_type = api.school.offerings["Clinical Skills"];
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "shared_mock_credits": 1 })).await;
    let hers = api.books(&ann, exam).await.is(201).id();

    // Here no exams.
    for path in [format!("/api/admin/slots/{exam}"), format!("/api/admin/slots/{}", Uuid::now_v7())] {
        api.get(&path).by_admin().await.refused(404, "SLOT_NOT_FOUND");
        api.patch(&path, json!({ "capacity": 9 })).by_admin().await.refused(404, "SLOT_NOT_FOUND");
        for what in ["withhold", "release"] {
            let call = api.post(format!("{path}/{what}"), json!({ "seats": 1 }));
            call.by_admin().await.refused(404, "SLOT_NOT_FOUND");
        }
    }
    for id in [exam_type.to_string(), "Clinical%20Skills".to_owned(), "Sunset%20sail".to_owned()] {
        let path = format!("/api/admin/experiences/{id}");
        api.get(&path).by_admin().await.refused(404, "EXPERIENCE_NOT_FOUND");
        api.patch(&path, json!({ "price": 1 })).by_admin().await.refused(404, "EXPERIENCE_NOT_FOUND");
        let open = api.post(format!("{path}/slots"), slot_on_may_4th(json!({}))).by_admin();
        open.await.refused(404, "EXPERIENCE_NOT_FOUND");
        api.get(format!("/functions/v1/experiences/{id}/slots")).await.refused(404, "EXPERIENCE_NOT_FOUND");
    }
    let exams = api.get(format!("/api/admin/slots?experienceId={exam_type}")).by_admin().await;
    exams.refused(404, "EXPERIENCE_NOT_FOUND");
    assert_eq!(texts(api.get("/api/admin/slots").by_admin().await.is(200).rows(), "id"), [slot.to_string()]);
    assert_eq!(api.get("/api/admin/experiences").by_admin().await.is(200).rows().len(), 1);

    // There no experiences: not in lists, not by id or name, not as a type, not in the names of an error.
    for path in ["/api/mock-exams/available", "/api/mock-discussions/available", "/api/admin/mock-exams"] {
        let list = api.get(path).by_admin().await.is(200);
        assert!(!list.body.to_string().contains("2030-05-04T18:30"), "{path}");
        let unknown = api.get(format!("{path}?mock_type=Sunset%20sail")).by_admin().await;
        assert!(!unknown.refused(400, "INVALID_EXAM_TYPE").to_string().contains("Sunset"), "{path}");
    }
    for id in [slot.to_string(), "2030-05-04%2018:30".to_owned()] {
        api.get(format!("/api/mock-exams/{id}/capacity")).await.refused(404, "EXAM_NOT_FOUND");
        let path = format!("/api/admin/mock-exams/{id}");
        api.get(&path).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.get(format!("{path}/bookings")).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.patch(&path, json!({ "capacity": 9 })).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.post(format!("{path}/withhold"), json!({ "seats": 1 })).by_admin().await.refused(404, "EXAM_NOT_FOUND");
    }
    api.books(&ann, slot).await.refused(404, "EXAM_NOT_FOUND");
    api.books_discussion(&ann, slot).await.refused(404, "EXAM_NOT_FOUND");
    let free = json!({ "mock_exam_id": slot, "contact_id": ann.id, "dominant_hand": "left" });
    api.post("/api/admin/bookings", free).by_admin().await.refused(404, "EXAM_NOT_FOUND");
    api.moves(hers, slot).await.refused(404, "EXAM_NOT_FOUND");
    api.changes(exam, json!({ "prerequisite_exam_ids": [slot] })).await.names_bad_fields(&["prerequisite_exam_ids"]);
    let open = json!({ "mock_type": "Sunset sail", "exam_date": "2030-05-05", "start_time": "09:00", "end_time": "10:00", "capacity": 1 });
    let refused = api.post("/api/admin/mock-exams", open).by_admin().await;
    assert!(!refused.refused(400, "INVALID_EXAM_TYPE").to_string().contains("Sunset"));
    let credits = json!({ "student_id": ann.student_id, "email": ann.email, "mock_type": "Sunset sail" });
    api.post("/api/mock-exams/validate-credits", credits).await.refused(400, "INVALID_EXAM_TYPE");
    let seen = api.slot(slot).await;
    assert_eq!((&seen["capacity"], &seen["withheld"], &seen["taken"]), (&json!(5), &json!(0), &json!(0)));
    // Exams of one type may begin together, as before.
    let twins = [api.opens("Clinical Skills", 5).await, api.opens("Clinical Skills", 5).await];
    assert_ne!(twins[0], twins[1]);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_do_not_see_each_others_experiences() {
    let api = Api::open().await;
    let harbour = api.another_org("harbour", &["harbour.example"]).await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let theirs = api.offers_for(&harbour, json!({ "name": "Sunset sail", "price": 700 })).await;
    assert_ne!(theirs, sail, "a name is one organisation's own");

    let read = api.get(format!("/api/admin/experiences/{theirs}")).bearer(&harbour.admin).await.is(200);
    assert_eq!(read.data()["currency"], "eur");
    for path in ["/api/admin/slots", &format!("/api/admin/audit?entity=slot&entity_id={slot}")] {
        assert_eq!(api.get(path).bearer(&harbour.admin).await.is(200).data(), &json!([]), "{path}");
    }
    let by = |call: Call| call.bearer(&harbour.admin);
    by(api.get(format!("/api/admin/experiences/{sail}"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    let change = api.patch(format!("/api/admin/experiences/{sail}"), json!({ "price": 1 }));
    by(change).await.refused(404, "EXPERIENCE_NOT_FOUND");
    let open = api.post(format!("/api/admin/experiences/{sail}/slots"), slot_on_may_4th(json!({})));
    by(open).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/api/admin/slots?experienceId={sail}"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/functions/v1/experiences/{sail}/slots"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/api/admin/slots/{slot}"))).await.refused(404, "SLOT_NOT_FOUND");
    by(api.patch(format!("/api/admin/slots/{slot}"), json!({ "capacity": 9 }))).await.refused(404, "SLOT_NOT_FOUND");
    for what in ["withhold", "release"] {
        let call = api.post(format!("/api/admin/slots/{slot}/{what}"), json!({ "seats": 1 }));
        by(call).await.refused(404, "SLOT_NOT_FOUND");
    }

    // Without a key, the host says which organisation is meant.
    let list = api.get("/functions/v1/experiences").header("host", "harbour.example").await.is(200);
    assert_eq!(texts(list.rows(), "id"), [theirs.to_string()]);
    api.get("/functions/v1/experiences").await.refused(400, "ORG_UNKNOWN");
    let seen = api.get(format!("/functions/v1/experiences/{sail}/slots"));
    seen.header("host", "harbour.example").await.refused(404, "EXPERIENCE_NOT_FOUND");
}
