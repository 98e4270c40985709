//! Signatures, right and wrong.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const NOW: i64 = 1_700_000_000;
const BODY: &[u8] = br#"{"id":"evt_test","object":"event"}"#;
/// Made by Stripe's own client from the secret `whsec_test_secret`, [`NOW`] and [`BODY`].
const VECTOR: &str = "8042376f6ca064adbe037642a718227dfd59047137eb49497a54c49eb0cfb724";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn ours() -> Vec<SecretString> {
    vec![secret("whsec_test_secret")]
}

fn verdict(header: &str) -> Result<(), SignatureError> {
    verify(header, BODY, &ours(), NOW)
}

#[test]
fn the_official_clients_signature_is_ours() {
    let header = format!("t={NOW},v1={VECTOR}");
    assert_eq!(sign(&ours()[0], NOW, BODY), header);
    assert_eq!(verdict(&header), Ok(()));
}

#[test]
fn any_signature_and_any_secret_may_match() {
    let right = format!("v1={VECTOR}");
    let wrong = format!("v1={}", "0".repeat(64));
    for header in [
        format!("t={NOW},{wrong},{right}"),
        format!("t={NOW},{right},{wrong}"),
        format!("{right},t={NOW}"),
        format!("t={NOW},v0=abc,{right},v2=x"),
        format!("t={NOW}, {right}"),
    ] {
        assert_eq!(verdict(&header), Ok(()), "{header}");
    }
    let header = format!("t={NOW},{right}");
    let first = [ours(), vec![secret("whsec_new")]].concat();
    let second = [vec![secret("whsec_new")], ours()].concat();
    assert_eq!(verify(&header, BODY, &first, NOW), Ok(()));
    assert_eq!(verify(&header, BODY, &second, NOW), Ok(()));
}

#[test]
fn what_does_not_match_is_refused() {
    let header = format!("t={NOW},v1={VECTOR}");
    let no_match = Err(SignatureError::NoMatch);
    assert_eq!(verify(&header, b"{}", &ours(), NOW), no_match, "another body");
    assert_eq!(verify(&header, BODY, &[secret("whsec_other")], NOW), no_match, "another secret");
    assert_eq!(verify(&header, BODY, &[], NOW), no_match, "no secret");
    assert_eq!(verify(&sign(&secret(""), NOW, BODY), BODY, &[secret("")], NOW), no_match, "an empty secret");
    assert_eq!(verdict(&format!("t={},v1={VECTOR}", NOW + 1)), no_match, "another time");
    assert_eq!(verdict(&format!("t=0{NOW},v1={VECTOR}")), no_match, "the time is signed as it is written");
    assert_eq!(verdict(&format!("t={NOW},v1={}", &VECTOR[..32])), no_match, "half of it");
    assert_eq!(verdict(&format!("t={NOW},v1={VECTOR}00")), no_match, "more than it");
    assert_eq!(verdict(&format!("t={NOW},v1=,v0={VECTOR}")), no_match, "another scheme");
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let header = format!("t={NOW},v1={VECTOR}");
    let at = |now: i64| verify(&header, BODY, &ours(), now);
    assert_eq!((at(NOW + 300), at(NOW - 300)), (Ok(()), Ok(())));
    assert_eq!(at(NOW + 301), Err(SignatureError::TooOld));
    assert_eq!(at(NOW - 301), Err(SignatureError::TooNew));
    assert_eq!((at(i64::MAX), at(i64::MIN)), (Err(SignatureError::TooOld), Err(SignatureError::TooNew)));
    let far = sign(&ours()[0], i64::MAX, BODY);
    assert_eq!(verify(&far, BODY, &ours(), i64::MIN), Err(SignatureError::TooNew));
}

#[test]
fn a_wrong_signature_is_not_told_about_its_time() {
    assert_eq!(verdict(&format!("t=1,v1={}", "0".repeat(64))), Err(SignatureError::NoMatch));
}

#[test]
fn malformed_headers_are_named() {
    assert_eq!(verdict(""), Err(SignatureError::Missing));
    assert_eq!(verdict("  "), Err(SignatureError::Missing));
    for header in [
        ",".to_owned(),
        "t".to_owned(),
        "=".to_owned(),
        format!("t={NOW}"),
        format!("t={NOW},v0={VECTOR}"),
        format!("v1={VECTOR}"),
        format!("t=,v1={VECTOR}"),
        format!("t=-{NOW},v1={VECTOR}"),
        format!("t=+{NOW},v1={VECTOR}"),
        format!("t=1e9,v1={VECTOR}"),
        format!("t=99999999999999999999,v1={VECTOR}"),
        format!("t={NOW},t={NOW},v1={VECTOR}"),
        format!("t={NOW},v1={VECTOR},"),
        format!("t={NOW};v1={VECTOR}"),
    ] {
        assert_eq!(verdict(&header), Err(SignatureError::Malformed), "{header}");
    }
}

/// Random headers made of likely pieces, and a right header with a few characters changed: never a panic, and
/// never believed unless the right signature and time are whole.
#[test]
fn no_header_panics_or_is_believed_by_chance() {
    let pieces = ["t", "v1", "v0", "=", ",", " ", "1700000000", VECTOR, "-", "é", "\0", "\u{1F512}", "9", "t=", "v1="];
    let right = format!("t={NOW},v1={VECTOR}");
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..20_000 {
        let header: String =
            (0..random.random_range(0..12)).map(|_| pieces[random.random_range(0..pieces.len())]).collect();
        if verdict(&header).is_ok() {
            assert!(header.contains(&format!("t={NOW}")) && header.contains(&format!("v1={VECTOR}")), "{header:?}");
        }
        let mut changed: Vec<char> = right.chars().collect();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..changed.len());
            changed[place] = char::from(random.random_range(0..=255_u8));
        }
        let changed: String = changed.into_iter().collect();
        assert!(changed == right || verdict(&changed).is_err(), "{changed:?}");
    }
}
