//! `surehold storm --trips`, the real binary, against a real server and a stand-in for Stripe: alone, while somebody
//! meddles with the database, and through a proxy that lies.

use std::future::pending;
use std::process::{Output, Stdio};

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use surehold::workers::payments::send_refunds;
use surehold_simulators::stripe::Faults;
use tokio::task::JoinHandle;

use super::storm::{command, lying, open_orgs, storm, text};
use super::support::MarketplaceApi;
use super::support::marketplace_api::until;

/// A marketplace whose server sends refunds.
struct Shop {
    market: MarketplaceApi,
    worker: JoinHandle<()>,
}

impl Shop {
    async fn open() -> Shop {
        let market = MarketplaceApi::open().await;
        let (store, cashier) = (market.api.school.store.clone(), market.cashier.clone());
        Shop { worker: tokio::spawn(send_refunds(store, cashier, pending())), market }
    }

    async fn storm_at(&self, url: &str, flags: &[&str]) -> Output {
        let flags = [flags, &["--stripe-api-base", self.market.stripe.base_url()]].concat();
        storm(url, &self.market.api.keys.admin, &flags).await
    }

    /// A storm at a server that lies; has to fail.
    async fn fails_at(&self, url: &str) -> String {
        let output = self.storm_at(url, &["--trips", "24"]).await;
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("… FAIL"), "{said}");
        said
    }

    async fn left_nothing_behind(&self) {
        assert_eq!(open_orgs(&self.market.api).await, 0, "the test organisation is closed");
        assert_eq!(self.market.stripe.faults().get(), Faults::default(), "nothing goes wrong any more");
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

fn checks_out(request: &Request) -> bool {
    request.uri().path() == "/functions/v1/checkout"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_server_passes() {
    let shop = Shop::open().await;
    let output = shop.storm_at(&shop.market.api.url, &["--trips"]).await;
    let said = text(&output);
    assert!(output.status.success() && said.trim_end().ends_with("… PASS"), "{said}");
    let gone = "1 x booked, 9 x Slot no longer available";
    for part in [
        "50 trips of 1 to 5 slots each, out of 8 with 12 seats each",
        &format!("ok   last seat, checked out: {gone}"),
        &format!("ok   last seat, booked: {gone}"),
        "x checkout 400 INSUFFICIENT_AVAILABILITY",
        "paid while changing the trip",
        "none of them an error",
        "all 9 hold",
        "refunded",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    shop.left_nothing_behind().await;
    shop.market.laws_hold().await;
    // Nothing of it came to the organisation whose address the webhook has.
    let school = shop.market.api.school.org_id;
    assert_eq!(shop.market.count(&format!("stripe_events WHERE org_id = '{school}'")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_json_too() {
    let shop = Shop::open().await;
    let output = shop.storm_at(&shop.market.api.url, &["--trips", "12", "--seats", "5", "--json"]).await;
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object, and nothing else");
    assert_eq!((&report["mode"], &report["passed"], &report["trips"]), (&json!("trips"), &json!(true), &json!(12)));
    assert_eq!(report["settled"]["payments_open"], 0);
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    let all = ["settled", "seats", "money", "bookings", "answers", "promises", "laws"];
    assert_eq!(names, [&["last seat, checked out", "last seat, booked"], all.as_slice()].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_storm_leaves_nothing_behind() {
    let shop = Shop::open().await;
    let base = shop.market.stripe.base_url();
    let mut command =
        command(&shop.market.api.url, &shop.market.api.keys.admin, &["--trips", "--stripe-api-base", base]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let goes_wrong = || async { shop.market.stripe.faults().get() != Faults::default() };
    until("the storm begins", goes_wrong).await;
    kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    shop.left_nothing_behind().await;
}

/// Somebody's hand confirms a booking that nobody has paid, and even counts its seats.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_is_confirmed_without_money_is_found() {
    let shop = Shop::open().await;
    let url = lying(&shop.market.api, |truth, request| async move {
        let judges = request.method() == Method::GET && request.uri().path() == "/api/admin/slots";
        if judges && truth.first_time() {
            let sql = "
                WITH one AS (
                    SELECT b.org_id, b.id, b.slot_id, b.guests
                    FROM bookings b
                    JOIN payments p ON p.org_id = b.org_id AND p.id = b.payment_id
                    JOIN slots s ON s.org_id = b.org_id AND s.id = b.slot_id
                    WHERE p.status = 'failed' AND b.status NOT IN ('confirmed', 'cancelled')
                      AND s.taken + s.held + b.guests <= s.capacity
                    LIMIT 1),
                seats AS (
                    UPDATE slots s SET taken = s.taken + one.guests FROM one
                    WHERE s.org_id = one.org_id AND s.id = one.slot_id)
                UPDATE bookings b SET status = 'confirmed', expires_at = NULL FROM one
                WHERE b.org_id = one.org_id AND b.id = one.id";
            assert_eq!(truth.owner.execute(sql, &[]).await.unwrap(), 1);
        }
        truth.of(request).await
    })
    .await;
    let said = shop.fails_at(&url).await;
    assert!(said.contains("is confirmed, and nobody paid for it") && said.contains("BAD  laws: broken"), "{said}");
    assert!(said.contains("ok   seats") && said.contains("ok   money"), "{said}");
    shop.left_nothing_behind().await;
}

/// Somebody's hand gives a seat back on sale whose booking is confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_is_freed_meanwhile_is_found() {
    let shop = Shop::open().await;
    let url = lying(&shop.market.api, |truth, request| async move {
        if checks_out(&request) {
            let sql = "UPDATE slots SET taken = taken - 1
                       WHERE id = (SELECT id FROM slots WHERE taken > 0 AND capacity > 1 LIMIT 1)";
            if !truth.was_told() && truth.owner.execute(sql, &[]).await.unwrap() == 1 {
                truth.first_time();
            }
        }
        truth.of(request).await
    })
    .await;
    let said = shop.fails_at(&url).await;
    assert!(said.contains("BAD  seats") && said.contains("BAD  laws: broken"), "{said}");
}

/// Money that came is kept from the office's eyes.
#[tokio::test(flavor = "multi_thread")]
async fn money_that_went_astray_is_found() {
    let shop = Shop::open().await;
    let url = lying(&shop.market.api, |truth, request| async move {
        let lists = request.method() == Method::GET && request.uri().path() == "/api/admin/payments";
        let (status, body) = truth.of(request).await;
        if !lists {
            return (status, body);
        }
        let mut list: Value = serde_json::from_slice(&body).unwrap();
        for payment in list["data"].as_array_mut().unwrap() {
            if payment["status"] == "refunded" {
                payment["status"] = json!("failed");
                payment["received"] = Value::Null;
            }
        }
        (status, list.to_string().into())
    })
    .await;
    let said = shop.fails_at(&url).await;
    assert!(said.contains("BAD  money") && said.contains("(failed)"), "{said}");
}

/// A refusal becomes a checkout that nobody made.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_was_invented_is_found() {
    let shop = Shop::open().await;
    let url = lying(&shop.market.api, |truth, request| async move {
        let checks_out = checks_out(&request);
        let (status, body) = truth.of(request).await;
        // Those for the last seat come first.
        let is_trip = checks_out && truth.counts() > 10;
        if is_trip && status == StatusCode::BAD_REQUEST && truth.first_time() {
            let id = uuid::Uuid::nil();
            let invented = json!({ "success": true, "sessionId": "cs_test_invented", "paymentId": id, "tripId": id });
            return (StatusCode::CREATED, invented.to_string().into());
        }
        (status, body)
    })
    .await;
    let said = shop.fails_at(&url).await;
    assert!(said.contains("cs_test_invented was answered, and Stripe does not have it"), "{said}");
}

/// One traveller is told of a deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_that_reaches_a_traveller_is_found() {
    let shop = Shop::open().await;
    let url = lying(&shop.market.api, |truth, request| async move {
        let checks_out = checks_out(&request);
        let (status, body) = truth.of(request).await;
        if checks_out && status == StatusCode::BAD_REQUEST && truth.first_time() {
            let error = json!({ "success": false, "error": "deadlock detected", "code": "TRANSACTION_FAILED" });
            return (StatusCode::SERVICE_UNAVAILABLE, error.to_string().into());
        }
        (status, body)
    })
    .await;
    let said = shop.fails_at(&url).await;
    assert!(said.contains("1 x checkout 503 TRANSACTION_FAILED deadlock detected"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_drives_a_stand_in_and_never_stripe_itself() {
    let shop = Shop::open().await;
    let (url, key) = (&shop.market.api.url, &shop.market.api.keys.admin);
    for (base, says) in [
        (Some("https://api.stripe.com"), "storm --trips does not run against Stripe itself (api.stripe.com)"),
        (Some(url.as_str()), "no stand-in for Stripe answers at"),
        (Some("http://127.0.0.1:9"), "no stand-in for Stripe answers at http://127.0.0.1:9"),
        (Some("nowhere"), "--stripe-api-base nowhere is not a URL"),
        (None, "needs the stand-in for Stripe that the server is paid at"),
    ] {
        let flags: Vec<&str> =
            ["--trips", "5"].into_iter().chain(base.iter().flat_map(|base| ["--stripe-api-base", base])).collect();
        let output = storm(url, key, &flags).await;
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
    let sql = "SELECT count(*) FROM orgs WHERE is_test";
    let made: i64 = shop.market.api.school.db.owner().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(made, 0, "nothing was made");

    // A simulator, but another one than the server's.
    let other = MarketplaceApi::open().await;
    let output = storm(url, key, &["--trips", "5", "--stripe-api-base", other.stripe.base_url()]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("the server takes its payments somewhere else than at"), "{}", text(&output));
    shop.left_nothing_behind().await;
}
