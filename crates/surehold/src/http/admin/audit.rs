//! The audit log: the journal, by entity, actor and time.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::access::Admin;
use crate::http::app::App;
use crate::http::body::QueryFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{Fields, Name};
use crate::http::find;
use crate::http::kinds;
use crate::http::page::Page;
use crate::http::reply::{Reply, Success};
use crate::store::journal::{self, JournalEntry, JournalFilter};

const ENTITY: Name = Name(&["entity", "entity_type"]);
const ENTITY_ID: Name = Name(&["entity_id", "entityId"]);
const ACTOR: Name = Name(&["actor", "principal"]);
const SINCE: Name = Name(&["since", "from"]);
const UNTIL: Name = Name(&["until", "to"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// Which changes. What is absent does not narrow.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// `booking`, `slot` (also called `session`), `contact`, `trip`, `payment`, `refund`, `offering` (also called
    /// `experience`) or `note`: what callers added to `audit_logs`, whatever it is about.
    pub entity: Option<String>,
    /// Which one: its UUID; with `entity` one of the first three, also its HubSpot number or human ID.
    pub entity_id: Option<String>,
    /// Who did it: `student:<contact id>`, `key:<api key id>`, `system:<part>`, or the email that an admin
    /// key acted for.
    pub actor: Option<String>,
    /// At or after this instant (RFC 3339).
    #[param(format = DateTime)]
    pub since: Option<String>,
    /// Before this instant (RFC 3339).
    #[param(format = DateTime)]
    pub until: Option<String>,
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    /// The entry's UUID.
    pub id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened.
    #[schema(example = "booking.confirmed")]
    pub event: String,
    /// To what: `booking`, `slot`, `contact`, `trip`, `payment`, `refund`, `offering`, or to nothing here: `note`.
    pub entity: String,
    /// Which one.
    pub entity_id: Uuid,
    /// Who did it.
    #[schema(example = "student:0199f6a2-8f2e-7c31-b1d2-6a5b3f0e9c11")]
    pub actor: String,
    /// The person the actor did it for.
    pub on_behalf_of: Option<String>,
    /// The event of Stripe's that caused it, `evt_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe_event_id: Option<String>,
    /// Shared by all changes of one request.
    pub command_id: Uuid,
    /// The request's idempotency key, on its first change.
    pub idempotency_key: Option<String>,
    /// What mattered before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The same afterwards.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

impl From<JournalEntry> for AuditEntry {
    fn from(entry: JournalEntry) -> AuditEntry {
        AuditEntry {
            id: entry.id,
            at: entry.at,
            event: entry.event,
            entity: entry.entity,
            entity_id: entry.entity_id,
            actor: entry.principal,
            on_behalf_of: entry.on_behalf_of,
            stripe_event_id: entry.stripe_event_id,
            command_id: entry.command_id,
            idempotency_key: entry.key,
            before: entry.before,
            after: entry.after,
        }
    }
}

/// Read the audit log.
///
/// Every change of a booking, a session, a contact's credits, money or an experience, with who and when, before and after; the
/// newest first. Entries are written in the transaction of their change and are never altered.
#[utoipa::path(
    get, path = "/api/admin/audit", tag = "admin", security(("api_key" = [])), params(AuditQuery),
    responses(
        (status = 200, description = "A page of changes", body = Success<Vec<AuditEntry>>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`, `EXAM_NOT_FOUND`, `CONTACT_NOT_FOUND`: `entity_id` names nothing", body = ErrorBody),
    )
)]
pub async fn audit(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<AuditEntry>>, ApiError> {
    let (mut filter, reference) = read_filter(&mut fields);
    let page: Page<Uuid> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    if let Some(reference) = reference {
        filter.entity_id = Some(entity_id(&app, acting.org.id, filter.entity, &reference).await?);
    }
    let client = app.store.report().await?;
    let mut rows = journal::list(&client, acting.org.id, &filter, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    Ok(Reply::ok(rows.into_iter().map(AuditEntry::from).collect()).next(next))
}

fn read_filter(fields: &mut Fields) -> (JournalFilter, Option<String>) {
    let words = kinds::one_of(&[
        "booking",
        "slot",
        "session",
        "contact",
        "trip",
        "payment",
        "refund",
        "offering",
        "experience",
        "note",
    ]);
    let entity = fields.optional(ENTITY, words).map(|word| match word {
        "session" => "slot",
        "experience" => "offering",
        word => word,
    });
    let has_names = matches!(entity, Some("booking" | "slot" | "contact"));
    let reference = fields.optional(ENTITY_ID, |value| {
        let text = kinds::reference(value)?;
        match has_names || Uuid::try_parse(&text).is_ok() {
            true => Ok(text),
            false => Err("must be a UUID, unless entity is booking, slot or contact".to_owned()),
        }
    });
    let filter = JournalFilter {
        entity,
        entity_id: None,
        actor: fields.optional(ACTOR, kinds::text(kinds::NAME_MAX)),
        since: fields.optional(SINCE, kinds::instant),
        until: fields.optional(UNTIL, kinds::instant),
    };
    (filter, reference)
}

async fn entity_id(app: &App, org_id: Uuid, entity: Option<&str>, reference: &str) -> Result<Uuid, ApiError> {
    if let Ok(id) = Uuid::try_parse(reference) {
        return Ok(id);
    }
    match entity {
        Some("booking") => Ok(find::booking(app, org_id, reference, None).await?.id),
        Some("slot") => find::session_id(app, org_id, reference).await,
        _ => Ok(find::contact(app, org_id, reference).await?.id),
    }
}
