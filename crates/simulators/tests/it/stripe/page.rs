//! The payment page, as a buyer meets it.

use surehold_simulators::stripe::SessionStatus;

use super::support::*;

async fn page(shop: &Shop, session: &serde_json::Value) -> String {
    let answer = Answer::of(shop.http.get(shop.url(&format!("/pay/{}", id(session)))).send().await.unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    answer.text
}

#[tokio::test]
async fn it_shows_what_is_bought_and_that_no_money_moves() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let page = page(&shop, &session).await;
    for shown in [
        "Stripe simulator — no real money",
        "Clinical Skills",
        "2 × $50.00 USD",
        "$100.00 USD",
        "ann@example.org",
        "Open until",
        "Pay later by bank transfer",
        "Fail the payment",
        "Leave",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    // Nothing from elsewhere, and no scripts.
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("<link"), "{page}");
}

#[tokio::test]
async fn pay_leads_to_the_success_page() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let answer = shop.press(&session, "pay").await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some(&*format!("https://shop.example/thanks?session={}", id(&session))));
    let page = page(&shop, &session).await;
    assert!(page.contains("complete and paid") && !page.contains("Pay later"), "{page}");
}

#[tokio::test]
async fn who_clicks_twice_pays_once() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let (one, other) = tokio::join!(shop.press(&session, "pay"), shop.press(&session, "pay"));
    assert_eq!(one.header("location"), other.header("location"));
    assert_eq!(shop.press(&session, "pay_later").await.header("location"), one.header("location"));
    assert_eq!(shop.simulator.charges().len(), 1);
    assert_eq!(shop.event_types().len(), 3);
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let declined = shop.press(&session, "fail").await;
    assert_eq!(declined.header("location"), Some(&*format!("/pay/{}?declined", id(&session))));
    let url = shop.url(declined.header("location").unwrap());
    let answer = Answer::of(shop.http.get(url).send().await.unwrap()).await;
    assert!(answer.text.contains("The card was declined"), "{}", answer.text);
    assert_eq!(shop.simulator.sessions()[0].status, SessionStatus::Open);
    assert!(shop.simulator.payment_intents().is_empty());
    assert_eq!(shop.press(&session, "pay").await.status, 303);
    assert_eq!(shop.retrieve(&session).await["payment_status"], "paid");
}

#[tokio::test]
async fn who_leaves_goes_back_and_can_return() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    assert_eq!(shop.press(&session, "leave").await.header("location"), Some("https://shop.example/basket"));
    assert_eq!(shop.retrieve(&session).await["status"], "open");
    let without = shop.post("/v1/checkout/sessions", &purchase_with(&[("cancel_url", "")])).await.ok();
    assert!(!page(&shop, &without).await.contains("Leave"));
}

#[tokio::test]
async fn a_transfer_is_ended_on_the_page() {
    let shop = Shop::open().await;
    let (arrives, fails) = (shop.create().await, shop.create().await);
    for session in [&arrives, &fails] {
        shop.press(session, "pay_later").await;
        let page = page(&shop, session).await;
        assert!(page.contains("The transfer arrives") && page.contains("The transfer fails"), "{page}");
    }
    let back = shop.press(&arrives, "async_succeed").await;
    assert_eq!(back.header("location"), Some(&*format!("/pay/{}", id(&arrives))));
    shop.press(&fails, "async_fail").await;
    assert!(page(&shop, &arrives).await.contains("complete and paid"));
    assert!(page(&shop, &fails).await.contains("No money arrived"));
}

#[tokio::test]
async fn an_expired_session_offers_nothing_to_pay() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    shop.post(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await.ok();
    let page = page(&shop, &session).await;
    assert!(page.contains("This checkout has expired") && !page.contains("/pay\""), "{page}");
    let answer = shop.press(&session, "pay").await;
    assert_eq!(answer.header("location"), Some(&*format!("/pay/{}", id(&session))));
    assert!(shop.simulator.charges().is_empty());
}

#[tokio::test]
async fn names_are_text_whatever_they_say() {
    let shop = Shop::open().await;
    let hostile = "</b><script>alert('1')</script>\"><img src=x onerror=alert(1)> {{ id }} {% if %}";
    let form = purchase_with(&[
        ("line_items[0][price_data][product_data][name]", hostile),
        ("line_items[0][price_data][product_data][description]", hostile),
        ("client_reference_id", hostile),
        ("success_url", "https://shop.example/?a=\"><script>alert(1)</script>"),
    ]);
    let session = shop.post("/v1/checkout/sessions", &form).await.ok();
    for _ in 0..2 {
        let page = page(&shop, &session).await;
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.contains("{{ id }} {% if %}"), "{page}");
        shop.press(&session, "pay").await; // then the page of a paid session, which shows the success URL
    }
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let shop = Shop::open().await;
    for path in ["/pay/cs_test_x", "/pay/%3Cscript%3E"] {
        let answer = Answer::of(shop.http.get(shop.url(path)).send().await.unwrap()).await;
        assert_eq!(answer.status, 404);
        assert!(answer.text.contains("No such checkout") && !answer.text.contains("<script"), "{}", answer.text);
    }
    let session = shop.create().await;
    assert_eq!(shop.press(&session, "dance").await.status, 404);
}

#[tokio::test]
async fn nothing_foreign_may_be_loaded() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let answer = Answer::of(shop.http.get(session["url"].as_str().unwrap()).send().await.unwrap()).await;
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
