//! Students' bearer tokens: short-lived JWTs, signed with a secret of their organisation.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::orgs::OrgRow;

const ISSUER: &str = "surehold";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The organisation whose secret signs it.
    org: Uuid,
    /// The contact.
    sub: Uuid,
    /// Seconds since 1970.
    exp: i64,
}

/// Makes a token for a contact; also says when it ends.
pub fn issue(org: &OrgRow, contact_id: Uuid, lifetime: Duration) -> Result<(String, Timestamp), String> {
    let seconds = i64::try_from(lifetime.as_secs()).map_err(|e| e.to_string())?;
    let exp = Timestamp::now().as_second().saturating_add(seconds);
    let claims = Claims { iss: ISSUER.to_owned(), org: org.id, sub: contact_id, exp };
    let key = EncodingKey::from_secret(&org.token_secret);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|e| e.to_string())?;
    Ok((token, Timestamp::from_second(exp).map_err(|e| e.to_string())?))
}

/// The organisation that a token claims to belong to: only good for finding the secret that proves it.
pub fn claimed_org(token: &str) -> Option<Uuid> {
    jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token).ok().map(|claims| claims.org)
}

/// The contact of a token, if this organisation signed it and it has not ended.
pub fn verify(org: &OrgRow, token: &str) -> Option<Uuid> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation.leeway = 0;
    let key = DecodingKey::from_secret(&org.token_secret);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    (claims.org == org.id).then_some(claims.sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(secret: &[u8]) -> OrgRow {
        OrgRow {
            id: Uuid::from_u128(7),
            slug: String::new(),
            name: String::new(),
            time_zone: "UTC".to_owned(),
            hosts: Vec::new(),
            location_time_zones: Default::default(),
            slot_capacity_max: 100,
            currency: "usd".to_owned(),
            token_secret: secret.to_vec(),
            is_test: false,
            closed_at: None,
        }
    }

    #[test]
    fn a_token_names_its_contact_to_its_own_organisation_only() {
        let (ours, contact) = (org(b"0123456789abcdef"), Uuid::from_u128(9));
        let (token, _) = issue(&ours, contact, Duration::from_secs(60)).expect("a token");
        assert_eq!(claimed_org(&token), Some(ours.id));
        assert_eq!(verify(&ours, &token), Some(contact));
        assert_eq!(verify(&org(b"another secret!!"), &token), None);
        assert_eq!(verify(&OrgRow { id: Uuid::from_u128(8), ..ours.clone() }, &token), None);
        let (ended, _) = issue(&ours, contact, Duration::ZERO).expect("a token");
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(verify(&ours, &ended), None);
        // `alg: none` is not a signature.
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap_or_default());
        assert_eq!(verify(&ours, &unsigned), None);
    }
}
