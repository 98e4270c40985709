//! Travellers' tokens: JWTs of the marketplace's identity provider, HS256, as Supabase issues them.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

/// The variable that holds the secret; with `_` and an organisation's slug behind it, that organisation's own.
const VARIABLE: &str = "SUREHOLD_JWT_SECRET";
/// Supabase's own name for somebody who has logged in.
const LOGGED_IN: &str = "authenticated";
/// Supabase's own name for somebody who has not: its key for browsers says so.
const ANONYMOUS: &str = "anon";

/// The secrets that sign travellers' tokens.
#[derive(Debug, Clone, Default)]
pub struct JwtSecrets {
    everyone: Option<SecretString>,
    /// By the end of the variable's name: `PULAU_TRIPS` for the slug `pulau-trips`.
    own: BTreeMap<String, SecretString>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

impl JwtSecrets {
    /// One secret for every organisation.
    pub fn of_everyone(secret: SecretString) -> JwtSecrets {
        JwtSecrets { everyone: Some(secret), own: BTreeMap::new() }
    }

    /// The secret that was given, and those of organisations from the environment.
    pub fn from_environment(everyone: Option<SecretString>) -> JwtSecrets {
        let is_given = |text: &str| !text.trim().is_empty();
        let own = std::env::vars().filter_map(|(name, value)| {
            let slug = name.strip_prefix(VARIABLE)?.strip_prefix('_')?;
            is_given(&value).then(|| (slug.to_owned(), SecretString::from(value)))
        });
        JwtSecrets { everyone: everyone.filter(|secret| is_given(secret.expose_secret())), own: own.collect() }
    }

    /// The user of a token, if this organisation's secret signed it, it has not ended and somebody has logged in
    /// with it (Supabase signs its `anon` and `service_role` keys with the same secret).
    pub fn user_of(&self, org_slug: &str, token: &str) -> Option<Uuid> {
        let claims = self.claims(org_slug, token, &["exp", "sub"])?;
        claims.role.is_none_or(|role| role == LOGGED_IN).then(|| claims.sub?.parse().ok()).flatten()
    }

    /// Whether this is the key that pages bring while nobody has logged in, signed by this organisation's secret: it
    /// says nothing, and opens nothing.
    pub fn is_anonymous(&self, org_slug: &str, token: &str) -> bool {
        self.claims(org_slug, token, &["exp"]).is_some_and(|claims| claims.role.as_deref() == Some(ANONYMOUS))
    }

    fn claims(&self, org_slug: &str, token: &str, required: &[&str]) -> Option<Claims> {
        let variable = org_slug.to_uppercase().replace('-', "_");
        let secret = self.own.get(&variable).or(self.everyone.as_ref())?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(required);
        validation.validate_aud = false;
        validation.validate_nbf = true;
        validation.leeway = 0;
        let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        Some(jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    const SECRET: &str = "a-secret-with-at-least-32-characters";

    fn secrets() -> JwtSecrets {
        JwtSecrets::of_everyone(SecretString::from(SECRET))
    }

    fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes()))
            .expect("a token")
    }

    fn claims() -> Value {
        json!({ "sub": Uuid::from_u128(7), "exp": 4_000_000_000_u64, "role": "authenticated", "aud": "authenticated" })
    }

    #[test]
    fn a_token_of_somebody_who_has_logged_in_names_the_user() {
        assert_eq!(secrets().user_of("x", &signed(&claims(), Algorithm::HS256, SECRET)), Some(Uuid::from_u128(7)));
    }

    #[test]
    fn every_other_token_names_nobody() {
        let with = |member: &str, value: Value| {
            let mut claims = claims();
            claims[member] = value;
            signed(&claims, Algorithm::HS256, SECRET)
        };
        let without = |member: &str| {
            let mut claims = claims();
            claims.as_object_mut().expect("an object").remove(member);
            signed(&claims, Algorithm::HS256, SECRET)
        };
        let table = [
            ("another secret", signed(&claims(), Algorithm::HS256, "another")),
            ("another algorithm", signed(&claims(), Algorithm::HS512, SECRET)),
            ("over", with("exp", json!(1_000))),
            ("not yet", with("nbf", json!(4_000_000_000_u64))),
            ("without an end", without("exp")),
            ("without a user", without("sub")),
            ("a user that is no UUID", with("sub", json!("ann"))),
            ("Supabase's anonymous key", with("role", json!("anon"))),
            ("Supabase's service key", with("role", json!("service_role"))),
            ("no token", "abc".to_owned()),
        ];
        for (what, token) in table {
            assert_eq!(secrets().user_of("x", &token), None, "{what}");
        }
        assert_eq!(JwtSecrets::default().user_of("x", &signed(&claims(), Algorithm::HS256, "")), None, "no secret");
    }

    #[test]
    fn the_anonymous_key_is_known_and_nothing_else_is_taken_for_it() {
        let anonymous = json!({ "iss": "supabase", "role": "anon", "exp": 4_000_000_000_u64 });
        let is_anonymous = |token: String| secrets().is_anonymous("x", &token);
        assert!(is_anonymous(signed(&anonymous, Algorithm::HS256, SECRET)));
        assert!(!is_anonymous(signed(&anonymous, Algorithm::HS256, "another")));
        assert!(!is_anonymous(signed(&claims(), Algorithm::HS256, SECRET)));
        let over = json!({ "role": "anon", "exp": 1_000 });
        assert!(!is_anonymous(signed(&over, Algorithm::HS256, SECRET)));
    }

    #[test]
    fn an_organisation_may_have_its_own_secret() {
        let own = BTreeMap::from([("PULAU_TRIPS".to_owned(), SecretString::from("own"))]);
        let secrets = JwtSecrets { own, ..secrets() };
        let (shared, own) = (signed(&claims(), Algorithm::HS256, SECRET), signed(&claims(), Algorithm::HS256, "own"));
        assert!(secrets.user_of("pulau-trips", &own).is_some() && secrets.user_of("other", &shared).is_some());
        assert!(secrets.user_of("pulau-trips", &shared).is_none() && secrets.user_of("other", &own).is_none());
    }
}
