//! supabase-js, unchanged.

use serde_json::json;

use super::open;
use crate::support::node::node;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_js_reads_as_from_its_own_server() {
    let (api, scene) = open().await;
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    api.enrols("CAT", json!({ "cs_credits": 3 })).await;
    let token = api.logs_in(&ben).await;
    let scene = json!({
        "student": scene.student, "exam": scene.exam, "booking": scene.booking, "traveller": scene.traveller,
        "slot": scene.slot, "trip": scene.trip.trip_id,
    });
    // The newest that runs on Node 20 as it is, and an older one that the seeds' programs may have.
    for client in ["@supabase/supabase-js", "supabase-js-2.86"] {
        let settings = [
            ("CLIENT", client),
            ("SUREHOLD_URL", api.url.as_str()),
            ("SERVICE_KEY", &api.keys.service),
            ("STUDENT_TOKEN", &token),
            ("SCENE", &scene.to_string()),
        ];
        node("rest/reads.mjs", &settings).await;
    }
    api.school.laws_hold().await;
}
