//! No caller takes more than its share: rows, time, connections.

use std::time::Duration;

use serde_json::json;
use surehold::desk::{Desk, DeskOptions};
use surehold::http::HttpOptions;
use surehold::store::{Store, StoreOptions};

use crate::support::api::unlimited;
use crate::support::cluster::APP_ROLE;
use crate::support::scene::Scene;
use crate::support::{Api, School};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_more_rows_than_the_server_gives() {
    let options = HttpOptions { rest_rows_max: 3, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    for n in 1..=5 {
        api.enrols(&format!("S{n}"), json!({})).await;
    }
    for more in ["", "?limit=100", "?limit=4"] {
        let page = api.rest(&format!("hubspot_contact_credits{more}")).await.is(200);
        assert_eq!((page.body.as_array().unwrap().len(), page.range()), (3, "0-2/*"), "{more}");
    }
    let counted = api.rest("hubspot_contact_credits").header("prefer", "count=exact").await.is(206);
    assert_eq!(counted.range(), "0-2/5", "the count is of all");
    let ranged = api.rest("hubspot_contact_credits").header("range", "1-4").await.is(200);
    assert_eq!(ranged.range(), "1-3/*");
    let rest = api.rest("hubspot_contact_credits?offset=3").await.is(200);
    assert_eq!(rest.range(), "3-4/*");
}

/// A school whose callers wait for 300 ms at most.
async fn impatient() -> (Api, Scene) {
    let school = School::open().await;
    let options = StoreOptions {
        app_role: APP_ROLE.to_owned(),
        read_connections: 3,
        command_connections: 6,
        caller_timeout: Duration::from_millis(300),
        ..StoreOptions::new(&school.db.url)
    };
    let store = Store::new(&options).expect("a store");
    let desk = Desk::new(store.clone(), DeskOptions { flights_max: 6, ..DeskOptions::default() });
    let scene = Scene::of(&school, "ANN").await;
    (Api::serving(school, store, desk, unlimited()).await, scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_takes_too_long_ends() {
    let (api, _) = impatient().await;
    let somebody = api.school.db.owner().await;
    somebody.batch_execute("BEGIN; LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let late = api.rest("bookings").await;
    late.fails(500, "57014", "canceling statement due to statement timeout");
    somebody.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(api.found("bookings").await.len(), 1);
}

/// Reads that hang take connections of their own: students book meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_reads_do_not_hold_bookings_up() {
    let api = Api::open().await;
    Scene::of(&api.school, "ANN").await;
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    let session = api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    let somebody = api.school.db.owner().await;
    somebody.batch_execute("BEGIN; LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let hanging = futures::future::join_all((0..12).map(|_| api.rest("bookings").into_future()));
    let booking = async {
        // Until the readers hang, as many as can.
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'refunds'::regclass AND NOT granted";
        let all_hang = async { while api.school.number(waiting).await < 4 {} };
        tokio::time::timeout(Duration::from_secs(30), all_hang).await.expect("they hang");
        api.books(&ben, session).await.is(201);
        somebody.batch_execute("ROLLBACK").await.unwrap();
    };
    let (answers, ()) = tokio::join!(hanging, booking);
    // Those at the front got their rows at last; who waited for too long was told to come again.
    for answer in &answers {
        assert!([200, 503].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(api.found("bookings").await.len(), 1);
}

/// A caller of ever new shapes fills no server's memory with statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_statements_are_kept() {
    let api = Api::open().await;
    for n in 0..150 {
        let filters = vec!["id=is.null"; n % 50].join("&");
        let order = if n < 50 {
            ""
        } else if n < 100 {
            "&order=id"
        } else {
            "&order=id.desc"
        };
        api.rest(&format!("trips?{filters}{order}")).await.is(200);
    }
    // One caller after the other is served by the same connection.
    let client = api.school.store.caller().await.unwrap();
    let kept: i64 = client.query_one("SELECT count(*) FROM pg_prepared_statements", &[]).await.unwrap().get(0);
    assert!((10..=64).contains(&kept), "{kept}");
    // The same shape with other values is the same statement.
    drop(client);
    for n in 0..20 {
        api.rest(&format!("trips?select=a{n}:id&status=eq.s{n}&or=(status.in.(a,b{n}),total.gt.{n})&limit={n}"))
            .await
            .is(200);
    }
    let client = api.school.store.caller().await.unwrap();
    let after: i64 = client.query_one("SELECT count(*) FROM pg_prepared_statements", &[]).await.unwrap().get(0);
    assert!(after <= kept + 2, "{kept}, then {after}");
}

/// The connections for callers cannot write, whatever a statement says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_connections_are_read_only() {
    let (api, _) = impatient().await;
    let client = api.school.store.caller().await.unwrap();
    let refused = client.execute("UPDATE slots SET taken = taken", &[]).await.expect_err("a refusal");
    assert_eq!(refused.code().map(|code| code.code()), Some("25006"));
}
