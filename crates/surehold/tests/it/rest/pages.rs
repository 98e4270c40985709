//! Pages, counts, one row, and HEAD.

use serde_json::json;

use super::open;
use crate::support::Api;

const OBJECT: &str = "application/vnd.pgrst.object+json";

/// Five students, S1 to S5.
async fn five() -> Api {
    let api = Api::open().await;
    for n in 1..=5 {
        api.enrols(&format!("S{n}"), json!({ "cs_credits": n })).await;
    }
    api
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_says_where_it_is() {
    let api = five().await;
    let view = "hubspot_contact_credits?select=student_id&order=student_id";
    for (more, range, first) in [
        ("", "0-4/*", "S1"),
        ("&limit=2", "0-1/*", "S1"),
        ("&limit=2&offset=2", "2-3/*", "S3"),
        ("&offset=4", "4-4/*", "S5"),
        ("&offset=-3&limit=1", "0-0/*", "S1"),
        ("&limit=0", "*/*", ""),
        ("&offset=9", "*/*", ""),
        ("&student_id=eq.NOBODY", "*/*", ""),
    ] {
        let page = api.rest(&format!("{view}{more}")).await.is(200);
        assert_eq!(page.range(), range, "{more}");
        assert_eq!(page.body[0]["student_id"].as_str().unwrap_or_default(), first, "{more}");
    }
    let page = api.rest(&format!("{view}&limit=1")).header("range-unit", "items").header("range", "1-2").await.is(200);
    assert_eq!((page.range(), &page.body), ("1-2/*", &json!([{ "student_id": "S2" }, { "student_id": "S3" }])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_of_all_rows() {
    let api = five().await;
    let view = "hubspot_contact_credits?order=student_id";
    for (more, status, range) in [
        ("", 200, "0-4/5"),
        ("&limit=2", 206, "0-1/5"),
        ("&limit=2&offset=4", 206, "4-4/5"),
        ("&offset=5", 206, "*/5"),
        ("&limit=0", 206, "*/5"),
        ("&cs_credits=gt.3", 200, "0-1/2"),
        ("&cs_credits=gt.9", 200, "*/0"),
    ] {
        for count in ["exact", "planned", "estimated"] {
            let counted = api.rest(&format!("{view}{more}")).header("prefer", &format!("count={count}"));
            let page = counted.await.is(status);
            assert_eq!(page.range(), range, "{more}");
        }
    }
    let beyond = api.rest(&format!("{view}&offset=6")).header("prefer", "count=exact").await;
    beyond.fails(416, "PGRST103", "Requested range not satisfiable");
    assert_eq!(beyond.range(), "*/5");
    assert_eq!(beyond.body["details"], "An offset of 6 was requested, but there are only 5 rows.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_says_the_same_without_rows() {
    let api = five().await;
    let path = "/rest/v1/hubspot_contact_credits?select=*&cs_credits=gte.2&limit=3";
    let head = |path: &str| api.call(reqwest::Method::HEAD, path).by_service();
    let counted = head(path).header("prefer", "count=exact").await.is(206);
    assert_eq!((counted.range(), counted.body.as_str()), ("0-2/4", Some("")));
    assert_eq!(head(path).await.is(200).range(), "0-2/*");
    assert_eq!(head("/rest/v1/nothing").await.is(404).header("proxy-status"), Some("PostgREST; error=PGRST205"));
    assert_eq!(
        head(path).header("accept", OBJECT).await.is(406).header("proxy-status"),
        Some("PostgREST; error=PGRST116")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_row_is_an_object_and_anything_else_is_refused() {
    let (api, scene) = open().await;
    let single = |query: &str| api.rest(query).header("accept", OBJECT);
    let row = single("hubspot_bookings?student_id=eq.ANN").await.is(200);
    assert_eq!(row.body["id"], scene.booking.to_string());
    assert_eq!(row.header("content-type"), Some("application/vnd.pgrst.object+json; charset=utf-8"));
    assert_eq!(row.range(), "0-0/*");
    // Digits are as PostgreSQL writes them: no number became a float on its way.
    let response = api.client.get(format!("{}/rest/v1/trips?select=total", api.url)).bearer_auth(&api.keys.service);
    let text = response.header("accept", OBJECT).send().await.unwrap().text().await.unwrap();
    assert_eq!(text.replace(' ', ""), "{\"total\":50.00}");
    // A column that is an array and comes last keeps its bracket.
    let row = single("hubspot_mock_exams?select=prerequisite_exam_ids").await.is(200);
    assert_eq!(row.body, json!({ "prerequisite_exam_ids": [] }));

    let none = single("hubspot_bookings?student_id=eq.BEN").await;
    none.fails(406, "PGRST116", "Cannot coerce the result to a single JSON object");
    assert_eq!((&none.body["details"], &none.body["hint"]), (&json!("The result contains 0 rows"), &json!(null)));
    api.school.student("BEN", &[]).await;
    let two = single("hubspot_contact_credits").await;
    two.fails(406, "PGRST116", "Cannot coerce the result to a single JSON object");
    assert_eq!(two.body["details"], "The result contains 2 rows");
    // maybeSingle() asks for an array and looks for itself.
    assert_eq!(
        api.rest("hubspot_bookings?student_id=eq.BEN").header("accept", "application/json").await.is(200).body,
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_schemas_have_every_view() {
    let (api, _) = open().await;
    for schema in ["public", "hubspot_sync"] {
        for (_, view) in crate::support::scene::VIEWS {
            let rows = api.rest(view).header("accept-profile", schema).await.is(200);
            assert!(!rows.body.as_array().unwrap().is_empty(), "{view}");
            assert_eq!(rows.header("content-profile"), Some(schema));
        }
    }
}
