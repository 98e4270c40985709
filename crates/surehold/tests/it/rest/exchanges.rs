//! What goes over the wire between supabase-js and us, recorded: a change of any status, header or word shows in the
//! snapshot. The statuses that PostgREST itself has are in the script.

use serde_json::json;

use super::open;
use crate::support::node::node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wire_is_as_postgrests() {
    let (api, scene) = open().await;
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    api.hubspot_knows("contact", scene.student, "9001").await;
    let token = api.logs_in(&ben).await;
    let scene = json!({ "exam": scene.exam, "booking": scene.booking, "slot": scene.slot, "trip": scene.trip.trip_id });
    let settings = [
        ("CLIENT", "@supabase/supabase-js"),
        ("SUREHOLD_URL", api.url.as_str()),
        ("SERVICE_KEY", &api.keys.service),
        ("STUDENT_TOKEN", &token),
        ("SCENE", &scene.to_string()),
    ];
    insta::assert_snapshot!(node("rest/exchanges.mjs", &settings).await);
}
