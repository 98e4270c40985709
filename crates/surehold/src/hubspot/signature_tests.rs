//! Signatures, right and wrong.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const NOW: i64 = 1_700_000_000_000;
const TIME: &str = "1700000000000";
const REQUEST: Signed<'_> = Signed {
    method: "POST",
    uri: "https://example.com/hubspot/webhook",
    body: br#"[{"eventId":1,"subscriptionType":"object.propertyChange","objectId":123}]"#,
};
/// Made by HubSpot's own client from the secret of [`ours`], [`TIME`] and [`REQUEST`].
const VECTOR: &str = "pwuEZvvnrHkql/LyLXmD4abADeektHmIaK8CK1xCzQI=";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn ours() -> Vec<SecretString> {
    vec![secret("00000000-0000-0000-0000-000000000000")]
}

fn verdict(request: Signed<'_>, signature: &str) -> Result<(), SignatureError> {
    verify(request, signature, TIME, &ours(), NOW)
}

#[test]
fn the_official_clients_signature_is_ours() {
    assert_eq!(sign(&ours()[0], REQUEST, NOW), (VECTOR.to_owned(), TIME.to_owned()));
    assert_eq!(verdict(REQUEST, VECTOR), Ok(()));
    assert_eq!(verdict(REQUEST, &format!(" {VECTOR} ")), Ok(()));
}

#[test]
fn any_secret_may_match_while_one_is_rolled() {
    for secrets in [[ours(), vec![secret("new")]].concat(), [vec![secret("new")], ours()].concat()] {
        assert_eq!(verify(REQUEST, VECTOR, TIME, &secrets, NOW), Ok(()));
    }
}

#[test]
fn what_does_not_match_is_refused() {
    let no_match = Err(SignatureError::NoMatch);
    assert_eq!(verdict(Signed { body: b"[]", ..REQUEST }, VECTOR), no_match, "another body");
    assert_eq!(verdict(Signed { method: "PUT", ..REQUEST }, VECTOR), no_match, "another method");
    for uri in ["http://example.com/hubspot/webhook", "/hubspot/webhook", "https://example.com/hubspot/webhook?a"] {
        assert_eq!(verdict(Signed { uri, ..REQUEST }, VECTOR), no_match, "{uri}");
    }
    assert_eq!(verify(REQUEST, VECTOR, TIME, &[secret("other")], NOW), no_match, "another secret");
    assert_eq!(verify(REQUEST, VECTOR, TIME, &[], NOW), no_match, "no secret");
    let (empty, _) = sign(&secret(""), REQUEST, NOW);
    assert_eq!(verify(REQUEST, &empty, TIME, &[secret("")], NOW), no_match, "an empty secret");
    assert_eq!(verify(REQUEST, VECTOR, "1700000000001", &ours(), NOW), no_match, "another time");
    assert_eq!(
        verify(REQUEST, VECTOR, "01700000000000", &ours(), NOW),
        no_match,
        "the time is signed as it is written"
    );
    for signature in [&VECTOR[..22], &format!("{VECTOR}="), &VECTOR.to_lowercase(), "x"] {
        assert_eq!(verdict(REQUEST, signature), no_match, "{signature}");
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let at = |now: i64| verify(REQUEST, VECTOR, TIME, &ours(), now);
    assert_eq!((at(NOW + 300_000), at(NOW - 300_000)), (Ok(()), Ok(())));
    assert_eq!(at(NOW + 300_001), Err(SignatureError::TooOld));
    assert_eq!(at(NOW - 300_001), Err(SignatureError::TooNew));
    assert_eq!((at(i64::MAX), at(i64::MIN)), (Err(SignatureError::TooOld), Err(SignatureError::TooNew)));
    let wrong = verify(REQUEST, "x", TIME, &ours(), NOW + 300_001);
    assert_eq!(wrong, Err(SignatureError::NoMatch), "a wrong signature is not told about its time");
}

#[test]
fn missing_and_malformed_headers_are_named() {
    let with = |signature: &str, time: &str| verify(REQUEST, signature, time, &ours(), NOW);
    for (signature, time) in [("", TIME), (" ", TIME), (VECTOR, ""), (VECTOR, " "), ("", "")] {
        assert_eq!(with(signature, time), Err(SignatureError::Missing));
    }
    for time in ["-1", "+1", "1e9", "1.0", "99999999999999999999", "17000 00", " 1700000000000", "é"] {
        assert_eq!(with(VECTOR, time), Err(SignatureError::Malformed), "{time}");
    }
}

#[test]
fn only_some_encodings_of_the_uri_are_decoded_and_once() {
    for (uri, expected) in [
        ("https://x.example/a", "https://x.example/a"),
        ("a%3Ab%2Fc%3Fd%40e%21f%24g%27h%28i%29j%2Ak%2Cl%3Bm", "a:b/c?d@e!f$g'h(i)j*k,l;m"),
        ("%3a%2f%3F", ":/?"),
        ("a%20b%26c%3Dd%25e%23f%2Bg", "a%20b%26c%3Dd%25e%23f%2Bg"),
        ("%253A", "%253A"),
        ("%%3A%", "%:%"),
        ("%2", "%2"),
        ("%é%3A", "%é:"),
        ("%3%3A", "%3:"),
    ] {
        assert_eq!(decoded(uri), expected, "{uri}");
    }
}

#[test]
fn the_signature_is_of_the_decoded_uri() {
    let plain = Signed { uri: "https://example.com/a?x=b@c", ..REQUEST };
    let encoded = Signed { uri: "https://example.com/a?x=b%40c", ..REQUEST };
    let (signature, time) = sign(&ours()[0], plain, NOW);
    assert_eq!(verify(encoded, &signature, &time, &ours(), NOW), Ok(()));
    let kept = Signed { uri: "https://example.com/a?x=b%20c", ..REQUEST };
    let other = Signed { uri: "https://example.com/a?x=b c", ..REQUEST };
    assert_ne!(sign(&ours()[0], kept, NOW), sign(&ours()[0], other, NOW));
}

/// A right request with a few bytes of its headers or its URI changed: never a panic, never believed.
#[test]
fn nothing_panics_or_is_believed_by_chance() {
    let mut random = StdRng::seed_from_u64(7);
    let mut spoilt = |text: &str| {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..chars.len());
            chars[place] = char::from(random.random_range(0..=255_u8));
        }
        chars.into_iter().collect::<String>()
    };
    for _ in 0..5_000 {
        let (signature, time, uri) = (spoilt(VECTOR), spoilt(TIME), spoilt(REQUEST.uri));
        assert!(signature == VECTOR || verdict(REQUEST, &signature).is_err(), "{signature:?}");
        assert!(time == TIME || verify(REQUEST, VECTOR, &time, &ours(), NOW).is_err(), "{time:?}");
        assert!(uri == REQUEST.uri || verdict(Signed { uri: &uri, ..REQUEST }, VECTOR).is_err(), "{uri:?}");
    }
}
