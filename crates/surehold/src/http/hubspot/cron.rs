//! The run that a scheduler asks for: `Authorization: Bearer $CRON_SECRET`, by POST or, as some schedulers can only do,
//! by GET.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use subtle::{Choice, ConstantTimeEq};
use utoipa::ToSchema;

use super::{failure, unavailable};
use crate::http::access;
use crate::http::app::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::mirror::{Counts, MirrorError, SyncReport};
use crate::store::orgs::OrgRow;
use crate::workers::hubspot;

/// What became of a run.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncRun {
    /// Always true: HubSpot took everything that it did not refuse.
    pub success: bool,
    /// Records that were made at HubSpot.
    pub created: u64,
    /// Records that were changed at HubSpot.
    pub updated: u64,
    /// Rows that HubSpot refused in this run; they are tried again, and parked after some refusals.
    pub failed: u64,
    /// Rows that still wait.
    pub pending: u64,
    /// Rows that are parked: somebody has to look.
    pub parked: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Associations that were made or ended.
    pub associations: u64,
    /// Changes of credits at HubSpot that were counted.
    pub credits_counted: u64,
    /// Contacts alone.
    pub contacts: KindCounts,
    /// Sessions alone.
    pub sessions: KindCounts,
    /// Bookings alone.
    pub bookings: KindCounts,
}

/// What became of the rows of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindCounts {
    /// Records that were made.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows that were refused.
    pub failed: u64,
}

impl From<Counts> for KindCounts {
    fn from(counts: Counts) -> KindCounts {
        let Counts { created, updated, failed } = counts;
        KindCounts { created, updated, failed }
    }
}

impl From<SyncReport> for SyncRun {
    fn from(report: SyncReport) -> SyncRun {
        let Counts { created, updated, failed } = report.counts();
        SyncRun {
            success: report.problem.is_none(),
            created,
            updated,
            failed,
            pending: report.pending,
            parked: report.parked,
            duration_ms: report.milliseconds,
            associations: report.associations,
            credits_counted: report.credits_counted,
            contacts: report.contacts.into(),
            sessions: report.sessions.into(),
            bookings: report.bookings.into(),
        }
    }
}

/// Makes the four operations: two methods, with and without the organisation.
macro_rules! operation {
    ($method:ident, $name:ident, $of_org:ident) => {
        /// Mirror to HubSpot now.
        ///
        /// Counts what was bought at HubSpot, then sends everything that changed. The answer comes when the run has
        /// ended; hanging up does not end it. The server does the same by itself (`--hubspot-sync-every`).
        #[utoipa::path(
            $method, path = "/api/admin/cron/batch-sync-hubspot", tag = "hubspot", security(("cron_secret" = [])),
            responses(
                (status = 200, description = "The run has ended", body = SyncRun),
                (status = 401, description = "`UNAUTHENTICATED`: not the cron secret", body = ErrorBody),
                (status = 409, description = "`SYNC_RUNNING`: another run is on, so this one was not made", body = ErrorBody),
                (status = 503, description = "`HUBSPOT_UNAVAILABLE`: the run ended early, `details` has its counts; `DATABASE_UNAVAILABLE`", body = ErrorBody),
            )
        )]
        pub async fn $name(State(app): State<Arc<App>>, parts: Parts) -> Result<Json<SyncRun>, ApiError> {
            let org = access::org_by_host(&app, &parts).await?;
            run(app, org, &parts).await
        }

        /// Mirror to HubSpot now, for one of several organisations.
        ///
        /// The same, for a server that several organisations share: each has its own secret.
        #[utoipa::path(
            $method, path = "/api/admin/cron/batch-sync-hubspot/{org}", tag = "hubspot", security(("cron_secret" = [])),
            params(("org" = String, Path, description = "The organisation's slug")),
            responses(
                (status = 200, description = "The run has ended", body = SyncRun),
                (status = 401, description = "`UNAUTHENTICATED`: not the cron secret", body = ErrorBody),
                (status = 409, description = "`SYNC_RUNNING`: another run is on, so this one was not made", body = ErrorBody),
                (status = 503, description = "`HUBSPOT_UNAVAILABLE`: the run ended early, `details` has its counts; `DATABASE_UNAVAILABLE`", body = ErrorBody),
            )
        )]
        pub async fn $of_org(
            State(app): State<Arc<App>>,
            Path(slug): Path<String>,
            parts: Parts,
        ) -> Result<Json<SyncRun>, ApiError> {
            let org = access::org_by_slug(&app, &slug).await?;
            run(app, org, &parts).await
        }
    };
}

operation!(post, batch_sync_hubspot, batch_sync_hubspot_of_org);
operation!(get, batch_sync_hubspot_by_get, batch_sync_hubspot_of_org_by_get);

async fn run(app: Arc<App>, org: Arc<OrgRow>, parts: &Parts) -> Result<Json<SyncRun>, ApiError> {
    let secrets = app.mirror.portal(&org).map(|portal| portal.cron_secrets).unwrap_or_default();
    if !is_one_of(&secrets, bearer(&parts.headers)) {
        // Strangers' guesses count against their address.
        app.limits.count_address(parts)?;
        let mut answer = ApiError::unauthenticated("Send the cron secret: Authorization: Bearer $CRON_SECRET");
        if secrets.is_empty() {
            answer.cause = Some("the organisation has no portal, or no SUREHOLD_CRON_SECRET is set".into());
        }
        return Err(answer);
    }
    // A task of its own: a scheduler that hangs up after a minute does not end a run that needs two.
    let (mirror, its_org) = (app.mirror.clone(), org.clone());
    let run = tokio::spawn(async move { hubspot::look_after(&mirror, &its_org).await });
    match run.await.map_err(|error| ApiError::internal(error.to_string()))? {
        Ok(report) if report.problem.is_none() => Ok(Json(report.into())),
        Ok(report) => Err(ended_early(report)),
        // What it did until then is in its report.
        Err(error @ MirrorError::HubSpot(_)) => {
            let status = app.mirror.status(&org).await.map_err(failure)?;
            match status.last_report() {
                Some(report) if report.problem.is_some() => Err(ended_early(report)),
                _ => Err(failure(error)),
            }
        }
        Err(error) => Err(failure(error)),
    }
}

fn ended_early(report: SyncReport) -> ApiError {
    let problem = report.problem.clone().unwrap_or_default();
    let mut answer = unavailable().with_details(json!(SyncRun::from(report)));
    answer.cause = Some(problem.into());
    answer
}

/// The text of `Authorization: Bearer …`; empty if there is none.
fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(axum::http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = value.and_then(|value| value.trim().split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { secret.trim() } else { "" }
}

/// Whether this is one of our secrets. How long it takes says nothing of them but their length.
fn is_one_of(secrets: &[SecretString], given: &str) -> bool {
    let matches = secrets
        .iter()
        .fold(Choice::from(0), |matches, secret| matches | secret.expose_secret().as_bytes().ct_eq(given.as_bytes()));
    bool::from(matches) && !given.is_empty()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_whole_secret_is_one() {
        let secrets = ["secret-of-the-cron", "the-one-before-it"].map(SecretString::from);
        assert!(is_one_of(&secrets, "secret-of-the-cron") && is_one_of(&secrets, "the-one-before-it"));
        for wrong in ["", "secret", "secret-of-the-cron2", "Secret-of-the-cron"] {
            assert!(!is_one_of(&secrets, wrong), "{wrong}");
        }
        assert!(!is_one_of(&[], "") && !is_one_of(&[SecretString::from("")], ""));
    }

    #[test]
    fn the_secret_comes_as_a_bearer() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).to_owned()
        };
        assert_eq!((of("Bearer abc"), of("bearer  abc ")), ("abc".to_owned(), "abc".to_owned()));
        assert_eq!((of("Basic abc"), of("abc")), (String::new(), String::new()));
        assert_eq!(bearer(&HeaderMap::new()), "");
    }
}
