//! API keys. The database knows only a hash of a key's secret part.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::StoreError;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything in its organisation.
    Admin,
    /// What a student may do, for any student whose ID and email it gives.
    Service,
}

impl Role {
    /// The text in the database and inside a key.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Service => "service",
        }
    }

    /// The role of a text.
    pub fn parse(text: &str) -> Option<Role> {
        match text {
            "admin" => Some(Role::Admin),
            "service" => Some(Role::Service),
            _ => None,
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// Whose data it opens.
    pub org_id: Uuid,
    /// Its public part.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its secret part.
    pub secret_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

/// A key that was just made.
pub struct NewKey {
    /// Its public part.
    pub id: Uuid,
    /// The whole key: `surehold_<role>_<id>_<secret>`. Shown once; it cannot be found out again.
    pub text: SecretString,
}

const CREATE: &str = "INSERT INTO api_keys (org_id, id, name, role, secret_hash) VALUES ($1, $2, $3, $4, $5)";
const LIST: &str =
    "SELECT org_id, id, name, role, secret_hash, created_at, revoked_at FROM api_keys WHERE org_id = $1 ORDER BY id";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = now() WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL";
const FIND: &str = "SELECT org_id, id, name, role, secret_hash, created_at, revoked_at FROM api_keys WHERE id = $1";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[CREATE, LIST, REVOKE, FIND];

const PREFIX: &str = "surehold";
const SECRET_BYTES: usize = 32;
/// What [`SECRET_BYTES`] are in base64url without padding.
const SECRET_CHARACTERS: usize = 43;

/// Makes a key.
pub async fn create(client: &Client, org_id: Uuid, name: &str, role: Role) -> Result<NewKey, StoreError> {
    let id = Uuid::now_v7();
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; SECRET_BYTES]>());
    client.execute(CREATE, &[&org_id, &id, &name, &role.as_str(), &hash(&secret).as_slice()]).await?;
    let text = format!("{PREFIX}_{}_{}_{secret}", role.as_str(), id.simple());
    Ok(NewKey { id, text: SecretString::from(text) })
}

/// The keys of an organisation, oldest first, revoked ones too.
pub async fn list(client: &Client, org_id: Uuid) -> Result<Vec<ApiKeyRow>, StoreError> {
    client.query(LIST, &[&org_id]).await?.iter().map(read).collect()
}

/// Revokes a key. `false`: there is no such key, or it was revoked before.
pub async fn revoke(client: &Client, org_id: Uuid, id: Uuid) -> Result<bool, StoreError> {
    Ok(client.execute(REVOKE, &[&org_id, &id]).await? == 1)
}

/// A key by its public part alone: the key says which organisation a request belongs to.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<ApiKeyRow>, StoreError> {
    client.query_opt(FIND, &[&id]).await?.as_ref().map(read).transpose()
}

/// Takes a key's text apart: role, public part, secret part.
pub fn parse(text: &str) -> Option<(Role, Uuid, &str)> {
    let mut parts = text.splitn(4, '_');
    let (prefix, role, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if prefix != PREFIX || id.len() != 32 || secret.len() != SECRET_CHARACTERS {
        return None;
    }
    Some((Role::parse(role)?, Uuid::try_parse(id).ok()?, secret))
}

/// Whether a secret is the key's, in a time that says nothing of how much of it was right.
pub fn secret_matches(row: &ApiKeyRow, secret: &str) -> bool {
    hash(secret).as_slice().ct_eq(&row.secret_hash).into()
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn read(row: &Row) -> Result<ApiKeyRow, StoreError> {
    let role: &str = row.try_get("role")?;
    Ok(ApiKeyRow {
        org_id: row.try_get("org_id")?,
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: Role::parse(role).ok_or_else(|| StoreError::Corrupt(format!("API key role {role}")))?,
        secret_hash: row.try_get("secret_hash")?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_apart_into_role_id_and_secret() {
        let id = Uuid::now_v7();
        // base64url has underscores of its own.
        let secret = format!("_{}_", "x".repeat(41));
        let text = format!("surehold_service_{}_{secret}", id.simple());
        assert_eq!(parse(&text), Some((Role::Service, id, secret.as_str())));
        let cut = &text[..text.len() - 1];
        let hyphens = format!("surehold_service_{id}_{secret}");
        for wrong in ["", "surehold", "surehold_admin_x_y", cut, hyphens.as_str(), &text.replace("service", "root")] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_right_secret_matches() {
        let row = ApiKeyRow {
            org_id: Uuid::nil(),
            id: Uuid::nil(),
            name: String::new(),
            role: Role::Admin,
            secret_hash: hash("right").to_vec(),
            created_at: Timestamp::UNIX_EPOCH,
            revoked_at: None,
        };
        assert!(secret_matches(&row, "right"));
        assert!(!secret_matches(&row, "wrong") && !secret_matches(&row, ""));
    }
}
