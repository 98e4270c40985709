//! The settings of the HTTP layer.

use std::time::Duration;

use super::cors::Origin;
use super::jwt::JwtSecrets;
use crate::hubspot::Portals;
use crate::mirror::MirrorOptions;
use crate::stripe::Accounts;

/// The settings of the HTTP layer.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a caller may take to send a body.
    pub body_timeout: Duration,
    /// Calls of students' routes a minute from one address; 0 does not limit.
    pub address_calls_per_minute: u32,
    /// Calls of students' routes a minute for one student; 0 does not limit.
    pub student_calls_per_minute: u32,
    /// Proxies of our own in front of the server. With n of them, the caller's address is the n-th entry
    /// of X-Forwarded-For from the right; with none, the header is not believed.
    pub trusted_proxy_hops: usize,
    /// How long a student's bearer token is good.
    pub token_lifetime: Duration,
    /// How long what is known of organisations and API keys may be used without asking the database: a
    /// key that is revoked works no longer than this.
    pub directory_max_age: Duration,
    /// Stripe accounts by organisation.
    pub stripe: Accounts,
    /// HubSpot portals by organisation.
    pub hubspot: Portals,
    /// How the mirror there works.
    pub mirror: MirrorOptions,
    /// What signs travellers' tokens.
    pub jwt_secrets: JwtSecrets,
    /// How long a checkout can be paid, in seconds. Stripe takes nothing below 30 minutes.
    pub pay_seconds: i64,
    /// Origins whose pages may call.
    pub cors_origins: Vec<Origin>,
    /// Rows of one answer of the REST routes.
    pub rest_rows_max: i64,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions {
            body_bytes_max: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            address_calls_per_minute: 300,
            student_calls_per_minute: 30,
            trusted_proxy_hops: 0,
            token_lifetime: Duration::from_secs(60 * 60),
            directory_max_age: Duration::from_secs(3),
            stripe: Accounts::default(),
            hubspot: Portals::default(),
            mirror: MirrorOptions::default(),
            jwt_secrets: JwtSecrets::default(),
            pay_seconds: 35 * 60,
            cors_origins: Vec::new(),
            rest_rows_max: 1000,
        }
    }
}
