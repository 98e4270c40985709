//! supabase-js, unchanged.

use serde_json::{Value, json};
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use uuid::Uuid;

use super::open;
use crate::support::marketplace_api::{JWT_SECRET, WEBHOOK_SECRET, token, traveller};
use crate::support::node::node;
use crate::support::scene::Scene;
use crate::support::{Api, MarketplaceApi};

/// The newest that runs on Node 20 as it is, and an older one that the seeds' programs may have.
const CLIENTS: [&str; 2] = ["@supabase/supabase-js", "supabase-js-2.86"];

/// What a program is told of a scene.
fn names(scene: &Scene) -> Value {
    json!({
        "student": scene.student, "exam": scene.exam, "booking": scene.booking, "traveller": scene.traveller,
        "slot": scene.slot, "trip": scene.trip.trip_id,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_js_reads_as_from_its_own_server() {
    let (api, scene) = open().await;
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    api.enrols("CAT", json!({ "cs_credits": 3 })).await;
    let token = api.logs_in(&ben).await;
    let scene = names(&scene);
    for client in CLIENTS {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_js_adds_notes_and_repeats_what_is_stored() {
    for client in CLIENTS {
        let (api, scene) = open().await;
        for (entity, id, number) in
            [("contact", scene.student, "9001"), ("slot", scene.exam, "7001"), ("booking", scene.booking, "8001")]
        {
            api.hubspot_knows(entity, id, number).await;
        }
        let settings = [
            ("CLIENT", client),
            ("SUREHOLD_URL", api.url.as_str()),
            ("SERVICE_KEY", &api.keys.service),
            ("SCENE", &names(&scene).to_string()),
        ];
        node("rest/writes.mjs", &settings).await;
        api.school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_js_books_and_cancels_as_with_its_own_functions() {
    for client in CLIENTS {
        let api = Api::open().await;
        let credits = json!({ "cs_credits": 9, "shared_mock_credits": 3, "sj_credits": 1 });
        let ann = api.enrols("ANN", credits).await;
        api.hubspot_knows("contact", ann.id, "9001").await;
        for place in 0..10 {
            api.enrols(&format!("RACER{place}"), json!({ "cs_credits": 1 })).await;
        }
        let exam = api.opens("Clinical Skills", 9).await;
        api.hubspot_knows("slot", exam, "7001").await;
        let narrow = api.opens_on("Clinical Skills", 1, "2030-05-05").await;
        let scene = json!({ "student": ann.id, "exam": exam, "narrow": narrow });
        let settings = [
            ("CLIENT", client),
            ("SUREHOLD_URL", api.url.as_str()),
            ("SERVICE_KEY", &api.keys.service),
            ("SCENE", &scene.to_string()),
        ];
        node("rest/exams.mjs", &settings).await;
        api.school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supabase_js_books_trips_and_invokes_functions() {
    const PAGE: &str = "https://shop.example.com";
    for client in CLIENTS {
        let of_page = |options: &mut HttpOptions| options.cors_origins = vec![PAGE.parse().unwrap()];
        let shop = MarketplaceApi::with(DeskOptions::default(), of_page).await;
        let [slot, last] = shop.slots([10, 1]).await;
        let ann = traveller();
        let mut payments = Vec::new();
        for _ in 0..12 {
            payments.push(shop.records(&ann, 10_000, "usd").await);
        }
        let scene = json!({
            "user": ann.id, "experience": slot.experience, "slot": slot.id, "last": last.id, "date": slot.date,
            "time": format!("{}:00", slot.time), "payments": payments,
        });
        let anonymous = token(Uuid::nil(), JWT_SECRET, |claims| {
            *claims = json!({ "iss": "supabase", "role": "anon", "exp": 4_000_000_000_u64 });
        });
        let settings = [
            ("CLIENT", client),
            ("SUREHOLD_URL", shop.api.url.as_str()),
            ("SERVICE_KEY", &shop.api.keys.service),
            ("ANON_KEY", &anonymous),
            ("USER_TOKEN", &ann.token),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("ORIGIN", PAGE),
            ("SCENE", &scene.to_string()),
        ];
        node("rest/trips.mjs", &settings).await;
        shop.delivered().await;
        shop.laws_hold().await;
    }
}
