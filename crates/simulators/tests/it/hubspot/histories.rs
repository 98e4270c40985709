//! Histories of properties: every value, when, and who wrote it.

use serde_json::{Value, json};
use surehold_simulators::hubspot::Source;

use super::support::*;

#[tokio::test]
async fn every_change_has_an_entry_newest_first() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    let path = format!("{BOOKINGS}/{booking}");
    for grade in ["B", "B", "A"] {
        crm.patch(&path, json!({ "properties": { "grade": grade } })).await.is(200);
    }
    crm.simulator.edit_as(12, "bookings", &booking, &[("grade", "C")]).unwrap();
    let read = crm.get(&format!("{path}?propertiesWithHistory=grade,seats")).await.is(200);
    let history = read["propertiesWithHistory"]["grade"].as_array().unwrap();
    let values: Vec<&str> = history.iter().map(|entry| entry["value"].as_str().unwrap()).collect();
    // The same value again added none.
    assert_eq!(values, ["C", "A", "B", "A"]);
    assert_eq!(read["propertiesWithHistory"]["seats"], json!([]));
    assert_eq!(read["properties"]["grade"], "C");
    let times: Vec<&str> = history.iter().map(|entry| entry["timestamp"].as_str().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    assert_eq!(times[0], read["updatedAt"]);
}

#[tokio::test]
async fn an_entry_says_whether_a_program_or_a_person_wrote_it() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    let body = json!({ "properties": { "grade": "B" }, "user_id": 12 });
    crm.control(&format!("/objects/bookings/{booking}"), body).await.is(200);
    let body = json!({ "properties": [], "propertiesWithHistory": ["grade"], "inputs": [{ "id": booking }] });
    let read = crm.post(&format!("{BOOKINGS}/batch/read"), body).await.is(200);
    let history = &read["results"][0]["propertiesWithHistory"]["grade"];
    let source =
        |entry: &Value| (entry["sourceType"].clone(), entry["sourceId"].clone(), entry.get("updatedByUserId").cloned());
    assert_eq!(source(&history[0]), (json!("CRM_UI"), json!("userId:12"), Some(json!(12))));
    assert_eq!(source(&history[1]), (json!("INTEGRATION"), json!(APP_ID.to_string()), None));

    let kept = crm.simulator.history("bookings", &booking, "grade");
    assert_eq!(kept[0].source, Source::Person { user_id: 12 });
    assert_eq!(kept[1].source, Source::Integration { app_id: APP_ID });
}

#[tokio::test]
async fn a_refused_write_leaves_no_entry() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    let body = json!({ "properties": { "grade": "B", "missing": "x" } });
    crm.patch(&format!("{BOOKINGS}/{booking}"), body).await.is(400);
    assert_eq!(crm.simulator.history("bookings", &booking, "grade").len(), 1);
}
