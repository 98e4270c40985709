//! Answers that are no successes, and what they mean.

use super::*;

fn answer(status: u16, body: &str) -> HubSpotError {
    HubSpotError::from_answer(status, &HeaderMap::new(), body.as_bytes())
}

fn answer_after(status: u16, body: &str, seconds: &'static str) -> HubSpotError {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, seconds.parse().expect("a header"))]);
    HubSpotError::from_answer(status, &headers, body.as_bytes())
}

fn said(category: &str) -> String {
    format!(r#"{{"status":"error","message":"No.","category":"{category}","correlationId":"c-1"}}"#)
}

fn limited(policy: &str) -> String {
    format!(
        r#"{{"status":"error","message":"You have reached your limit.","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#
    )
}

#[test]
fn each_status_has_its_meaning() {
    // Status, HubSpot's category (none: somebody else's page), kind.
    let table = [
        (400, Some("VALIDATION_ERROR"), "refused"),
        (401, Some("INVALID_AUTHENTICATION"), "refused"),
        (403, Some("MISSING_SCOPES"), "refused"),
        (404, Some("OBJECT_NOT_FOUND"), "refused"),
        (409, Some("CONFLICT"), "refused"),
        (415, Some(""), "refused"),
        (408, Some("TIMEOUT"), "unknown"),
        (423, None, "not_now"),
        (429, None, "not_now"),
        (429, Some("RATE_LIMITS"), "not_now"),
        (477, Some("MIGRATION_IN_PROGRESS"), "not_now"),
        (500, Some("INTERNAL"), "unknown"),
        (502, None, "unknown"),
        (503, None, "unknown"),
        (504, None, "unknown"),
        (521, None, "unknown"),
        (524, None, "unknown"),
        (400, None, "unknown"),
        (403, None, "unknown"),
        (302, None, "unexpected"),
    ];
    for (status, category, kind) in table {
        let error = answer(status, &category.map_or("<html>gone".to_owned(), said));
        assert_eq!(error.kind(), kind, "{status} {category:?}: {error}");
        assert_eq!(error.is_unknown(), kind == "unknown", "{status}");
        assert_eq!((error.refusal().is_some(), error.not_now().is_some()), (kind == "refused", kind == "not_now"));
    }
}

#[test]
fn json_of_somebody_else_is_no_refusal() {
    for body in ["{}", r#"{"error":"bad gateway"}"#, r#"{"status":"ok"}"#, "[]", "null", "7", ""] {
        assert!(answer(403, body).is_unknown(), "{body}");
    }
    assert!(answer(400, r#"{"category":"VALIDATION_ERROR"}"#).refusal().is_some(), "every member is optional");
    assert!(answer(400, r#"{"status":"error","message":null,"category":null}"#).refusal().is_some());
}

#[test]
fn a_refusal_holds_what_hubspot_said() {
    let error = answer(400, &said("VALIDATION_ERROR"));
    assert_eq!(error.to_string(), "HubSpot refused: No. (400 VALIDATION_ERROR), correlation c-1");
    let bare = answer(415, r#"{"status":"error"}"#);
    assert_eq!(bare.to_string(), "HubSpot refused:  (415)");
    let headers = HeaderMap::from_iter([(
        reqwest::header::HeaderName::from_static(CORRELATION_ID),
        "h-1".parse().expect("a header"),
    )]);
    let named = HubSpotError::from_answer(400, &headers, br#"{"status":"error"}"#);
    assert_eq!(named.refusal().expect("a refusal").correlation_id.as_deref(), Some("h-1"));
}

#[test]
fn a_wrong_token_and_a_missing_scope_are_told_apart_from_wrong_values() {
    let is_access = |status| answer(status, &said("X")).refusal().expect("a refusal").is_access();
    assert_eq!([400, 401, 403, 404, 409].map(is_access), [false, true, true, false, false]);
    let is_not_found = |status| answer(status, &said("X")).refusal().expect("a refusal").is_not_found();
    assert_eq!([400, 404].map(is_not_found), [false, true]);
}

#[test]
fn a_conflict_names_the_record_that_exists() {
    let refusal = |status, category: &str, message: &str| Refusal {
        status,
        category: category.to_owned(),
        message: message.to_owned(),
        correlation_id: None,
    };
    let message = "Contact already exists. Existing ID: 6001";
    assert_eq!(refusal(409, "CONFLICT", message).existing_id(), Some("6001"));
    assert_eq!(refusal(409, "", "Existing ID:6001. Try again").existing_id(), Some("6001"));
    assert_eq!(refusal(207, "CONFLICT", message).existing_id(), Some("6001"), "one row of a batch");
    assert_eq!(refusal(400, "VALIDATION_ERROR", message).existing_id(), None, "no conflict");
    for message in ["Existing ID: ", "Existing ID: x1", "Conflict", ""] {
        assert_eq!(refusal(409, "CONFLICT", message).existing_id(), None, "{message}");
    }
}

#[test]
fn a_limit_says_which_and_for_how_long() {
    let seconds = Duration::from_secs;
    // Policy's name, Retry-After, policy, wait.
    let table = [
        ("TEN_SECONDLY_ROLLING", None, Policy::TenSecondly, seconds(10)),
        ("TEN_SECONDLY_ROLLING", Some("3"), Policy::TenSecondly, seconds(3)),
        ("SECONDLY", None, Policy::Secondly, seconds(1)),
        ("SECONDLY", Some("0"), Policy::Secondly, seconds(1)),
        ("DAILY", None, Policy::Daily, DAILY_PAUSE),
        ("DAILY", Some("7200"), Policy::Daily, seconds(7200)),
        ("HOURLY", None, Policy::Other, seconds(10)),
        ("HOURLY", Some("soon"), Policy::Other, seconds(10)),
        ("DAILY", Some("99999999999"), Policy::Daily, PAUSE_MAX),
    ];
    for (name, retry_after, policy, after) in table {
        let body = limited(name);
        let error = retry_after.map_or_else(|| answer(429, &body), |after| answer_after(429, &body, after));
        assert_eq!(error.not_now(), Some((after, policy)), "{name} {retry_after:?}");
    }
}

#[test]
fn a_limit_without_a_name_is_read_from_its_sentence() {
    let policy = |message: &str| {
        let body = format!(r#"{{"status":"error","message":"{message}"}}"#);
        answer(429, &body).not_now().expect("not now").1
    };
    assert_eq!(policy("You have reached your secondly limit."), Policy::Secondly);
    assert_eq!(policy("You have reached your ten_secondly_rolling limit."), Policy::TenSecondly);
    assert_eq!(policy("You have reached your daily limit."), Policy::Daily);
    assert_eq!(policy("Slow down."), Policy::Other);
    assert_eq!(answer(429, "<html>").not_now(), Some((TEN_SECONDLY_PAUSE, Policy::Other)));
}

#[test]
fn a_lock_is_waited_out_for_two_seconds_at_least() {
    let locked = |error: HubSpotError| error.not_now().expect("not now");
    assert_eq!(locked(answer(423, "")), (Duration::from_secs(2), Policy::Locked));
    assert_eq!(locked(answer_after(423, "", "1")), (Duration::from_secs(2), Policy::Locked));
    assert_eq!(locked(answer_after(423, "", "9")), (Duration::from_secs(9), Policy::Locked));
    assert_eq!(locked(answer_after(477, "", "3600")), (Duration::from_secs(3600), Policy::Migration));
}

#[test]
fn long_texts_are_cut_short() {
    let page = answer(502, &format!("<html>\n{}", "x".repeat(10_000)));
    assert!(page.to_string().len() < 300 && !page.to_string().contains('\n'), "{page}");
    let message = "é".repeat(10_000);
    let error = answer(400, &format!(r#"{{"status":"error","message":"{message}"}}"#));
    assert_eq!(error.refusal().expect("a refusal").message.chars().count(), MESSAGE_MAX);
}

#[test]
fn a_token_that_an_answer_repeats_is_taken_out() {
    let token = "pat-na1-echo";
    let body = format!(
        r#"{{"status":"error","message":"{token}","category":"{token}","correlationId":"{token}","policyName":"{token}"}}"#
    );
    for status in [400, 401, 423, 429, 500, 302] {
        let error = answer(status, &body).without(token);
        assert!(!format!("{error} {error:?}").contains(token), "{error:?}");
    }
    assert_eq!(HubSpotError::not_made("x").without("").to_string(), "the call to HubSpot went wrong: x");
}
