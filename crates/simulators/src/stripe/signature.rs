//! Signatures of webhooks: docs.stripe.com/webhooks, "Verify webhook signatures manually".

use crate::hmac_sha256::hmac_sha256;

/// The signature `v1` of a payload: HMAC-SHA256 of `{timestamp}.{payload}`, in hexadecimal digits.
pub fn sign(secret: &str, timestamp: i64, payload: &[u8]) -> String {
    use std::fmt::Write;
    let mac = hmac_sha256(secret, &[timestamp.to_string().as_bytes(), b".", payload]);
    mac.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a string does not fail
        hex
    })
}

/// The header `Stripe-Signature`: one `v1` for each secret, as while a secret is rolled.
pub fn signature_header(secrets: &[String], timestamp: i64, payload: &[u8]) -> String {
    let signatures = secrets.iter().map(|secret| format!(",v1={}", sign(secret, timestamp, payload)));
    std::iter::once(format!("t={timestamp}")).chain(signatures).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against Stripe's own client.
    const PAYLOAD: &[u8] = br#"{"id":"evt_test","object":"event"}"#;
    const SIGNATURE: &str = "8042376f6ca064adbe037642a718227dfd59047137eb49497a54c49eb0cfb724";

    #[test]
    fn signatures_are_stripes() {
        assert_eq!(sign("whsec_test_secret", 1_700_000_000, PAYLOAD), SIGNATURE);
    }

    #[test]
    fn while_a_secret_is_rolled_there_is_a_signature_for_each() {
        let secrets = ["whsec_old".to_owned(), "whsec_test_secret".to_owned()];
        let header = signature_header(&secrets, 1_700_000_000, PAYLOAD);
        let old = sign("whsec_old", 1_700_000_000, PAYLOAD);
        assert_eq!(header, format!("t=1700000000,v1={old},v1={SIGNATURE}"));
    }
}
