//! Every bad field of experiences and slots is named, all at once; and nothing is done.

use serde_json::{Value, json};

use crate::support::Api;
use crate::support::experiences::slot_on_may_4th;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_field_is_named_at_once() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;

    // Experiences.
    let bad = json!({
        "name": "x".repeat(201), "price": 49.5, "maxGuests": 0, "cutoffMinutes": -1, "freeCancellationMinutes": 999_999,
        "lateRefundPercent": 101, "isActive": "maybe", "admin_email": "nobody",
    });
    let names = [
        "admin_email",
        "cutoffMinutes",
        "freeCancellationMinutes",
        "isActive",
        "lateRefundPercent",
        "maxGuests",
        "name",
        "price",
    ];
    api.post("/api/admin/experiences", bad.clone()).by_admin().await.names_bad_fields(&names);
    api.post("/api/admin/experiences", json!({})).by_admin().await.names_bad_fields(&["name", "price"]);
    api.post("/api/admin/experiences", json!({ "name": "a\u{0}b", "price": "free" }))
        .by_admin()
        .await
        .names_bad_fields(&["name", "price"]);
    let change = |body: Value| api.patch(format!("/api/admin/experiences/{sail}"), body).by_admin();
    change(bad).await.names_bad_fields(&names);
    change(json!({})).await.names_bad_fields(&["body"]);
    change(json!({ "version": 1 })).await.names_bad_fields(&["body"]);
    change(json!({ "price": null, "name": "", "version": 0 })).await.names_bad_fields(&["name", "price", "version"]);
    change(json!({ "price": 1, "max_guests": 2, "maxGuests": 3 })).await.names_bad_fields(&["maxGuests"]);

    // Slots.
    let open = |body: Value| api.post(format!("/api/admin/experiences/{sail}/slots"), body).by_admin();
    open(json!({})).await.names_bad_fields(&["capacity", "date", "durationMinutes", "time"]);
    open(json!({
        "date": "2030-02-30", "time": "25:00", "durationMinutes": 0, "capacity": 101, "price": -1, "timezone": "Mars/Base",
        "isActive": 7, "withheld": -1, "location": "\u{1b}", "repeat": "daily",
    }))
    .await
    .names_bad_fields(&[
        "capacity", "date", "durationMinutes", "isActive", "location", "price", "repeat", "time", "timezone", "withheld",
    ]);
    for (more, names) in [
        (json!({ "endTime": "19:00" }), ["endTime"]),
        (json!({ "endTime": "18:30", "durationMinutes": null }), ["endTime"]),
        (json!({ "durationMinutes": 10_081 }), ["durationMinutes"]),
        (json!({ "withheld": 6 }), ["withheld"]),
        (json!({ "date": "2201-01-01" }), ["date"]),
        (json!({ "repeat": { "every": "day" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "month", "count": 2 } }), ["repeat.every"]),
        (json!({ "repeat": { "count": 2 } }), ["repeat.every"]),
        (json!({ "repeat": { "every": "day", "count": 2, "until": "2030-06-01" } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "count": 367 } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "count": 0 } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "until": "2030-05-03" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "until": "9999-12-31" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "until": "2200-12-31" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "count": 2, "weekdays": ["mon"] } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": [] } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": "mon" } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": ["moon"] } }), ["repeat.weekdays[0]"]),
        (json!({ "repeat": { "every": "week", "until": "2030-05-05", "weekdays": ["mon"] } }), ["repeat.weekdays"]),
        (json!({ "date": "2200-12-30", "repeat": { "every": "day", "count": 3 } }), ["repeat.count"]),
    ] {
        open(slot_on_may_4th(more)).await.names_bad_fields(&names);
    }
    let change = |body: Value| api.patch(format!("/api/admin/slots/{slot}"), body).by_admin();
    change(json!({ "version": 1 })).await.names_bad_fields(&["body"]);
    change(json!({ "capacity": 0, "price": "x", "isBlocked": "so", "isActive": 3, "status": "scheduled", "version": "old" }))
        .await
        .names_bad_fields(&["capacity", "isActive", "isBlocked", "price", "status", "version"]);
    change(json!({ "blockedReason": "storm" })).await.names_bad_fields(&["isBlocked"]);
    change(json!({ "isActive": true, "status": "cancelled" })).await.names_bad_fields(&["status"]);
    change(json!({ "capacity": null, "isActive": "" })).await.names_bad_fields(&["capacity", "isActive"]);

    // Lists.
    let wrong = "from=soon&to=2030-13-01&limit=0&cursor=x";
    let names = ["cursor", "experienceId", "from", "limit", "to"];
    api.get(format!("/api/admin/slots?experienceId=7&{wrong}")).by_admin().await.names_bad_fields(&names);
    api.get("/api/admin/slots?from=2030-05-02&to=2030-05-01").by_admin().await.names_bad_fields(&["to"]);
    api.get("/api/admin/experiences?limit=501&cursor=bm8").by_admin().await.names_bad_fields(&["cursor", "limit"]);
    api.get("/functions/v1/experiences?limit=x").await.names_bad_fields(&["limit"]);
    let names = ["cursor", "from", "guests", "limit", "to"];
    api.get(format!("/functions/v1/experiences/{sail}/slots?guests=0&{wrong}")).await.names_bad_fields(&names);
    api.get("/api/admin/audit?entity=cruise").by_admin().await.names_bad_fields(&["entity"]);
    api.get("/api/admin/audit?entity=payment&entity_id=PL-1").by_admin().await.names_bad_fields(&["entity_id"]);

    // And who may.
    let paths = ["/api/admin/experiences", "/api/admin/slots", &format!("/api/admin/slots/{slot}")];
    for path in paths {
        api.get(path).await.refused(401, "UNAUTHENTICATED");
        api.get(path).by_service().await.refused(403, "FORBIDDEN");
    }
    api.post(format!("/api/admin/experiences/{sail}/slots"), json!({})).by_service().await.refused(403, "FORBIDDEN");
    api.get("/functions/v1/experiences").bearer("nonsense").await.refused(401, "UNAUTHENTICATED");
    assert_eq!(api.school.count("slots").await, 1, "nothing of it was done");
}
