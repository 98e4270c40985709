//! What the office does with bookings: moves, attendance, refunds, and the credits and names of people.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::encoded;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_13_a_moved_booking_has_the_new_seat_and_the_new_date() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2, "sj_credits": 1 })).await;
    let bob = api.enrols("BOB", json!({ "cs_credits": 1 })).await;
    let (from, to) = (api.opens("Clinical Skills", 1).await, api.opens_on("Clinical Skills", 1, "2030-06-09").await);
    let id = api.books(&ann, from).await.is(201).id();

    let moved = api.moves(id, to).await.is(200);
    assert_body!("moved", moved);
    assert_eq!(moved.data()["booking_id"], "Clinical Skills-ANN-June 9, 2030");
    assert_eq!((api.seats(from).await.1, api.seats(to).await.1), (1, 0));
    let read = api.reads(&ann, "Clinical Skills-ANN-June 9, 2030").await.is(200);
    assert_eq!((read.id(), &read.data()["exam_date"]), (id, &json!("2030-06-09")));
    api.reads(&ann, "Clinical Skills-ANN-May 4, 2030").await.refused(404, "BOOKING_NOT_FOUND");
    assert_eq!(api.credits(&ann).await["cs_credits"], 1, "the same credit pays");
    assert_eq!(api.moves(id, to).await.is(200).id(), id, "it is there already");

    // Where there is no room, it stays where it is; and so for every other reason.
    api.books(&bob, from).await.is(201);
    assert_eq!(api.moves(id, from).await.refused(409, "EXAM_FULL"), &json!({ "requested": 1, "available": 0 }));
    let other_type = api.opens("Situational Judgment", 1).await;
    api.moves(id, other_type).await.refused(409, "EXAM_TYPE_MISMATCH");
    let blocked = api.opens_on("Clinical Skills", 1, "2030-06-10").await;
    api.changes(blocked, json!({ "is_blocked": true, "blocked_reason": "paint" })).await.is(200);
    api.moves(id, blocked).await.refused(409, "SLOT_BLOCKED");
    let inactive = api.opens_with(json!({ "mock_type": "Clinical Skills", "is_active": false })).await;
    api.moves(id, inactive).await.refused(409, "EXAM_NOT_ACTIVE");
    api.moves(id, Uuid::from_u128(9)).await.refused(404, "EXAM_NOT_FOUND");
    let second = api.opens_on("Clinical Skills", 2, "2030-06-11").await;
    let same_day = api.opens_on("Clinical Skills", 2, "2030-06-11").await;
    api.books(&ann, second).await.is(201);
    api.moves(id, same_day).await.refused(409, "DUPLICATE_BOOKING");
    api.meddles(&format!("UPDATE slots SET starts_at = now() - interval '1 h' WHERE id = '{same_day}'")).await;
    api.moves(id, same_day).await.refused(409, "EXAM_PAST");
    assert_eq!((api.seats(to).await.1, api.seats(same_day).await.1), (0, 2));
    api.cancels(&ann, id).await.is(200);
    api.moves(id, second).await.refused(409, "BOOKING_NOT_ACTIVE");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attendance_completes_a_booking_and_can_be_put_right() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    let id = api.books(&ann, session).await.is(201).id();

    for (said, attendance, status, word) in [
        (json!("Yes"), json!("Yes"), "completed", "Completed"),
        (json!("no"), json!("No"), "no_show", "Completed"),
        (json!(true), json!("Yes"), "completed", "Completed"),
        (json!(""), Value::Null, "confirmed", "Active"),
        (json!("No"), json!("No"), "no_show", "Completed"),
    ] {
        let marked = api.marks(id, said).await.is(200);
        assert_eq!((&marked.data()["attendance"], &marked.data()["status"]), (&attendance, &json!(status)));
        let read = api.reads(&ann, id).await.is(200);
        assert_eq!((&read.data()["attendance"], &read.data()["is_active"]), (&attendance, &json!(word)));
        assert_eq!(api.seats(session).await.1, 0, "the seat stays taken");
    }
    api.cancels(&ann, id).await.is(200);
    api.marks(id, json!("Yes")).await.refused(409, "BOOKING_NOT_ACTIVE");
    api.marks(id, json!("maybe")).await.names_bad_fields(&["attendance"]);
    let nothing = api.patch(format!("/api/admin/bookings/{id}/attendance"), json!({})).by_admin().await;
    nothing.names_bad_fields(&["attendance"]);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_happens_once_and_not_while_the_seat_is_held() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "shared_mock_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    let id = api.books(&ann, session).await.is(201).id();
    let boss = json!({ "admin_email": "Boss@Example.org" });

    api.refunds(&id.to_string(), boss.clone()).await.refused(409, "BOOKING_ACTIVE");
    api.marks(id, json!("No")).await.is(200);
    let refunded = api.refunds(&id.to_string(), boss.clone()).await.is(200);
    assert_body!("refunded", refunded);
    assert_eq!(refunded.data()["token_refunded"], "shared_mock_credits", "the kind that paid");
    assert_eq!(api.credits(&ann).await["shared_mock_credits"], 3);
    let again = api.refunds("Clinical Skills-ANN-May 4, 2030", boss).await;
    assert!(again.refused(409, "ALREADY_REFUNDED")["refunded_at"].is_string());
    // A refunded booking is not made active again, and its cancellation gives nothing.
    api.marks(id, json!("")).await.refused(409, "ALREADY_REFUNDED");
    assert_eq!(api.cancels(&ann, id).await.is(200).data()["credits_restored"], 0);
    api.refunds(&id.to_string(), json!({})).await.refused(409, "ALREADY_REFUNDED");
    let read = api.reads(&ann, id).await.is(200);
    assert_eq!(
        (&read.data()["token_refunded"], &read.data()["token_refund_admin"]),
        (&json!("shared_mock_credits"), &json!("boss@example.org"))
    );
    assert_eq!(api.credits(&ann).await["shared_mock_credits"], 3);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_goes_to_the_kind_that_is_named() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    for (n, (member, named, kind)) in [
        ("tokenType", json!("Shared Token"), "shared_mock_credits"),
        ("token_type", json!("sj_credits"), "sj_credits"),
        ("tokenType", Value::Null, "cs_credits"),
    ]
    .into_iter()
    .enumerate()
    {
        let session = api.opens_on("Clinical Skills", 1, &format!("2030-05-0{}", n + 1)).await;
        let id = api.books(&ann, session).await.is(201).id();
        api.marks(id, json!("No")).await.is(200);
        let unknown = api.refunds(&id.to_string(), json!({ "tokenType": "gold" })).await;
        assert_eq!(unknown.refused(400, "CREDIT_KIND_NOT_ALLOWED")["kind"], "gold");
        let refunded = api.refunds(&id.to_string(), json!({ member: named })).await.is(200);
        assert_eq!(refunded.data()["token_refunded"], kind);
    }
    let credits = api.credits(&ann).await;
    assert_eq!(
        credits,
        json!({ "cs_credits": 1, "sj_credits": 1, "shared_mock_credits": 1, "sjmini_credits": 0, "mock_discussion_token": 0 })
    );
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_item_of_a_batch_never_stops_the_rest() {
    let api = Api::open().await;
    let (ann, bob) =
        (api.enrols("ANN", json!({ "cs_credits": 4 })).await, api.enrols("BOB", json!({ "cs_credits": 1 })).await);
    let mut ids = Vec::new();
    for day in 1..=4 {
        let session = api.opens_on("Clinical Skills", 2, &format!("2030-05-0{day}")).await;
        ids.push((session, api.books(&ann, session).await.is(201).id()));
    }
    let his = api.books(&bob, ids[0].0).await.is(201).id();
    api.cancels(&ann, ids[1].1).await.is(200);
    api.meddles(&format!("UPDATE slots SET starts_at = now() - interval '1 h' WHERE id = '{}'", ids[2].0)).await;
    api.hubspot_knows("booking", ids[3].1, "7001").await;

    let body = json!({
        "student_id": "ANN", "email": "ann@example.org", "reason": "moving away",
        "bookingIds": [his, "nonsense", ids[0].1, ids[1].1, ids[2].1, 7001, "Clinical Skills-ANN-May 4, 2030"],
    });
    let answer = api.post("/api/bookings/batch-cancel", body).await.is(200);
    let words: Vec<_> = answer.data()["results"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(words[..5], ["not_found", "not_found", "cancelled", "already_cancelled", "refused"]);
    // The last two are one booking; whichever came first cancelled it.
    assert_ne!(words[5], words[6]);
    assert_eq!(answer.data()["results"][4]["code"], "CANCEL_TOO_LATE");
    assert_eq!(
        answer.data()["summary"],
        json!({ "total": 7, "cancelled": 2, "already_cancelled": 2, "not_found": 2, "refused": 1, "failed": 0 })
    );
    assert_eq!(api.credits(&ann).await["cs_credits"], 3);
    assert_eq!(api.reads(&bob, his).await.is(200).data()["status"], "confirmed");

    let many: Vec<u32> = (0..101).collect();
    for list in [json!([]), json!(many), json!("all"), Value::Null, json!([[]])] {
        let answer = api.post("/api/bookings/batch-cancel", json!({ "booking_ids": list })).by_admin().await;
        assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"));
    }
    // An admin key cancels anybody's, also after the start.
    let body = json!({ "booking_ids": [his, ids[2].1] });
    let answer = api.post("/api/bookings/batch-cancel", body).by_admin().await.is(200);
    assert_eq!(answer.data()["summary"]["cancelled"], 2);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_refunds_gives_each_booking_its_own_credit() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let mut ids = Vec::new();
    for day in 1..=3 {
        let session = api.opens_on("Clinical Skills", 2, &format!("2030-05-0{day}")).await;
        ids.push(api.books(&ann, session).await.is(201).id());
    }
    api.marks(ids[0], json!("No")).await.is(200);
    api.marks(ids[1], json!("Yes")).await.is(200);
    let refund = |ids: Value| api.post("/api/admin/bookings/batch-refund", json!({ "booking_ids": ids })).by_admin();

    let answer = refund(json!([ids[0], ids[1], ids[2], "nonsense"])).key("r").await.is(200);
    let results = answer.data()["results"].as_array().unwrap();
    let refunds = [&results[0]["refund"], &results[1]["refund"]];
    for (refund, id) in refunds.iter().zip(&ids) {
        assert_eq!((&refund["id"], &refund["credits_restored"]), (&json!(id), &json!(1)));
        assert_eq!(refund["token_refunded"], "cs_credits");
    }
    let after: BTreeSet<_> = refunds.iter().map(|refund| refund["credits_after_refund"].as_i64()).collect();
    assert_eq!(after, BTreeSet::from([Some(1), Some(2)]), "in whichever order");
    assert_eq!((&results[2]["status"], &results[2]["code"]), (&json!("refused"), &json!("BOOKING_ACTIVE")));
    assert_eq!((&results[3]["status"], &results[3]["requested_id"]), (&json!("not_found"), &json!("nonsense")));
    assert_eq!((&answer.data()["refunded"], &answer.data()["not_refunded"]), (&json!(2), &json!(2)));
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    for key in ["r", "s"] {
        let again = refund(json!([ids[0], ids[1]])).key(key).await.is(200);
        assert_eq!(again.data()["refunded"], 0);
        assert_eq!(again.data()["results"][0]["status"], "already_refunded");
    }
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    refund(json!([])).await.names_bad_fields(&["booking_ids"]);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_change_by_differences_and_never_go_below_zero() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2, "Shared Token": 1 })).await;
    let adjust = |body: Value| api.post(format!("/api/admin/contacts/{}/credits", ann.id), body).by_admin();

    let changed = adjust(json!({ "cs_credits": -1, "sj_credits": 4, "note": "swap" })).await.is(200);
    assert_body!("credits_changed", changed);
    let broke = adjust(json!({ "cs_credits": -2, "sj_credits": 1 })).await;
    let details = broke.refused(402, "INSUFFICIENT_CREDITS");
    assert_eq!((&details["needed"], &details["available"]), (&json!(2), &json!(1)));
    adjust(json!({})).await.names_bad_fields(&["credits"]);
    adjust(json!({ "cs_credits": 0 })).await.names_bad_fields(&["credits"]);
    adjust(json!({ "cs_credits": "1.5" })).await.names_bad_fields(&["cs_credits"]);
    adjust(json!({ "credits": { "gold": 1 } })).await.refused(400, "CREDIT_KIND_NOT_ALLOWED");
    let credits = api.credits(&ann).await;
    assert_eq!(
        (&credits["cs_credits"], &credits["sj_credits"], &credits["shared_mock_credits"]),
        (&json!(1), &json!(4), &json!(1))
    );
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_are_found_changed_and_kept_apart() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let bob = api.enrols("BOB", json!({})).await;
    api.enrols_as(&api.keys, "A_N", "percent@example.org", json!({})).await;
    api.hubspot_knows("contact", ann.id, "3001").await;
    assert_eq!(api.get("/api/admin/contacts/3001").by_admin().await.is(200).id(), ann.id);
    let found = async |search: &str| {
        let answer = api.get(format!("/api/admin/contacts?search={}", encoded(search))).by_admin().await.is(200);
        answer
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["student_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["ANN", "A_N", "BOB"]);
    assert_eq!(found("an").await, ["ANN"]);
    assert_eq!(found("a_").await, ["A_N"], "a letter like any other");
    assert_eq!(found("%").await, [] as [&str; 0]);
    let page = api.get("/api/admin/contacts?limit=2").by_admin().await.is(200);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = api.get(format!("/api/admin/contacts?limit=2&cursor={cursor}")).by_admin().await.is(200);
    assert_eq!(rest.data()[0]["student_id"], "BOB");

    let change = |body: Value| api.patch(format!("/api/admin/contacts/{}", ann.id), body).by_admin();
    let changed =
        change(json!({ "email": "Ann@New.example.org", "lastName": "O'Neil <b>", "ndecc_exam_date": "2031-02-03" }))
            .await
            .is(200);
    assert_body!("contact_changed", changed);
    change(json!({ "student_id": "BOB", "email": bob.email })).await.refused(409, "CONTACT_EXISTS");
    change(json!({})).await.names_bad_fields(&["body"]);
    assert_eq!(change(json!({ "ndecc_exam_date": null })).await.is(200).data()["ndecc_exam_date"], Value::Null);
    api.post("/api/user/login", ann.identity()).await.refused(404, "STUDENT_NOT_FOUND");
    let anew = json!({ "student_id": "ann", "email": "ANN@new.example.org" });
    assert_eq!(api.post("/api/user/login", anew).await.is(200).id(), ann.id);
    api.school.laws_hold().await;
}
