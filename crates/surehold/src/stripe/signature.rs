//! The `Stripe-Signature` header: whether a webhook's body was written by Stripe, and lately.
//!
//! `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`, where each `v1` is HMAC-SHA256 of `<t>.<body>` under one of the
//! endpoint's secrets; there are two while a secret is rolled.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// How far a signature's time may be from ours, in seconds, either way. It bounds for how long a body that
/// somebody saw can be sent again.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// No header, or an empty one.
    #[error("there is no Stripe-Signature")]
    Missing,
    /// No time, two of them, or no signature in the scheme `v1`.
    #[error("the Stripe-Signature is not t=<seconds>,v1=<hex>")]
    Malformed,
    /// None of the signatures is right under any of our secrets.
    #[error("the Stripe-Signature does not match: another endpoint's secret, or the body was changed")]
    NoMatch,
    /// Right, but written more than [`TOLERANCE_SECONDS`] ago.
    #[error("the Stripe-Signature is too old, or this machine's clock is fast")]
    TooOld,
    /// Right, but written more than [`TOLERANCE_SECONDS`] from now.
    #[error("the Stripe-Signature is from the future: this machine's clock is slow")]
    TooNew,
}

/// Whether one of these secrets signed this body within [`TOLERANCE_SECONDS`] of `now` (seconds since 1970).
/// `body` is the request's raw bytes.
///
/// # Errors
///
/// [`SignatureError`]; the time is only looked at when the signature is right.
pub fn verify(header: &str, body: &[u8], secrets: &[SecretString], now: i64) -> Result<(), SignatureError> {
    if header.trim().is_empty() {
        return Err(SignatureError::Missing);
    }
    let header = Header::parse(header).ok_or(SignatureError::Malformed)?;
    let mut matches = Choice::from(0);
    // Everything is compared with everything, so that the time it takes tells nothing.
    for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
        let expected = mac(secret, header.time_text, body);
        for signature in &header.signatures {
            matches |= signature.as_bytes().ct_eq(expected.as_bytes());
        }
    }
    if !bool::from(matches) {
        return Err(SignatureError::NoMatch);
    }
    match now.saturating_sub(header.time) {
        age if age > TOLERANCE_SECONDS => Err(SignatureError::TooOld),
        age if age < -TOLERANCE_SECONDS => Err(SignatureError::TooNew),
        _ => Ok(()),
    }
}

/// The header that Stripe would send with this body: for tests and tools. `time` is in seconds since 1970.
pub fn sign(secret: &SecretString, time: i64, body: &[u8]) -> String {
    format!("t={time},v1={}", mac(secret, &time.to_string(), body))
}

struct Header<'a> {
    time: i64,
    /// As it was written: that is what was signed.
    time_text: &'a str,
    signatures: Vec<&'a str>,
}

impl Header<'_> {
    fn parse(text: &str) -> Option<Header<'_>> {
        let mut times = Vec::new();
        let mut signatures = Vec::new();
        for part in text.split(',') {
            match part.trim().split_once('=')? {
                ("t", time) => times.push(time),
                ("v1", signature) => signatures.push(signature),
                // Other schemes, such as v0 of test events, prove nothing.
                _ => {}
            }
        }
        let [time_text] = times[..] else { return None };
        let is_plain = !time_text.is_empty() && time_text.bytes().all(|byte| byte.is_ascii_digit());
        let time = is_plain.then(|| time_text.parse().ok())??;
        (!signatures.is_empty()).then_some(Header { time, time_text, signatures })
    }
}

/// HMAC-SHA256 of `<time>.<body>`, in lower-case hex.
fn mac(secret: &SecretString, time: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
