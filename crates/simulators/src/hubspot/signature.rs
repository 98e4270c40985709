//! Signatures of webhooks, version 3 (developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hmac_sha256::hmac_sha256;

/// What a URI is signed without: these are decoded before, and nothing else is.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The header `X-HubSpot-Signature-v3`: HMAC-SHA256 of method, URI, body and timestamp (milliseconds), in base64.
pub fn sign(client_secret: &str, method: &str, uri: &str, body: &[u8], timestamp: i64) -> String {
    let mut decoded = uri.to_owned();
    for (encoded, plain) in DECODED {
        decoded = decoded.replace(encoded, plain).replace(&encoded.to_lowercase(), plain);
    }
    let timestamp = timestamp.to_string();
    BASE64.encode(hmac_sha256(client_secret, &[method.as_bytes(), decoded.as_bytes(), body, timestamp.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against HubSpot's own client.
    const SECRET: &str = "00000000-0000-0000-0000-000000000000";
    const BODY: &[u8] = br#"[{"eventId":1,"subscriptionType":"object.propertyChange","objectId":123}]"#;

    #[test]
    fn signatures_are_hubspots() {
        let signature = sign(SECRET, "POST", "https://example.com/hubspot/webhook", BODY, 1_700_000_000_000);
        assert_eq!(signature, "pwuEZvvnrHkql/LyLXmD4abADeektHmIaK8CK1xCzQI=");
    }

    #[test]
    fn only_some_characters_of_the_uri_are_decoded() {
        let of = |uri: &str| sign(SECRET, "POST", uri, BODY, 1_700_000_000_000);
        assert_eq!(of("https://example.com/a?b=%3Ac%2f"), of("https://example.com/a?b=:c/"));
        assert_ne!(of("https://example.com/a?b=%20"), of("https://example.com/a?b= "));
    }
}
