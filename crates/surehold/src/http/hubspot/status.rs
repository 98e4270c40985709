//! How the mirror stands, and another try for what is parked.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::rows::Entity;
use utoipa::ToSchema;
use uuid::Uuid;

use super::cron::KindCounts;
use super::failure;
use crate::http::access::Admin;
use crate::http::app::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::reply::{Reply, Success};
use crate::mirror::{Parkable, Status};
use crate::store::mirror::status;

/// How the mirror stands.
#[derive(Serialize, ToSchema)]
pub struct MirrorStatus {
    /// Whether the organisation has a portal. Without one, rows wait until it has.
    pub is_mirrored: bool,
    /// Whether a run is on now.
    pub is_running: bool,
    /// Rows that wait, by kind; a kind of which none waits is left out.
    pub pending: Vec<PendingRows>,
    /// Bookings at HubSpot that wait to be associated with their contact and session.
    pub unassociated: i64,
    /// How many rows are parked: HubSpot refused them so often that they are not tried again by themselves.
    pub parked_rows: i64,
    /// The first hundred of them.
    pub parked: Vec<ParkedRow>,
    /// The first hundred cuts at HubSpot that went below what was spent.
    pub shortfalls: Vec<ShortCut>,
    /// The last run; `null` if there was none.
    pub last_run: Option<LastRun>,
    /// Up to when changes of credits at HubSpot are known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub contacts_pulled_to: Option<Timestamp>,
    /// Calls that HubSpot allows today, as it said to this server last.
    pub calls_left_today: Option<u64>,
}

/// Rows of one kind that wait.
#[derive(Serialize, ToSchema)]
pub struct PendingRows {
    /// `contact`, `slot` or `booking`.
    #[schema(value_type = String, example = "booking")]
    pub kind: Entity,
    /// How many.
    pub rows: i64,
    /// Since when the oldest one waits.
    #[schema(value_type = String, format = DateTime)]
    pub oldest: Timestamp,
}

/// A row that HubSpot refused for good.
#[derive(Serialize, ToSchema)]
pub struct ParkedRow {
    /// `contact`, `slot` or `booking`.
    #[schema(value_type = String, example = "booking")]
    pub kind: Entity,
    /// Its UUID.
    pub id: Uuid,
    /// Its record at HubSpot, if it has one.
    pub hubspot_id: Option<String>,
    /// Since when it is parked.
    #[schema(value_type = String, format = DateTime)]
    pub parked_at: Timestamp,
    /// How often it was refused.
    pub failures: i32,
    /// What HubSpot said last.
    pub problem: String,
    /// HubSpot's name for that call, for its support.
    pub correlation_id: Option<String>,
}

/// A cut of credits at HubSpot that went below what was spent: the balance stopped at zero.
#[derive(Serialize, ToSchema)]
pub struct ShortCut {
    /// Whose.
    pub contact_id: Uuid,
    /// The contact's student ID.
    pub student_id: String,
    /// Which kind of credit.
    pub credit_kind: String,
    /// When it was cut.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// By how much it was cut at HubSpot.
    pub delta: i64,
    /// By how much the balance was.
    pub applied: i64,
}

/// The last run.
#[derive(Serialize, ToSchema)]
pub struct LastRun {
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When the last run that ended did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// How long that took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Records and refusals in it.
    pub counts: Option<KindCounts>,
    /// Why it ended early, if it did.
    pub problem: Option<String>,
}

impl From<Status> for MirrorStatus {
    fn from(found: Status) -> MirrorStatus {
        let last_run = LastRun::of(&found);
        MirrorStatus {
            is_mirrored: found.is_mirrored,
            is_running: found.sync.is_running,
            pending: found.pending.into_iter().map(PendingRows::from).collect(),
            unassociated: found.loose,
            parked_rows: found.parked_rows,
            parked: found.parked.into_iter().map(ParkedRow::from).collect(),
            shortfalls: found.shortfalls.into_iter().map(ShortCut::from).collect(),
            last_run,
            contacts_pulled_to: found.sync.contacts_pulled_to,
            calls_left_today: found.calls_left_today,
        }
    }
}

impl From<status::Pending> for PendingRows {
    fn from(pending: status::Pending) -> PendingRows {
        PendingRows { kind: pending.entity, rows: pending.rows, oldest: pending.oldest }
    }
}

impl From<status::Parked> for ParkedRow {
    fn from(parked: status::Parked) -> ParkedRow {
        ParkedRow {
            kind: parked.entity,
            id: parked.id,
            hubspot_id: parked.hubspot_id,
            parked_at: parked.parked_at,
            failures: parked.failures,
            problem: parked.problem,
            correlation_id: parked.correlation_id,
        }
    }
}

impl From<status::Shortfall> for ShortCut {
    fn from(short: status::Shortfall) -> ShortCut {
        ShortCut {
            contact_id: short.contact_id,
            student_id: short.student_id,
            credit_kind: short.kind,
            at: Timestamp::from_millisecond(short.at).ok(),
            delta: short.delta,
            applied: short.applied,
        }
    }
}

impl LastRun {
    fn of(status: &Status) -> Option<LastRun> {
        let sync = &status.sync;
        sync.started_at.or(sync.ended_at)?;
        let report = status.last_report();
        Some(LastRun {
            started_at: sync.started_at,
            ended_at: sync.ended_at,
            duration_ms: report.as_ref().map(|report| report.milliseconds),
            counts: report.as_ref().map(|report| report.counts().into()),
            problem: report.and_then(|report| report.problem),
        })
    }
}

/// How does the mirror stand?
///
/// What waits for HubSpot, what HubSpot refused and why, and the last run. HubSpot is not asked.
#[utoipa::path(
    get, path = "/api/admin/hubspot/status", tag = "hubspot", security(("api_key" = [])),
    responses((status = 200, description = "How it stands", body = Success<MirrorStatus>))
)]
pub async fn hubspot_status(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
) -> Result<Reply<MirrorStatus>, ApiError> {
    Ok(Reply::ok(app.mirror.status(&acting.org).await.map_err(failure)?.into()))
}

/// A parked row that is tried again.
#[derive(Serialize, ToSchema)]
pub struct Unparked {
    /// As in the path.
    pub kind: &'static str,
    /// Its UUID.
    pub id: Uuid,
}

/// Try a parked row again.
///
/// At the next run, as if it had never been refused. With the kind `credits` and a contact's id: its shortfalls are
/// dealt with, and no longer shown.
#[utoipa::path(
    post, path = "/api/admin/hubspot/parked/{kind}/{id}/retry", tag = "hubspot", security(("api_key" = [])),
    params(
        ("kind" = String, Path, description = "`contact`, `slot` (or `session`), `booking`, `credits`"),
        ("id" = Uuid, Path, description = "UUID of the row"),
    ),
    responses(
        (status = 200, description = "It is tried again", body = Success<Unparked>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`NOT_PARKED`: there is no such row, or it is not parked", body = ErrorBody),
    )
)]
pub async fn retry_parked(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Reply<Unparked>, ApiError> {
    let what = Parkable::read(&kind)
        .ok_or_else(|| ApiError::invalid_field("kind", format!("must be one of: {}", Parkable::WORDS.join(", "))))?;
    let id = Uuid::try_parse(&id).map_err(|_| ApiError::invalid_field("id", "must be a UUID"))?;
    if !app.mirror.retry(&acting.org, what, id).await.map_err(failure)? {
        return Err(ApiError::not_found("NOT_PARKED", "There is no such row, or it is not parked."));
    }
    Ok(Reply::ok(Unparked { kind: what.as_str(), id }))
}
