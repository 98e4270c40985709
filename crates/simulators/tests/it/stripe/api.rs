//! What holds for every call: keys, errors, lists, `expand`.

use super::support::*;

#[tokio::test]
async fn calls_need_the_secret_key() {
    let shop = Shop::open().await;
    let url = shop.url("/v1/checkout/sessions");
    let send = async |call: reqwest::RequestBuilder| Answer::of(call.send().await.unwrap()).await;

    let error = send(shop.http.get(&url)).await.refused(401);
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().starts_with("You did not provide an API key"), "{error}");

    let wrong = send(shop.http.get(&url).bearer_auth("sk_test_somebody_elses_1234")).await;
    assert_eq!(wrong.refused(401)["message"], "Invalid API Key provided: sk_test_****1234");
    assert_eq!(wrong.header("www-authenticate"), Some("Basic realm=\"Stripe\""));
    assert!(wrong.header("request-id").is_some_and(|id| id.starts_with("req_")));

    assert_eq!(send(shop.http.get(&url).bearer_auth(KEY)).await.status, 200);
    let basic = |authorization: &str| shop.http.get(&url).header("authorization", authorization);
    // `sk_test_of_the_tests:` and `sk_test_of_another:`
    assert_eq!(send(basic("Basic c2tfdGVzdF9vZl90aGVfdGVzdHM6")).await.status, 200);
    assert_eq!(send(basic("Basic c2tfdGVzdF9vZl9hbm90aGVyOg==")).await.status, 401);
    assert_eq!(send(basic("Basic ???")).await.status, 401);
}

#[tokio::test]
async fn unknown_urls_and_objects_are_404() {
    let shop = Shop::open().await;
    let error = shop.get("/v1/unicorns").await.refused(404);
    assert!(error["message"].as_str().unwrap().starts_with("Unrecognized request URL (GET: /v1/unicorns)"), "{error}");
    shop.post("/v1/checkout/sessions/cs_test_x", &[]).await.refused(404);

    for (path, message) in [
        ("/v1/checkout/sessions/cs_test_x", "No such checkout.session: 'cs_test_x'"),
        ("/v1/payment_intents/pi_x", "No such payment_intent: 'pi_x'"),
        ("/v1/charges/ch_x", "No such charge: 'ch_x'"),
        ("/v1/refunds/re_x", "No such refund: 're_x'"),
        ("/v1/events/evt_x", "No such event: 'evt_x'"),
    ] {
        let error = shop.get(path).await.refused(404);
        assert_eq!((&error["message"], &error["code"]), (&message.into(), &"resource_missing".into()), "{path}");
    }
}

#[tokio::test]
async fn lists_come_newest_first_in_pages() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, id(&shop.create().await).to_owned());
    }
    let page = async |query: &str| {
        let list = shop.get(&format!("/v1/checkout/sessions?{query}")).await.ok();
        let found: Vec<String> = list["data"].as_array().unwrap().iter().map(|row| id(row).to_owned()).collect();
        (found, list["has_more"].as_bool().unwrap())
    };
    assert_eq!(page("").await, (ids.clone(), false));
    assert_eq!(page("limit=2").await, (ids[..2].to_vec(), true));
    assert_eq!(page(&format!("limit=2&starting_after={}", ids[1])).await, (ids[2..4].to_vec(), true));
    assert_eq!(page(&format!("limit=2&starting_after={}", ids[2])).await, (ids[3..].to_vec(), false));
    assert_eq!(page(&format!("limit=2&ending_before={}", ids[3])).await, (ids[1..3].to_vec(), true));
    assert_eq!(page(&format!("limit=5&ending_before={}", ids[3])).await, (ids[..3].to_vec(), false));
    for wrong in ["limit=0", "limit=101", "limit=x", "starting_after=cs_test_x", "status_of_things=1"] {
        shop.get(&format!("/v1/checkout/sessions?{wrong}")).await.refused(400);
    }
}

#[tokio::test]
async fn sessions_and_refunds_are_found_by_their_payment_intent() {
    let shop = Shop::open().await;
    let (one, other) = (shop.paid().await, shop.paid().await);
    let intent = id(&one["payment_intent"]);
    for session in [&one, &other] {
        shop.post("/v1/refunds", &[("payment_intent", id(&session["payment_intent"])), ("amount", "100")]).await.ok();
    }
    let sessions = shop.get(&format!("/v1/checkout/sessions?payment_intent={intent}")).await.ok();
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["data"][0]["id"], one["id"]);
    let refunds = shop.get(&format!("/v1/refunds?payment_intent={intent}")).await.ok();
    assert_eq!(refunds["data"].as_array().unwrap().len(), 1);
    assert_eq!(refunds["data"][0]["payment_intent"], intent);
}

#[tokio::test]
async fn expand_puts_objects_in_the_place_of_ids() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let intent = id(&session["payment_intent"]);
    let plain = shop.get(&format!("/v1/payment_intents/{intent}")).await.ok();
    assert_eq!(plain["latest_charge"], session["payment_intent"]["latest_charge"]["id"]);
    let expanded = shop.get(&format!("/v1/payment_intents/{intent}?expand[]=latest_charge")).await.ok();
    assert_eq!(expanded["latest_charge"], session["payment_intent"]["latest_charge"]);
    let list = shop.get("/v1/checkout/sessions?expand[0]=data.payment_intent&expand[1]=data.line_items").await.ok();
    assert_eq!(list["data"][0]["payment_intent"]["id"], intent);
    assert_eq!(list["data"][0]["line_items"]["data"][0]["description"], "Clinical Skills");
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_refused_before_anything_is_done() {
    let shop = Shop::open().await;
    for path in ["unicorn", "payment_intent.unicorn", "data.payment_intent", "line_items.price"] {
        let mut form = purchase();
        form.push(("expand[]", path));
        let error = shop.post("/v1/checkout/sessions", &form).await.refused(400);
        assert_eq!(error["message"], format!("This property cannot be expanded ({path})."));
    }
    assert!(shop.simulator.sessions().is_empty());
}

#[tokio::test]
async fn events_can_be_looked_up() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let list = shop.get("/v1/events?type=checkout.session.completed").await.ok();
    let event = &list["data"][0];
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    assert_eq!(&shop.get(&format!("/v1/events/{}", id(event))).await.ok(), event);
}
