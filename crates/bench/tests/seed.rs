//! The seed's way gives what the product gives: the same answers, refusals and rows.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use surehold::desk::{Desk, DeskOptions};
use surehold::http::{App, HttpOptions, router};
use surehold::store::{Store, StoreOptions, laws};
use surehold_bench::cluster::Cluster;
use surehold_bench::seed::route;
use surehold_bench::world::{self, Org, World, email, student_id};
use tokio_postgres::Client;
use tower::ServiceExt;
use uuid::Uuid;

/// Both services over one school.
struct Stage {
    world: World,
    product: Router,
    seed: Router,
    owner: Client,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_answers_and_writes_as_the_product_does() {
    let shm = std::path::Path::new("/dev/shm");
    let memory = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    let cluster = Cluster::start(&memory.join(format!("surehold-bench-test-{}", std::process::id()))).await.unwrap();
    let world = world::school(&cluster, 60).await;
    let url = world.as_ref().map(|world| cluster.url(world.database)).unwrap_or_default();
    let owner = cluster.connect("bench_school").await;
    // A task of its own, so that the cluster is stopped also when something here fails.
    let story = tokio::spawn(async move {
        let stage = Stage::open(world.unwrap(), &url, owner.unwrap());
        stage.a_booking_looks_the_same().await;
        stage.a_double_click_books_once().await;
        stage.a_key_is_good_for_one_request().await;
        stage.ten_want_the_last_seat().await;
        stage.without_credits_nothing_is_booked().await;
        stage.all_laws_hold().await;
    });
    let told = story.await;
    cluster.end(false).await.unwrap();
    told.unwrap();
}

impl Stage {
    fn open(world: World, url: &str, owner: Client) -> Stage {
        let options = StoreOptions::new(url);
        let store = Store::new(&options).unwrap();
        let app = App::new(store.clone(), Desk::new(store, DeskOptions::default()), HttpOptions::default());
        let pool = route::pool(url, &options.app_role, false).unwrap();
        Stage { world, product: router(app.clone()), seed: route::router(app, pool), owner }
    }

    fn org(&self) -> &Org {
        &self.world.orgs[0]
    }

    async fn book(&self, service: &Router, student: usize, session: Uuid, key: Option<&str>) -> (StatusCode, Value) {
        // Each type of exam asks for one of them.
        let body = json!({
            "student_id": student_id(student), "email": email(student), "mock_exam_id": session,
            "attending_location": "mississauga", "dominant_hand": "right",
        });
        let mut request = Request::post("/api/bookings/create")
            .header(header::AUTHORIZATION, self.org().authorization.clone())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = service.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// By another student, the answers differ in the ids only.
    async fn a_booking_looks_the_same(&self) {
        let (product, seed) = (51, 52);
        let ours = self.book(&self.product, product, self.org().hot, None).await;
        let theirs = self.book(&self.seed, seed, self.org().hot, None).await;
        assert_eq!((ours.0, theirs.0), (StatusCode::CREATED, StatusCode::CREATED));
        assert_eq!(without_ids(ours.1, product), without_ids(theirs.1, seed));
        let rows = "SELECT j.event, j.principal = 'system:bench', j.key LIKE 'idem\\_%', length(j.key), \
                    (SELECT string_agg(k, ',' ORDER BY k) FROM json_object_keys(j.after) k), b.status, b.paid_by, \
                    b.credit_kind, b.token_used, b.exclusive_date::text, e.delta, e.balance, e.reason \
                    FROM bookings b JOIN contacts c USING (org_id) JOIN journal j USING (org_id) \
                    JOIN credit_entries e USING (org_id) WHERE b.contact_id = c.id AND j.entity_id = b.id \
                    AND e.booking_id = b.id AND c.student_id = $1 AND b.slot_id = $2";
        let row = async |student| {
            let row = self.owner.query_one(rows, &[&student_id(student), &self.org().hot]).await.unwrap();
            let text = |index| row.get::<_, Option<String>>(index);
            let flag = |index| row.get::<_, bool>(index);
            (
                [text(0), text(4), text(5), text(6), text(7), text(8), text(9), text(12)],
                (flag(1), flag(2), row.get::<_, i32>(3), row.get::<_, i64>(10), row.get::<_, i64>(11)),
            )
        };
        assert_eq!(row(product).await, row(seed).await);
    }

    async fn a_double_click_books_once(&self) {
        for service in [&self.product, &self.seed] {
            let (status, again) = self.book(service, 52, self.org().hot, None).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!((&again["idempotent"], &again["message"]), (&json!(true), &json!("Booking already exists")));
        }
    }

    async fn a_key_is_good_for_one_request(&self) {
        let (hot, key) = (self.org().hot, Some("a-key"));
        let (first, made) = self.book(&self.seed, 53, hot, key).await;
        let (again, same) = self.book(&self.seed, 53, hot, key).await;
        assert_eq!((first, again), (StatusCode::CREATED, StatusCode::OK));
        assert_eq!(made["data"], same["data"]);
        let (status, other) = self.book(&self.seed, 54, hot, key).await;
        assert_eq!((status.as_u16(), &other["code"]), (422, &json!("IDEMPOTENCY_MISMATCH")));
    }

    async fn ten_want_the_last_seat(&self) {
        let rush = self.org().rush;
        self.owner.execute("UPDATE slots SET capacity = 1 WHERE id = $1", &[&rush]).await.unwrap();
        let attempts = (1..=10).map(|student| self.book(&self.seed, student, rush, None));
        let answers = futures::future::join_all(attempts).await;
        let full: Vec<&Value> =
            answers.iter().filter(|answer| answer.0 == StatusCode::CONFLICT).map(|a| &a.1).collect();
        assert_eq!(answers.iter().filter(|answer| answer.0 == StatusCode::CREATED).count(), 1);
        assert_eq!(full.len(), 9);
        let (status, ours) = self.book(&self.product, 11, rush, None).await;
        assert_eq!((status, &ours["code"]), (StatusCode::CONFLICT, &json!("EXAM_FULL")));
        for theirs in full {
            assert_eq!((&theirs["error"], &theirs["details"]), (&ours["error"], &ours["details"]));
        }
    }

    async fn without_credits_nothing_is_booked(&self) {
        // As if this student had come without credits of the kind that the exam costs.
        let whose = "kind = 'cs_credits' AND contact_id = (SELECT id FROM contacts WHERE student_id = $1)";
        for sql in ["DELETE FROM credit_entries", "UPDATE credit_balances SET amount = 0"] {
            self.owner.execute(&format!("{sql} WHERE {whose}"), &[&student_id(60)]).await.unwrap();
        }
        let session = self.org().spread[0];
        let ours = self.book(&self.product, 60, session, None).await;
        let theirs = self.book(&self.seed, 60, session, None).await;
        assert_eq!((ours.0, theirs.0), (StatusCode::PAYMENT_REQUIRED, StatusCode::PAYMENT_REQUIRED));
        for member in ["error", "code", "details"] {
            assert_eq!(ours.1[member], theirs.1[member]);
        }
    }

    async fn all_laws_hold(&self) {
        for report in laws::check(&self.owner, None).await.unwrap() {
            assert!(report.holds() && report.checked > 0, "{report:?}");
        }
    }
}

fn without_ids(mut answer: Value, student: usize) -> Value {
    answer["data"]["id"] = Value::Null;
    let text = answer.to_string().replace(&student_id(student), "S");
    serde_json::from_str(&text).unwrap()
}
