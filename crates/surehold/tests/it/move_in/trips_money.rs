//! Money that moved in is money as any other: it goes back by Stripe, and what Stripe says of it is followed.

use serde_json::{Value, json};
use surehold::cashier::Heard;
use surehold::stripe::Event;
use surehold_core::command::{Command, RefundBooking};

use super::*;
use crate::support::marketplace_api::{MarketplaceApi, STRIPE_KEY, WEBHOOK, WEBHOOK_SECRET, accounts, traveller};

const TRIP: &str = "71000000-0000-0000-0000-000000000001";
const BOOKING: &str = "b1000000-0000-0000-0000-000000000001";
const PAYMENT: &str = "a1000000-0000-0000-0000-000000000001";

/// A marketplace that used another program until now, with a booking that Stripe was paid 98.00 for.
async fn moved(stripe: &MarketplaceApi) -> Mover {
    // Whoever asked Stripe for that money: here it is the service of another organisation.
    let boat = stripe.experience("Boat", 4900).await;
    let held = stripe.books(&traveller(), json!([stripe.slot(boat, 5).await.item(2)])).await;
    let intent = stripe.stripe.payment_intents()[0].id.clone();
    let there = format!(
        "INSERT INTO experiences (id, title, price) VALUES ('e1000000-0000-0000-0000-000000000001', 'Sail', 49);
         INSERT INTO experience_slots (id, experience_id, slot_date, slot_time, total_capacity, available_count)
             VALUES ('51000000-0000-0000-0000-000000000001', 'e1000000-0000-0000-0000-000000000001', '2030-03-01', '10:00', 5, 3);
         INSERT INTO trips (id, user_id, status) VALUES ('{TRIP}', 'c1000000-0000-0000-0000-000000000001', 'booked');
         INSERT INTO bookings (id, trip_id, reference, status, slot_id, guest_count)
             VALUES ('{BOOKING}', '{TRIP}', 'PL-A0000001', 'confirmed', '51000000-0000-0000-0000-000000000001', 2);
         INSERT INTO payments (id, booking_id, stripe_payment_intent_id, stripe_checkout_session_id, amount, platform_fee, vendor_payout, status)
             VALUES ('{PAYMENT}', '{BOOKING}', '{intent}', '{}', 9800, 1470, 8330, 'succeeded')",
        held.session
    );
    let mover = Mover::of_tables(stripe.api.school.neighbour("moving").await, &[TRIP_TABLES, &there]).await;
    stripe.stripe.set_webhook(format!("{}{WEBHOOK}/moving", stripe.api.url), WEBHOOK_SECRET);
    let run = mover.imports(&["--org", "moving"]).await;
    run.counted("bookings", "1 row: 1 added, 0 changed, 0 unchanged, 0 not imported.");
    mover
}

async fn stands(mover: &Mover) -> String {
    let sql = "SELECT concat_ws(' ', p.status, p.refunded_minor, b.status, t.status) FROM payments p
        JOIN bookings b ON b.payment_id = p.id JOIN trips t ON t.id = b.trip_id WHERE p.id = ";
    mover.text(&format!("{sql}'{PAYMENT}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_moved_in_is_refunded_by_stripe() {
    let stripe = MarketplaceApi::open().await;
    let mover = moved(&stripe).await;
    assert_eq!(stands(&mover).await, "succeeded 0 confirmed booked");
    let all =
        RefundBooking { booking_id: BOOKING.parse().unwrap(), amount_minor: None, by_traveller: true, reason: None };
    mover.school.submit(Command::RefundBooking(all)).await.unwrap();
    stripe.cashier.push_refunds(&stripe.org_of(mover.school.org_id).await).await.unwrap();
    let [refund] = &stripe.stripe.refunds()[..] else { panic!("one refund") };
    assert_eq!(refund.amount, 9800);
    assert_eq!(stands(&mover).await, "refunded 9800 cancelled cancelled");
    mover.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_back_in_stripes_dashboard_is_heard_of() {
    let stripe = MarketplaceApi::open().await;
    let mover = moved(&stripe).await;
    let intent = stripe.stripe.payment_intents()[0].id.clone();
    let made = stripe.api.client.post(format!("{}/v1/refunds", stripe.stripe.base_url())).bearer_auth(STRIPE_KEY);
    let form = format!("payment_intent={intent}&amount=1800");
    let made = made.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    stripe.delivered().await;
    assert_eq!(stands(&mover).await, "partially_refunded 1800 confirmed booked");
    // The old program heard of it, too: it is the same refund.
    let id = stripe.stripe.refunds()[0].id.clone();
    mover
        .meanwhile(&format!(
            "UPDATE payments SET status = 'partially_refunded', refund_amount = 1800, refund_id = '{id}'"
        ))
        .await;
    let run = mover.imports(&["--org", "moving"]).await;
    run.counted("payments", "1 row: 0 added, 0 changed, 1 unchanged, 0 not imported.");
    mover.school.laws_hold().await;
}

/// The old program's webhook and ours hear the same events while both are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_known_is_not_paid_twice() {
    let stripe = MarketplaceApi::open().await;
    let mover = moved(&stripe).await;
    let org = stripe.org_of(mover.school.org_id).await;
    let before = stands(&mover).await;
    let paid = |event: &&Value| event["type"] == "checkout.session.completed";
    let mut event = stripe.stripe.events().iter().find(paid).unwrap().clone();
    event["id"] = json!("evt_of_the_old_program");
    event["data"]["object"]["metadata"] = json!({ "payment_id": PAYMENT });
    let body = event.to_string();
    let account = accounts(WEBHOOK_SECRET, stripe.stripe.base_url()).of("moving").unwrap();
    let heard = stripe.cashier.hear(&org, &account, &Event::parse(body.as_bytes()).unwrap(), body).await.unwrap();
    assert_eq!(heard, Heard::NothingToDo);
    stripe.cashier.reconcile(&org, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    stripe.cashier.reconcile_refunds(&org, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(stands(&mover).await, before);
    mover.school.laws_hold().await;
}
