//! Lists of records, page by page.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn pages_follow_each_other() {
    let crm = Crm::open().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(crm.create(BOOKINGS, json!({ "uuid": number })).await);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = crm.get(&format!("{BOOKINGS}?limit=2&properties=uuid{after}")).await.is(200);
        seen.extend(page["results"].as_array().unwrap().iter().map(|row| id(row).to_owned()));
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    assert_eq!(crm.simulator.request_count("GET /crm/objects/{type}"), 3);
}

#[tokio::test]
async fn archived_records_have_a_list_of_their_own() {
    let crm = Crm::open().await;
    let (one, other) = (crm.create(BOOKINGS, json!({})).await, crm.create(BOOKINGS, json!({})).await);
    crm.delete(&format!("{BOOKINGS}/{one}")).await.is(204);
    assert_eq!(id(&crm.get(BOOKINGS).await.is(200)["results"][0]), other);
    let archived = crm.get(&format!("{BOOKINGS}?archived=true")).await.is(200);
    assert_eq!((count(&archived["results"]), id(&archived["results"][0])), (1, one.as_str()));
}

#[tokio::test]
async fn a_page_has_at_most_a_hundred_records() {
    let crm = Crm::open().await;
    for wrong in ["limit=101", "limit=0", "limit=x", "after=x"] {
        crm.get(&format!("{BOOKINGS}?{wrong}")).await.fails(400, "VALIDATION_ERROR");
    }
    assert_eq!(count(&crm.get(&format!("{BOOKINGS}?limit=100")).await.is(200)["results"]), 0);
}
