//! The seed's way gives what the product gives: the same answers, refusals and rows.

use std::collections::HashMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use surehold::desk::{Desk, DeskOptions};
use surehold::http::{App, HttpOptions, router};
use surehold::store::{Store, StoreOptions, laws};
use surehold_bench::cluster::Cluster;
use surehold_bench::seed::{route, trips};
use surehold_bench::world::{self, Market, Org, PaidTrip, SlotOnSale, World, email, student_id};
use tokio_postgres::Client;
use tower::ServiceExt;
use uuid::Uuid;

/// Both services over one world.
struct Stage {
    world: World,
    product: Router,
    seed: Router,
    owner: Client,
}

/// A PostgreSQL for one test.
async fn cluster(name: &str) -> Cluster {
    let shm = std::path::Path::new("/dev/shm");
    let memory = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    Cluster::start(&memory.join(format!("surehold-bench-{name}-{}", std::process::id()))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_answers_and_writes_as_the_product_does() {
    let cluster = cluster("test").await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_trips_answer_and_write_as_the_products_do() {
    let cluster = cluster("trips").await;
    let world = world::market(&cluster, 60).await;
    let url = world.as_ref().map(|world| cluster.url(world.database)).unwrap_or_default();
    let owner = cluster.connect("bench_market").await;
    let story = tokio::spawn(async move {
        let stage = Stage::open(world.unwrap(), &url, owner.unwrap());
        stage.a_trip_writes_the_same_rows().await;
        stage.a_payment_pays_once().await;
        stage.ten_want_the_last_seat_of_a_trip().await;
        stage.what_a_trip_cannot_have_is_refused_alike().await;
        stage.opposite_orders_deadlock_with_the_seed_only().await;
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

    fn market(&self) -> &Market {
        self.world.market.as_ref().unwrap()
    }

    /// A trip on some slots, named by their places, with the money of a traveller.
    async fn trip(&self, service: &Router, traveller: usize, slots: &[usize]) -> (StatusCode, Value) {
        let PaidTrip { payment_id, traveller: user } = self.market().paid[traveller];
        let items = slots.iter().map(|place| {
            let SlotOnSale { id, date } = self.market().slots[*place];
            json!({ "experienceId": self.market().experience, "slotId": id, "guestCount": 1, "date": date, "time": "09:00" })
        });
        // The trip's id is the caller's; here it is the traveller's, too.
        let body =
            json!({ "paymentId": payment_id, "tripId": user, "userId": user, "tripItems": items.collect::<Vec<_>>() });
        let request = Request::post(trips::PATH)
            .header(header::AUTHORIZATION, self.org().authorization.clone())
            .header(header::CONTENT_TYPE, "application/json");
        let response = service.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// Every row that a trip led to, and the slots.
    async fn rows_of_trip(&self, traveller: usize) -> Value {
        let sql = "SELECT json_build_object(
            'trip', (SELECT to_json(t) FROM trips t WHERE t.id = $2),
            'payment', (SELECT to_json(p) FROM payments p WHERE p.id = $1),
            'bookings', (SELECT json_agg(b ORDER BY b.id) FROM bookings b WHERE b.payment_id = $1),
            'journal', (SELECT json_agg(j ORDER BY j.id) FROM journal j WHERE j.entity <> 'contact' AND j.entity_id IN
                        (SELECT $1 UNION SELECT $2 UNION SELECT b.id FROM bookings b WHERE b.payment_id = $1)))";
        let PaidTrip { payment_id, traveller } = self.market().paid[traveller];
        self.owner.query_one(sql, &[&payment_id, &traveller]).await.unwrap().get(0)
    }

    async fn a_trip_writes_the_same_rows(&self) {
        let slots = [7, 3, 5];
        let mut told = Vec::new();
        for (traveller, service) in [&self.product, &self.seed].into_iter().enumerate() {
            let (status, answer) = self.trip(service, traveller, &slots).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            let rows = self.rows_of_trip(traveller).await;
            assert_eq!(rows["bookings"].as_array().unwrap().len(), 3);
            // The payment was recorded, and then six rows.
            assert_eq!(rows["journal"].as_array().unwrap().len(), 7);
            told.push(Plain::default().of(json!([answer, rows])));
        }
        assert_eq!(told[0], told[1]);
        let sql = "SELECT count(*) FROM slots WHERE id = ANY($1) AND taken = 2 AND version = 3";
        let ids = slots.map(|place| self.market().slots[place].id);
        assert_eq!(self.owner.query_one(sql, &[&ids.as_slice()]).await.unwrap().get::<_, i64>(0), 3);
    }

    async fn a_payment_pays_once(&self) {
        for (traveller, service) in [&self.product, &self.seed].into_iter().enumerate() {
            let before = self.rows_of_trip(traveller).await;
            let (status, again) = self.trip(service, traveller, &[7, 3, 5]).await;
            assert_eq!(status, StatusCode::OK);
            let ids = |list: &Value| -> Vec<Value> {
                list.as_array().unwrap().iter().map(|booking| booking["id"].clone()).collect()
            };
            assert_eq!(ids(&again["bookings"]), ids(&before["bookings"]));
            let (status, other) = self.trip(service, traveller, &[7, 3, 6]).await;
            assert_eq!((status, &other["code"]), (StatusCode::CONFLICT, &json!("PAYMENT_USED")));
            assert_eq!(self.rows_of_trip(traveller).await, before);
        }
    }

    async fn ten_want_the_last_seat_of_a_trip(&self) {
        let scarce = self.market().slots[10].id;
        self.owner.execute("UPDATE slots SET capacity = 1 WHERE id = $1", &[&scarce]).await.unwrap();
        let attempts = (10..20).map(|traveller| self.trip(&self.seed, traveller, &[11, 10, 12]));
        let answers = futures::future::join_all(attempts).await;
        assert_eq!(answers.iter().filter(|answer| answer.0 == StatusCode::OK).count(), 1);
        let ours = self.trip(&self.product, 20, &[11, 10, 12]).await;
        for theirs in answers.iter().filter(|answer| answer.0 != StatusCode::OK) {
            assert_eq!(refusal(theirs), refusal(&ours));
        }
        assert_eq!(ours.1["errorCode"], "INSUFFICIENT_AVAILABILITY");
        // All or nothing: the slots beside it have one guest each.
        let beside = [11, 12].map(|place| self.market().slots[place].id);
        let sql = "SELECT sum(taken) FROM slots WHERE id = ANY($1)";
        assert_eq!(self.owner.query_one(sql, &[&beside.as_slice()]).await.unwrap().get::<_, i64>(0), 2);
    }

    async fn what_a_trip_cannot_have_is_refused_alike(&self) {
        let blocked = self.market().slots[13].id;
        self.owner.execute("UPDATE slots SET is_blocked = true WHERE id = $1", &[&blocked]).await.unwrap();
        let cases: [(&[usize], &str); 2] = [(&[14, 13, 15], "SLOT_BLOCKED"), (&[14, 15, 16, 17], "AMOUNT_MISMATCH")];
        for (slots, code) in cases {
            let (ours, theirs) = (self.trip(&self.product, 30, slots).await, self.trip(&self.seed, 30, slots).await);
            assert_eq!(refusal(&ours), refusal(&theirs));
            assert_eq!(ours.1["code"], code);
        }
    }

    /// The trip holds its first slot and waits for its second, which somebody has who then wants the first one.
    async fn opposite_orders_deadlock_with_the_seed_only(&self) {
        let (first, second) = (self.market().slots[40].id, self.market().slots[41].id);
        let lock = "SELECT FROM slots WHERE id = $1 FOR UPDATE";
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        self.owner.batch_execute("BEGIN; SET LOCAL deadlock_timeout = '60s'").await.unwrap();
        self.owner.execute(lock, &[&second]).await.unwrap();
        let victim = self.trip(&self.seed, 40, &[40, 41]);
        let other = async {
            while self.owner.query_opt(waiting, &[]).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
            self.owner.execute(lock, &[&first]).await.unwrap();
            self.owner.batch_execute("COMMIT").await.unwrap();
        };
        let ((status, answer), ()) = tokio::join!(victim, other);
        assert_eq!((status, &answer["errorCode"]), (trips::TRANSACTION_FAILED, &json!("TRANSACTION_FAILED")));
        // The product takes locks in one order, whatever order the items have.
        let (a, b) = ([40, 41, 42], [42, 41, 40]);
        let racers = (41..57).map(|n| self.trip(&self.product, n, if n % 2 == 0 { &a } else { &b }));
        for (status, answer) in futures::future::join_all(racers).await {
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
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
            // Nothing is mirrored here.
            assert!(report.holds() && (report.checked > 0 || report.law == 9), "{report:?}");
        }
    }
}

fn without_ids(mut answer: Value, student: usize) -> Value {
    answer["data"]["id"] = Value::Null;
    let text = answer.to_string().replace(&student_id(student), "S");
    serde_json::from_str(&text).unwrap()
}

/// A refusal without the id of its request.
fn refusal((status, answer): &(StatusCode, Value)) -> (StatusCode, [&Value; 4]) {
    (*status, ["error", "code", "errorCode", "details"].map(|member| &answer[member]))
}

/// Rows without what is new in each: ids are numbered as they occur, instants and references have one name.
#[derive(Default)]
struct Plain(HashMap<Uuid, usize>);

impl Plain {
    fn of(&mut self, value: Value) -> Value {
        match value {
            Value::Array(values) => values.into_iter().map(|value| self.of(value)).collect(),
            Value::Object(members) => members.into_iter().map(|(name, value)| self.member(name, value)).collect(),
            Value::String(text) => json!(self.text(&text)),
            other => other,
        }
    }

    fn member(&mut self, name: String, value: Value) -> (String, Value) {
        // Their own names for one payment; and what is made of ids.
        let value = match name.as_str() {
            "reference" if value.as_str().is_some_and(|text| text.starts_with("R-")) => json!("R-"),
            "fingerprint" | "key" if value.is_string() => json!(value.to_string().len()),
            _ => self.of(value),
        };
        (name, value)
    }

    fn text(&mut self, text: &str) -> String {
        let (prefix, rest) = text.split_at(text.find(':').map_or(0, |colon| colon + 1));
        if let Ok(id) = Uuid::parse_str(rest) {
            let next = self.0.len();
            return format!("{prefix}id {}", self.0.entry(id).or_insert(next));
        }
        let is_reference = text.len() == 11 && text.starts_with("PL-");
        match text.parse::<jiff::Timestamp>() {
            Ok(_) => "an instant".to_owned(),
            Err(_) if is_reference => "a reference".to_owned(),
            Err(_) => text.to_owned(),
        }
    }
}
