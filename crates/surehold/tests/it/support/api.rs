//! The HTTP service over a school: the real router on a port of its own, and what people do with it.
//!
//! Every answer is held against the OpenAPI document on the way in ([`super::contract`]).

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use surehold::desk::{Desk, DeskOptions};
use surehold::http::{App, HttpOptions, router};
use surehold::store::Store;
use surehold::store::api_keys::{self, Role};
use surehold::store::provision::{NewOrg, create_org};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::School;
use super::answer::Answer;

/// A school and its HTTP service.
pub struct Api {
    pub school: School,
    pub url: String,
    pub keys: Keys,
    pub client: reqwest::Client,
    server: JoinHandle<()>,
}

/// The API keys of one organisation.
#[derive(Clone)]
pub struct Keys {
    pub org_id: Uuid,
    pub admin: String,
    pub admin_id: Uuid,
    pub service: String,
}

/// A student, as the school's office knows it.
#[derive(Clone, Debug)]
pub struct Student {
    pub id: Uuid,
    pub student_id: String,
    pub email: String,
}

impl Student {
    /// `student_id` and `email` as members of a body.
    pub fn identity(&self) -> Value {
        json!({ "student_id": self.student_id, "email": self.email })
    }

    /// The same in a query string.
    pub fn query(&self) -> String {
        format!("student_id={}&email={}", encoded(&self.student_id), encoded(&self.email))
    }
}

/// Settings for tests: no rate limits.
pub fn unlimited() -> HttpOptions {
    HttpOptions { address_calls_per_minute: 0, student_calls_per_minute: 0, ..HttpOptions::default() }
}

impl Api {
    /// A school with its service, without rate limits.
    pub async fn open() -> Api {
        Api::with(DeskOptions::default(), unlimited()).await
    }

    pub async fn with(desk: DeskOptions, http: HttpOptions) -> Api {
        let school = School::with(desk).await;
        let (store, desk) = (school.store.clone(), school.desk.clone());
        Api::serving(school, store, desk, http).await
    }

    /// A service over a store and a desk of the caller's choice.
    pub async fn serving(school: School, store: Store, desk: Desk, http: HttpOptions) -> Api {
        let keys = make_keys(&school, school.org_id).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = App::new(store, desk, http);
        app.warm_up().await;
        let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let _ = rustls::crypto::ring::default_provider().install_default(); // another test may have done so
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Api { school, url, keys, client, server }
    }

    /// Another organisation on the same server.
    pub async fn another_org(&self, slug: &str, hosts: &[&str]) -> Keys {
        let new = NewOrg {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            time_zone: "America/Toronto".to_owned(),
            currency: "EUR".to_owned(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            is_test: false,
        };
        let org_id = create_org(&mut self.school.db.owner().await, &new).await.unwrap();
        make_keys(&self.school, org_id).await
    }

    pub fn get(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::GET, path.as_ref())
    }

    pub fn post(&self, path: impl AsRef<str>, body: Value) -> Call {
        self.call(Method::POST, path.as_ref()).json(&body)
    }

    pub fn patch(&self, path: impl AsRef<str>, body: Value) -> Call {
        self.call(Method::PATCH, path.as_ref()).json(&body)
    }

    pub fn delete(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::DELETE, path.as_ref())
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        let request = self.client.request(method.clone(), format!("{}{path}", self.url));
        Call { method, path: path.to_owned(), keys: self.keys.clone(), request }
    }

    // What the office does.

    /// Adds a student.
    pub async fn enrols(&self, student_id: &str, credits: Value) -> Student {
        let email = format!("{}@example.org", student_id.to_lowercase());
        self.enrols_as(&self.keys, student_id, &email, credits).await
    }

    pub async fn enrols_as(&self, keys: &Keys, student_id: &str, email: &str, credits: Value) -> Student {
        let body = json!({
            "student_id": student_id, "email": email, "first_name": "Test", "last_name": student_id, "credits": credits,
        });
        let added = self.post("/api/admin/contacts", body).bearer(&keys.admin).await.is(201);
        let text = |member: &str| added.data()[member].as_str().unwrap().to_owned();
        Student { id: added.id(), student_id: text("student_id"), email: text("email") }
    }

    /// Opens a session on May 4th, 2030, from nine to noon.
    pub async fn opens(&self, mock_type: &str, capacity: i32) -> Uuid {
        self.opens_on(mock_type, capacity, "2030-05-04").await
    }

    pub async fn opens_on(&self, mock_type: &str, capacity: i32, date: &str) -> Uuid {
        self.opens_with(json!({ "mock_type": mock_type, "capacity": capacity, "exam_date": date })).await
    }

    /// Opens a session; what is not said is as usual.
    pub async fn opens_with(&self, body: Value) -> Uuid {
        self.opens_for(&self.keys, body).await
    }

    pub async fn opens_for(&self, keys: &Keys, body: Value) -> Uuid {
        let usual = json!({
            "exam_date": "2030-05-04", "start_time": "09:00", "end_time": "12:00", "location": "Mississauga", "capacity": 5,
        });
        self.post("/api/admin/mock-exams", merged(usual, body)).bearer(&keys.admin).await.is(201).id()
    }

    /// Changes a session.
    pub async fn changes(&self, session: Uuid, body: Value) -> Answer {
        self.patch(format!("/api/admin/mock-exams/{session}"), body).by_admin().await
    }

    /// Refunds a booking's credit.
    pub async fn refunds(&self, booking: &str, body: Value) -> Answer {
        self.post(format!("/api/admin/bookings/{}/refund", encoded(booking)), body).by_admin().await
    }

    /// Moves a booking to another session.
    pub async fn moves(&self, booking: Uuid, to: Uuid) -> Answer {
        self.post(format!("/api/admin/bookings/{booking}/move"), json!({ "mock_exam_id": to })).by_admin().await
    }

    /// Notes whether a student came.
    pub async fn marks(&self, booking: Uuid, attendance: Value) -> Answer {
        let body = json!({ "attendance": attendance });
        self.patch(format!("/api/admin/bookings/{booking}/attendance"), body).by_admin().await
    }

    /// What the journal says of something, the latest first.
    pub async fn audit(&self, entity: &str, id: impl ToString) -> Answer {
        let path = format!("/api/admin/audit?entity={entity}&entity_id={}", id.to_string());
        self.get(path).by_admin().await.is(200)
    }

    // What students do.

    /// Logs in, for a token.
    pub async fn logs_in(&self, student: &Student) -> String {
        let answer = self.post("/api/user/login", student.identity()).await.is(200);
        answer.data()["token"].as_str().unwrap().to_owned()
    }

    /// Books an exam or a discussion with everything that any type asks for.
    pub fn books(&self, student: &Student, session: Uuid) -> Call {
        self.post("/api/bookings/create", merged(student.identity(), booking_of(session)))
    }

    pub fn books_discussion(&self, student: &Student, session: Uuid) -> Call {
        let body = merged(student.identity(), json!({ "mock_exam_id": session }));
        self.post("/api/mock-discussions/create-booking", body)
    }

    /// Cancels a booking by any of its names.
    pub fn cancels(&self, student: &Student, booking: impl ToString) -> Call {
        self.delete(format!("/api/bookings/{}?{}", encoded(&booking.to_string()), student.query()))
    }

    /// Reads a booking by any of its names.
    pub fn reads(&self, student: &Student, booking: impl ToString) -> Call {
        self.get(format!("/api/bookings/{}?{}", encoded(&booking.to_string()), student.query()))
    }

    /// Lists a student's bookings: `more` is the rest of the query string.
    pub async fn lists(&self, student: &Student, more: &str) -> Answer {
        self.get(format!("/api/bookings/list?{}{more}", student.query())).await.is(200)
    }

    /// A student's balances.
    pub async fn credits(&self, student: &Student) -> Value {
        self.lists(student, "").await.data()["credits"].clone()
    }

    /// (capacity, available, status) of a session, by the capacity route.
    pub async fn seats(&self, session: Uuid) -> (i64, i64, String) {
        let answer = self.get(format!("/api/mock-exams/{session}/capacity")).await.is(200);
        let data = answer.data();
        let available = data["available_slots"].as_i64().unwrap();
        let capacity = data["capacity"].as_i64().unwrap();
        assert_eq!(data["total_bookings"], capacity - available);
        (capacity, available, data["status"].as_str().unwrap().to_owned())
    }

    /// Changes rows behind the program's back: time goes by, HubSpot answers, somebody meddles.
    pub async fn meddles(&self, sql: &str) -> u64 {
        self.school.db.owner().await.execute(sql, &[]).await.unwrap()
    }

    /// HubSpot has given something a number.
    pub async fn hubspot_knows(&self, entity: &str, id: Uuid, hubspot_id: &str) {
        let sql = format!(
            "INSERT INTO hubspot_links (org_id, entity, entity_id, hubspot_id) VALUES ('{}', '{entity}', '{id}', '{hubspot_id}')",
            self.school.org_id
        );
        assert_eq!(self.meddles(&sql).await, 1);
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A request that has not been sent yet; it is when it is awaited.
#[must_use]
pub struct Call {
    method: Method,
    path: String,
    keys: Keys,
    request: RequestBuilder,
}

impl Call {
    pub fn by_admin(self) -> Call {
        let key = self.keys.admin.clone();
        self.bearer(&key)
    }

    pub fn by_service(self) -> Call {
        let key = self.keys.service.clone();
        self.bearer(&key)
    }

    pub fn bearer(self, credential: &str) -> Call {
        self.header("authorization", &format!("Bearer {credential}"))
    }

    /// With an `Idempotency-Key`.
    pub fn key(self, key: &str) -> Call {
        self.header("idempotency-key", key)
    }

    pub fn header(mut self, name: &str, value: &str) -> Call {
        self.request = self.request.header(name, value);
        self
    }

    pub fn json(mut self, body: &Value) -> Call {
        self.request = self.request.json(body);
        self
    }

    /// A body as it is.
    pub fn raw(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Call {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = BoxFuture<'static, Answer>;

    fn into_future(self) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            let response = self.request.send().await.expect("an answer");
            Answer::of(self.method, self.path, response).await
        })
    }
}

/// What a booking of a session says besides who books it.
pub fn booking_of(session: Uuid) -> Value {
    json!({ "mock_exam_id": session, "dominant_hand": "right", "attending_location": "mississauga" })
}

/// The members of both; `more` wins, and `null` there takes a member away.
pub fn merged(base: Value, more: Value) -> Value {
    let (Value::Object(mut base), Value::Object(more)) = (base, more) else { panic!("two objects") };
    for (name, value) in more {
        if value.is_null() {
            base.remove(&name)
        } else {
            base.insert(name, value)
        };
    }
    Value::Object(base)
}

/// Text as it stands in a path or a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

async fn make_keys(school: &School, org_id: Uuid) -> Keys {
    let owner = school.db.owner().await;
    let admin = api_keys::create(&owner, org_id, "office", Role::Admin).await.unwrap();
    let service = api_keys::create(&owner, org_id, "web site", Role::Service).await.unwrap();
    let text = |key: &api_keys::NewKey| key.text.expose_secret().to_owned();
    Keys { org_id, admin: text(&admin), admin_id: admin.id, service: text(&service) }
}
