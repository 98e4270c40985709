//! The headers of HubSpot's webhooks: whether a request was written by HubSpot for one of our apps, and lately.
//!
//! Version 3: `X-HubSpot-Signature-v3` is base64 of HMAC-SHA256 of method, URI, body and time under the app's client
//! secret; `X-HubSpot-Request-Timestamp` is the time, in milliseconds. The older versions know no time, so what they
//! signed could be sent again for ever: they are not accepted.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// The header of the signature.
pub const SIGNATURE: &str = "x-hubspot-signature-v3";
/// The header of the time.
pub const TIMESTAMP: &str = "x-hubspot-request-timestamp";
/// How far a signature's time may be from ours, in milliseconds, either way: five minutes. It bounds for how long a
/// request that somebody saw can be sent again.
pub const TOLERANCE_MILLISECONDS: i64 = 300_000;

/// The characters whose encodings are signed as if they were not encoded. All others are signed as they came.
const DECODED: &[(&str, &str)] = &[
    ("3A", ":"),
    ("2F", "/"),
    ("3F", "?"),
    ("40", "@"),
    ("21", "!"),
    ("24", "$"),
    ("27", "'"),
    ("28", "("),
    ("29", ")"),
    ("2A", "*"),
    ("2C", ","),
    ("3B", ";"),
];

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// No signature or no time, or an empty one.
    #[error("there is no X-HubSpot-Signature-v3 or no X-HubSpot-Request-Timestamp")]
    Missing,
    /// The time is no number of milliseconds.
    #[error("the X-HubSpot-Request-Timestamp is not a number of milliseconds")]
    Malformed,
    /// The signature is right under none of our secrets.
    #[error(
        "the X-HubSpot-Signature-v3 does not match: another app's secret, another URL than HubSpot was told, or the \
         body was changed"
    )]
    NoMatch,
    /// Right, but written more than [`TOLERANCE_MILLISECONDS`] ago.
    #[error("the X-HubSpot-Signature-v3 is too old, or this machine's clock is fast")]
    TooOld,
    /// Right, but written more than [`TOLERANCE_MILLISECONDS`] from now.
    #[error("the X-HubSpot-Signature-v3 is from the future: this machine's clock is slow")]
    TooNew,
}

/// A request as HubSpot made it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `POST`, in upper case.
    pub method: &'a str,
    /// The whole URL that HubSpot was told, with `https://`, host and query: behind a proxy not what arrives here.
    pub uri: &'a str,
    /// The raw bytes.
    pub body: &'a [u8],
}

/// Whether one of these secrets signed this request within [`TOLERANCE_MILLISECONDS`] of `now` (milliseconds since
/// 1970). `signature` and `timestamp` are the two headers; a missing one is empty.
///
/// # Errors
///
/// [`SignatureError`]; the time is only compared when the signature is right.
pub fn verify(
    request: Signed<'_>,
    signature: &str,
    timestamp: &str,
    secrets: &[SecretString],
    now: i64,
) -> Result<(), SignatureError> {
    let signature = signature.trim();
    if signature.is_empty() || timestamp.trim().is_empty() {
        return Err(SignatureError::Missing);
    }
    let is_plain = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let time: i64 = is_plain.then(|| timestamp.parse().ok()).flatten().ok_or(SignatureError::Malformed)?;
    let mut matches = Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
        matches |= signature.as_bytes().ct_eq(mac(secret, request, timestamp).as_bytes());
    }
    if !bool::from(matches) {
        return Err(SignatureError::NoMatch);
    }
    match now.saturating_sub(time) {
        age if age > TOLERANCE_MILLISECONDS => Err(SignatureError::TooOld),
        age if age < -TOLERANCE_MILLISECONDS => Err(SignatureError::TooNew),
        _ => Ok(()),
    }
}

/// The two headers, signature and time, that HubSpot would send with this request: for tests and tools. `time` is in
/// milliseconds since 1970.
pub fn sign(secret: &SecretString, request: Signed<'_>, time: i64) -> (String, String) {
    let timestamp = time.to_string();
    (mac(secret, request, &timestamp), timestamp)
}

/// The time as it was written: that is what was signed.
fn mac(secret: &SecretString, request: Signed<'_>, timestamp: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(request.method.as_bytes());
    mac.update(decoded(request.uri).as_bytes());
    mac.update(request.body);
    mac.update(timestamp.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The URI as it is signed. Decoded once: what comes out of it is not decoded again.
fn decoded(uri: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = uri.split_once('%') else { return Cow::Borrowed(uri) };
    let mut text = before.to_owned();
    loop {
        let code = rest.get(..2).unwrap_or_default();
        match DECODED.iter().find(|(encoded, _)| encoded.eq_ignore_ascii_case(code)) {
            Some((_, char)) => {
                text.push_str(char);
                rest = &rest[2..];
            }
            None => text.push('%'),
        }
        let Some((before, after)) = rest.split_once('%') else {
            text.push_str(rest);
            return Cow::Owned(text);
        };
        text.push_str(before);
        rest = after;
    }
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
