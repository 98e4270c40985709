//! `surehold storm`, the real binary, against a real server: alone, and through a proxy that lies.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::support::Api;

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");
/// A second of bookings, cancellations, lists and replays, a third of the bookings in vain.
const SECOND: &[&str] = &["--rate", "60", "--seconds", "1", "--expect-refusals", "30"];

/// What is answered: a status and JSON.
pub(super) type Said = (StatusCode, Bytes);

/// The way to the real server.
pub(super) struct Truth {
    url: String,
    client: reqwest::Client,
    /// The way to its database.
    pub(super) owner: tokio_postgres::Client,
    /// Whether the lie was told: once is enough.
    told: AtomicBool,
    /// Requests that were held back, and what they wait for.
    held_back: AtomicUsize,
    gate: Semaphore,
}

/// A server that tells the truth, but for one lie: a proxy that answers a request, given the way to the real server.
pub(super) async fn lying<L, F>(api: &Api, lie: L) -> String
where
    L: Fn(Arc<Truth>, Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Said> + Send + 'static,
{
    let truth = Arc::new(Truth {
        url: api.url.clone(),
        client: api.client.clone(),
        owner: api.school.db.owner().await,
        told: AtomicBool::new(false),
        held_back: AtomicUsize::new(0),
        gate: Semaphore::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = Router::new().fallback(move |request: Request| {
        let said = lie(truth.clone(), request);
        async move {
            let (status, body) = said.await;
            (status, [(header::CONTENT_TYPE, "application/json")], body)
        }
    });
    tokio::spawn(async move { axum::serve(listener, proxy).await.unwrap() });
    url
}

impl Truth {
    /// What the real server answers.
    pub(super) async fn of(&self, request: Request) -> Said {
        let (parts, body) = request.into_parts();
        let url = format!("{}{}", self.url, parts.uri);
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let mut headers = parts.headers;
        headers.remove(header::HOST);
        let answer = self.client.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap())
    }

    /// Holds a request back until so many have arrived.
    async fn hold_back_until(&self, arrived: usize) {
        if self.held_back.fetch_add(1, Ordering::SeqCst) + 1 == arrived {
            self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        }
        self.gate.acquire().await.unwrap().forget();
    }

    /// Counts, from 1.
    pub(super) fn counts(&self) -> usize {
        self.held_back.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn was_told(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    pub(super) fn first_time(&self) -> bool {
        !self.told.swap(true, Ordering::SeqCst)
    }
}

fn books(request: &Request) -> bool {
    request.uri().path() == "/api/bookings/create"
}

pub(super) async fn storm(url: &str, key: &str, flags: &[&str]) -> Output {
    let mut command = command(url, key, flags);
    command.output().await.expect("the program runs")
}

pub(super) fn command(url: &str, key: &str, flags: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(BINARY);
    command.arg("storm").args(flags).args(["--url", url]).env("SUREHOLD_ADMIN_KEY", key).kill_on_drop(true);
    command
}

pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Test organisations that are still open.
pub(super) async fn open_orgs(api: &Api) -> i64 {
    let sql = "SELECT count(*) FROM orgs WHERE is_test AND closed_at IS NULL";
    api.school.db.owner().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_loop_passes_and_leaves_its_record() {
    let api = Api::open().await;
    let record = std::env::temp_dir().join(format!("surehold-storm-{}.jsonl", Uuid::now_v7().simple()));
    let flags = [SECOND, &["--record", record.to_str().unwrap()]].concat();
    let output = storm(&api.url, &api.keys.admin, &flags).await;
    let said = text(&output);
    assert!(output.status.success() && said.trim_end().ends_with("… PASS"), "{said}");
    for part in ["60 requests per second for 1 s (book=70,", "P99.9", "up to", "#", "ok   replays", "all 9 hold"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert_eq!(open_orgs(&api).await, 0, "the test organisation is closed");

    // A line for each request, with its times in order.
    let lines = std::fs::read_to_string(&record).unwrap();
    std::fs::remove_file(&record).unwrap();
    let entries: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 60);
    for (number, entry) in entries.iter().enumerate() {
        let times = ["intended_us", "sent_us", "ended_us"].map(|name| entry[name].as_u64().unwrap());
        assert!(entry["request"] == number && times.is_sorted(), "{entry}");
    }
    let of = |kind: &str, status: u16| entries.iter().filter(|e| e["kind"] == kind && e["status"] == status).count();
    assert_eq!(of("book", 201) + of("book", 409), 42);
    assert!(entries.iter().all(|e| e["status"] != 201 || e["booking_id"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_says_in_json_which_rate_was_held() {
    let api = Api::open().await;
    let flags = ["--ramp", "20..60", "--steps", "3", "--seconds", "1", "--p99-max", "30000", "--json"];
    let output = storm(&api.url, &api.keys.admin, &flags).await;
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object, and nothing else");
    assert_eq!((&report["mode"], &report["passed"]), (&json!("open_loop"), &json!(true)));
    let rates: Vec<&Value> = report["steps"].as_array().unwrap().iter().map(|step| &step["rate_asked"]).collect();
    assert_eq!(rates, [20, 40, 60]);
    assert_eq!(report["highest_rate_held"], 60);
    let counted: u64 = report["histogram"].as_array().unwrap().iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, report["driver"]["scheduled"].as_u64().unwrap());
    assert!(report["latency_ms"]["book"]["p99_9"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_is_as_it_was_and_speaks_json_too() {
    let api = Api::open().await;
    let output = storm(&api.url, &api.keys.admin, &["--seats", "3", "--clients", "12"]).await;
    let said = text(&output);
    assert!(
        said.starts_with("12 students with 1 credit each book a session with 3 seats at the same moment"),
        "{said}"
    );
    assert!(said.contains("\n       3 x 201\n       9 x 409 EXAM_FULL\n  latency "), "{said}");
    assert!(said.ends_with("3 booked, 9 refused: EXAM_FULL … PASS\n"), "{said}");

    let output = storm(&api.url, &api.keys.admin, &["--clients", "4", "--json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object, and nothing else");
    assert_eq!((&report["mode"], &report["booked"], &report["passed"]), (&json!("at_once"), &json!(1), &json!(true)));
}

/// No booking is answered before the thirtieth has arrived: a driver that waits for answers would never send
/// it. That the first ones waited half a second for it is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_sent_to_all_the_same_and_shows() {
    let api = Api::open().await;
    let url = lying(&api, |truth, request| async move {
        if books(&request) {
            truth.hold_back_until(30).await;
        }
        truth.of(request).await
    })
    .await;
    let flags = ["--rate", "60", "--seconds", "1", "--mix", "book=1", "--json"];
    let output = storm(&url, &api.keys.admin, &flags).await;
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object, and nothing else");
    // The thirtieth is due 483 ms after the first.
    assert!(report["latency_ms"]["all"]["max"].as_f64().unwrap() >= 483.0, "{report}");
}

/// One refusal becomes a booking that nobody made.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_was_invented_is_found() {
    let api = Api::open().await;
    let url = lying(&api, |truth, request| async move {
        let books = books(&request);
        let (status, body) = truth.of(request).await;
        if books && status == StatusCode::CONFLICT && truth.first_time() {
            let invented = json!({ "success": true, "data": { "id": Uuid::now_v7() } });
            return (StatusCode::CREATED, invented.to_string().into());
        }
        (status, body)
    })
    .await;
    let output = storm(&url, &api.keys.admin, SECOND).await;
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("BAD  bookings") && said.contains("lost: booking") && said.contains("FAIL"), "{said}");
    assert_eq!(open_orgs(&api).await, 0, "the test organisation is closed");
}

/// One booking is acknowledged, and given up behind the student's back.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_is_dropped_after_its_answer_is_found() {
    let api = Api::open().await;
    let url = lying(&api, |truth, request| async move {
        let books = books(&request);
        let (parts, sent) = request.into_parts();
        let sent = to_bytes(sent, usize::MAX).await.unwrap();
        let again = parts.headers.clone();
        let (status, body) = truth.of(Request::from_parts(parts, sent.clone().into())).await;
        if books && status == StatusCode::CREATED && truth.first_time() {
            let made: Value = serde_json::from_slice(&body).unwrap();
            let path = format!("/api/bookings/{}", made["data"]["id"].as_str().unwrap());
            let student: Value = serde_json::from_slice(&sent).unwrap();
            let student = json!({ "student_id": student["student_id"], "email": student["email"] }).to_string();
            let mut cancel = Request::new(Body::from(student));
            (*cancel.method_mut(), *cancel.uri_mut()) = (Method::DELETE, path.parse().unwrap());
            for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
                cancel.headers_mut().insert(name.clone(), again[name].clone());
            }
            assert_eq!(truth.of(cancel).await.0, StatusCode::OK);
        }
        (status, body)
    })
    .await;
    let output = storm(&url, &api.keys.admin, &["--rate", "60", "--seconds", "1", "--mix", "book=1"]).await;
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not active, and no cancellation was acknowledged"), "{said}");
}

/// The first booking is made, and its answer is lost: asked again under its key, it is found.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_looked_up_and_does_no_harm() {
    let api = Api::open().await;
    let url = lying(&api, |truth, request| async move {
        let books = books(&request);
        let (status, body) = truth.of(request).await;
        if books && status == StatusCode::CREATED && truth.first_time() {
            return (StatusCode::BAD_GATEWAY, "the upstream went away".into());
        }
        (status, body)
    })
    .await;
    let output = storm(&url, &api.keys.admin, SECOND).await;
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 outcome unknown, asked again under the same key: 1 done, 0 not done"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_storm_closes_its_organisation() {
    let api = Api::open().await;
    let flags = ["--rate", "20", "--seconds", "600", "--mix", "list=1"];
    let mut command = command(&api.url, &api.keys.admin, &flags);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its first line is said when the organisation is there and the storm begins.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().is_some_and(|line| line.contains("20 requests per second")));
    assert_eq!(open_orgs(&api).await, 1);
    kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    assert_eq!(open_orgs(&api).await, 0, "the test organisation is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_do_not_fit_are_explained_before_anything_is_done() {
    let nowhere = "http://127.0.0.1:9";
    for (flags, says) in [
        (&["--rate", "5"] as &[&str], "--rate needs --seconds"),
        (&["--trips", "5", "--clients", "3"], "--clients is for another storm than --trips"),
        (&["--trips", "--rate", "5"], "--rate is for another storm than --trips"),
        (&["--trips", "--mix", "book=1"], "--mix is for another storm than --trips"),
        (&["--rate", "5", "--ramp", "1..5", "--seconds", "1"], "either --rate or --ramp"),
        (&["--rate", "5", "--seconds", "1", "--mix", "buy=1"], "the kinds are book, cancel, list, replay"),
    ] {
        let output = storm(nowhere, "surehold_admin_x", flags).await;
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
}
