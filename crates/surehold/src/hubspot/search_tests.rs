//! Searches.

use serde_json::json;

use super::super::testing::{answering, body_of};
use super::*;
use crate::stub::Stub;

#[tokio::test]
async fn a_search_says_what_hubspot_reads() {
    let answer = json!({"total": 2, "results": [{"id": "1", "properties": {"email": "a@x.example"}}],
        "paging": {"next": {"after": "200", "link": "x"}}});
    let (stub, client) = answering(200, answer.to_string()).await;
    let search = Search {
        sorts: vec![Sort { property_name: "createdate".to_owned(), direction: Direction::Ascending }],
        after: Some("100".to_owned()),
        ..Search::all_of(
            vec![
                Filter::eq("a", "1"),
                Filter::between("b", "2", "3"),
                Filter::one_of("c", vec!["x".to_owned()]),
                Filter::has("d"),
            ],
            &["email"],
        )
    };
    let page = client.search("0-1", &search).await.expect("a page");
    assert_eq!((page.total, page.after.as_deref(), page.records[0].id.as_str()), (2, Some("200"), "1"));
    assert_eq!(stub.asked()[0].uri, "/crm/v3/objects/0-1/search");
    assert_eq!(
        body_of(&stub.asked()[0]),
        json!({
            "filterGroups": [{"filters": [
                {"propertyName": "a", "operator": "EQ", "value": "1"},
                {"propertyName": "b", "operator": "BETWEEN", "value": "2", "highValue": "3"},
                {"propertyName": "c", "operator": "IN", "values": ["x"]},
                {"propertyName": "d", "operator": "HAS_PROPERTY"},
            ]}],
            "properties": ["email"], "sorts": [{"propertyName": "createdate", "direction": "ASCENDING"}],
            "limit": 200, "after": "100",
        })
    );
}

#[tokio::test]
async fn the_last_page_has_none_after_it() {
    let (_stub, client) = answering(200, r#"{"total":0,"results":[]}"#).await;
    let page = client.search("0-1", &Search::all_of(vec![], &[])).await.expect("a page");
    assert_eq!(page, SearchPage { total: 0, records: vec![], after: None });
}

#[test]
fn operators_have_hubspots_words() {
    let word = |filter: Filter| filter.operator;
    let words = [
        Filter::neq("a", "1"),
        Filter::gte("a", "1"),
        Filter::gt("a", "1"),
        Filter::lte("a", "1"),
        Filter::lt("a", "1"),
    ];
    assert_eq!(words.map(word), ["NEQ", "GTE", "GT", "LTE", "LT"]);
    assert_eq!(word(Filter::has_not("a")), "NOT_HAS_PROPERTY");
}

#[tokio::test]
async fn what_hubspot_would_refuse_is_not_sent() {
    let stub = Stub::start(vec![]).await;
    let filters = |n: usize| vec![Filter::has("a"); n];
    let group = |n: usize| FilterGroup { filters: filters(n) };
    let base = || Search::all_of(filters(1), &[]);
    let sort = Sort { property_name: "a".to_owned(), direction: Direction::Descending };
    for (search, expected) in [
        (Search { filter_groups: vec![group(1); 6], ..base() }, "too many groups"),
        (Search { filter_groups: vec![group(7)], ..base() }, "too many filters"),
        (Search { filter_groups: vec![group(5); 4], ..base() }, "too many filters"),
        (Search { sorts: vec![sort.clone(), sort], ..base() }, "more than one order"),
        (Search { limit: 0, ..base() }, "a page of"),
        (Search { limit: 201, ..base() }, "a page of"),
        (Search { after: Some("9801".to_owned()), ..base() }, "beyond the first 10,000"),
        (Search { after: Some("x".to_owned()), ..base() }, "beyond the first 10,000"),
        (Search { properties: vec!["p".repeat(3_000)], ..base() }, "more than 3,000 characters"),
    ] {
        let error = stub.hubspot().search("0-1", &search).await.expect_err(expected);
        assert!(error.kind() == "unexpected" && error.to_string().contains(expected), "{error}");
    }
    assert!(stub.asked().is_empty());
    for search in [
        Search { filter_groups: vec![group(6), group(6), group(6)], ..base() },
        Search { after: Some("9800".to_owned()), ..base() },
    ] {
        assert_eq!(search.check(), Ok(()));
    }
}
