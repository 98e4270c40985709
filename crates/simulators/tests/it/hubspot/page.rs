//! The page that lists all records.

use serde_json::json;

use super::support::*;

async fn page(crm: &Crm) -> Answer {
    let answer = Answer::of(crm.http.get(crm.url("/")).send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    answer
}

#[tokio::test]
async fn it_lists_records_with_their_properties_and_associations() {
    let crm = Crm::open().await;
    assert!(page(&crm).await.text.contains("No records"));
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "" })).await;
    let somebody = crm.create(CONTACTS, json!({ "email": "somebody@example.org" })).await;
    let contact = crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await;
    crm.put(&format!("{BOOKINGS}/{booking}/associations/default/contacts/{contact}"), json!(null)).await.is(200);
    crm.delete(&format!("{CONTACTS}/{somebody}")).await.is(204);
    let answer = page(&crm).await;
    for shown in [
        "HubSpot simulator",
        "bookings",
        "ann@example.org",
        "<dt>uuid</dt><dd>u1</dd>",
        &format!("<a href=\"#0-1/{contact}\">contact {contact}</a>"),
        &format!("<a href=\"#2-50158943/{booking}\">booking {booking}</a>"),
        &format!("id=\"0-1/{contact}\""),
        "archived",
    ] {
        assert!(answer.text.contains(shown), "{shown}: {}", answer.text);
    }
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(!answer.text.contains("<script") && !answer.text.contains("src="));
}

#[tokio::test]
async fn values_are_text_whatever_they_say() {
    let crm = Crm::open().await;
    let hostile = "</dd><script>alert('1')</script>\"><img src=x onerror=alert(1)> {{ id }}";
    crm.create(BOOKINGS, json!({ "grade": hostile })).await;
    let answer = page(&crm).await;
    assert!(!answer.text.contains("<script") && !answer.text.contains("<img"), "{}", answer.text);
    assert!(answer.text.contains("{{ id }}"));
}

#[tokio::test]
async fn of_many_records_it_shows_the_newest() {
    let crm = Crm::open().await;
    for number in 0..201 {
        crm.simulator.create("bookings", &[("uuid", &format!("number {number}."))]).unwrap();
    }
    let answer = page(&crm).await;
    assert!(answer.text.contains("1 older ones are not") && answer.text.contains("number 200."));
    assert!(!answer.text.contains("number 0."));
}
