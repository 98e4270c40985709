//! Each operator finds the rows that it should, and no others.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{filter, open};
use crate::support::Api;
use crate::support::scene::VIEWS;

/// Four students with 1 to 4 credits; BEN's exam date is not known.
async fn four() -> Api {
    let api = Api::open().await;
    for (credits, student) in ["ANN", "BEN", "CAT", "DAN"].into_iter().enumerate() {
        api.enrols(student, json!({ "cs_credits": credits + 1 })).await;
    }
    let dates =
        "UPDATE contacts SET ndecc_exam_date = '2030-01-01'::date + length(first_name) WHERE student_id <> 'BEN'";
    assert_eq!(api.meddles(dates).await, 3);
    api
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operator_finds_its_rows() {
    let api = four().await;
    let long =
        format!("({})", (0..999).map(|n| format!("X{n}")).chain(["CAT".to_owned()]).collect::<Vec<_>>().join(","));
    let long = filter("student_id", "in", &long);
    let cases = [
        ("student_id=eq.BEN", "BEN"),
        // IDs and addresses are kept in one case, and found in any.
        ("student_id=eq.ben", "BEN"),
        ("email=eq.Ben%40Example.ORG", "BEN"),
        ("student_id=in.(ann,BEN)", "ANN BEN"),
        ("cs_credits=eq.2", "BEN"),
        ("cs_credits=neq.2", "ANN CAT DAN"),
        ("cs_credits=gt.2", "CAT DAN"),
        ("cs_credits=gte.2", "BEN CAT DAN"),
        ("cs_credits=lt.2", "ANN"),
        ("cs_credits=lte.2", "ANN BEN"),
        ("cs_credits=gt.1&cs_credits=lt.4", "BEN CAT"),
        ("cs_credits=in.(1,4)", "ANN DAN"),
        // A lone quote is a character like any other.
        ("student_id=in.(\",\"BEN\",\"C\"AT)", "BEN"),
        ("cs_credits=in.()", ""),
        (long.as_str(), "CAT"),
        ("cs_credits=not.in.(1,4)", "BEN CAT"),
        ("cs_credits=not.eq.2", "ANN CAT DAN"),
        ("student_id=like.*A*", "ANN CAT DAN"),
        ("student_id=like.%25A%25", "ANN CAT DAN"),
        ("student_id=like.a*", ""),
        ("student_id=ilike.a*", "ANN"),
        ("student_id=not.ilike.*a*", "BEN"),
        ("ndecc_exam_date=is.null", "BEN"),
        ("ndecc_exam_date=is.NULL", "BEN"),
        ("ndecc_exam_date=not.is.null", "ANN CAT DAN"),
        ("ndecc_exam_date=is.not_null", "ANN CAT DAN"),
        // What is not known is neither equal nor different.
        ("ndecc_exam_date=neq.2031-01-01", "ANN CAT DAN"),
        ("ndecc_exam_date=not.eq.2031-01-01", "ANN CAT DAN"),
        ("or=(student_id.eq.ANN,cs_credits.gt.3)", "ANN DAN"),
        ("or=(ndecc_exam_date.is.null,and(cs_credits.gte.2,cs_credits.lte.3))", "BEN CAT"),
        ("and=(cs_credits.gte.2,or(student_id.eq.BEN,student_id.eq.ANN))", "BEN"),
        ("not.or=(student_id.eq.ANN,cs_credits.gt.3)", "BEN CAT"),
        ("or=(student_id.not.in.(ANN,BEN),student_id.eq.\"ANN\")", "ANN CAT DAN"),
        ("or=(not.and(cs_credits.gt.1,cs_credits.lt.4))", "ANN DAN"),
    ];
    for (query, expected) in cases {
        let rows = api
            .column(&format!("hubspot_contact_credits?select=student_id&order=student_id&{query}"), "student_id")
            .await;
        let found: Vec<&str> = rows.iter().map(|row| row.as_str().unwrap()).collect();
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_with_every_mark_of_the_language_is_only_a_value() {
    let api = Api::open().await;
    let student = api.enrols("ANN", json!({})).await;
    for name in
        ["a,b", "(a)", "\"a\"", "a\\b", "a.b:c", "a'); DROP TABLE contacts; --", "a+b c&d=e%", "null", "äö€😀", "{a}"]
    {
        let owner = api.school.db.owner().await;
        owner.execute("UPDATE contacts SET last_name = $1 WHERE id = $2", &[&name, &student.id]).await.unwrap();
        let quoted = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        for query in [
            filter("lastname", "eq", name),
            filter("lastname", "in", &format!("(x,{quoted})")),
            format!("or={}", crate::support::api::encoded(&format!("(firstname.eq.x,lastname.eq.{quoted})"))),
        ] {
            let rows = api.column(&format!("hubspot_contact_credits?{query}"), "lastname").await;
            assert_eq!(rows, [name], "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_are_chosen_ordered_and_renamed() {
    let api = four().await;
    let rows = api
        .rest("hubspot_contact_credits?select=student_id,credits:cs_credits&order=cs_credits.desc&limit=2")
        .await
        .is(200);
    assert_eq!(rows.body, json!([{ "student_id": "DAN", "credits": 4 }, { "student_id": "CAT", "credits": 3 }]));
    assert_eq!(rows.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(rows.header("content-profile"), Some("public"));

    let order = async |order: &str| {
        let rows = api.column(&format!("hubspot_contact_credits?order={order}"), "student_id").await;
        rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    // Where NULLs go is PostgreSQL's habit, unless the caller says otherwise.
    assert_eq!(order("ndecc_exam_date,student_id.desc").await, "DAN CAT ANN BEN");
    assert_eq!(order("ndecc_exam_date.desc,student_id").await, "BEN ANN CAT DAN");
    assert_eq!(order("ndecc_exam_date.desc.nullslast,student_id.asc").await, "ANN CAT DAN BEN");
    assert_eq!(order("ndecc_exam_date.nullsfirst,student_id").await, "BEN ANN CAT DAN");
    // Everything, when nothing is said; a text for what PostgreSQL has no number for.
    let row = api.found("hubspot_contact_credits?student_id=eq.BEN").await.remove(0);
    assert_eq!(row.as_object().unwrap().len(), 17);
    assert_eq!(
        (&row["student_name"], &row["hubspot_id"], &row["shared_mock_credits"]),
        (&json!("Test BEN"), &Value::Null, &json!(0))
    );
}

/// The rows that the seeds' callers read, by the names that they have for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_found_by_every_name() {
    let (api, scene) = open().await;
    let booking = scene.booking.to_string();
    let exam = scene.exam.to_string();
    let by = async |query: String| {
        let rows = api.column(&format!("hubspot_bookings?select=id&{query}"), "id").await;
        rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let hers = vec![booking.clone()];
    assert_eq!(by(filter("id", "eq", &booking)).await, hers);
    assert_eq!(by(filter("booking_id", "eq", "Clinical Skills-ANN-May 4, 2030")).await, hers);
    assert_eq!(by(filter("idempotency_key", "eq", "ANN-key")).await, hers);
    assert_eq!(by("idempotency_key=in.(none,ANN-key)".to_owned()).await, hers);
    assert_eq!(by("idempotency_key=eq.none".to_owned()).await, Vec::<String>::new());
    for column in ["mock_exam_id", "associated_mock_exam"] {
        assert_eq!(by(filter(column, "eq", &exam)).await, hers, "{column}");
        assert_eq!(by(filter(column, "eq", "no uuid, no number")).await, Vec::<String>::new());
        assert_eq!(by(filter(column, "neq", &exam)).await, Vec::<String>::new());
    }
    api.hubspot_knows("slot", scene.exam, "7001").await;
    api.hubspot_knows("booking", scene.booking, "7002").await;
    api.hubspot_knows("contact", scene.student, "7003").await;
    for (column, number) in
        [("mock_exam_id", "7001"), ("hubspot_id", "7002"), ("contact_id", "7003"), ("associated_contact_id", "7003")]
    {
        assert_eq!(by(filter(column, "eq", number)).await, hers, "{column}");
        assert_eq!(by(format!("{column}=in.(1,{number})")).await, hers, "{column}");
        assert_eq!(by(format!("{column}=not.eq.{number}")).await, Vec::<String>::new(), "{column}");
    }
    // Who kept the UUID from before finds it still, once.
    assert_eq!(by(format!("mock_exam_id=in.(7001,{exam})")).await, hers);
    let exams = api.column("hubspot_mock_exams?hubspot_id=eq.7001", "total_bookings").await;
    assert_eq!(exams, [1]);
    let row = api.found("hubspot_bookings").await.remove(0);
    assert_eq!(row["is_active"], "Active");
    assert_eq!(row["exam_date"], "2030-05-04T00:00:00");
    assert_eq!(row["token_used"], "Clinical Skills Token");
}

/// A row of each view, every column of it compared with itself: each type takes its own text back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_every_view_can_be_compared() {
    let (api, _) = open().await;
    for (_, view) in VIEWS {
        let row = api.found(&format!("{view}?order=created_at.desc&limit=1")).await.remove(0);
        let id: Uuid = row["id"].as_str().unwrap().parse().unwrap();
        for (column, value) in row.as_object().unwrap() {
            let text = match value {
                Value::Null => {
                    let rows = api.found(&format!("{view}?{column}=is.null&id=eq.{id}")).await;
                    assert_eq!(rows.len(), 1, "{view}.{column}");
                    continue;
                }
                Value::String(text) => text.clone(),
                Value::Array(items) => {
                    format!("{{{}}}", items.iter().map(Value::to_string).collect::<Vec<_>>().join(","))
                }
                other => other.to_string(),
            };
            for operator in ["eq", "gte", "lte"] {
                let rows = api.found(&format!("{view}?id=eq.{id}&{}", filter(column, operator, &text))).await;
                assert_eq!(rows.len(), 1, "{view}.{column} {operator} {text}");
            }
            let ordered = api.found(&format!("{view}?order={column}.desc.nullslast&select={column}")).await;
            assert!(!ordered.is_empty(), "{view}.{column}");
        }
    }
    let slots = api.column("experience_slots?is_blocked=is.false", "available_count").await;
    assert_eq!(slots, [7]);
    assert_eq!(api.column("trips?total=eq.50", "status").await, ["booked"]);
    assert_eq!(api.column("payments?amount=gt.4999", "status").await, ["succeeded"]);
    assert_eq!(api.column("bookings?guest_count=eq.1", "status").await, ["confirmed"]);
}
