//! Credits: grant and take, by differences. An absolute value would overwrite what a student booked
//! meanwhile, so there is no way to set one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{AdjustCredits, Command};
use surehold_core::rows::{CreditKind, EntryReason};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::access::Admin;
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::store::offerings::Catalogue;

const CREDITS: Name = Name(&["credits"]);
const NOTE: Name = Name(&["note", "reason"]);
const AMOUNT_MAX: i64 = 1_000_000;

/// What numbers of credits in a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewCredits {
    /// Balances of a new contact.
    Opening,
    /// Differences.
    Differences,
}

/// Reads numbers of credits by kind, from the member `credits` or from members of their own. Zeros are left
/// out.
pub fn read(fields: &mut Fields, catalogue: &Catalogue, what: NewCredits) -> BTreeMap<CreditKind, i64> {
    let min = if what == NewCredits::Opening { 0 } else { -AMOUNT_MAX };
    let nested = fields.object(CREDITS).unwrap_or_default();
    let mut amounts = BTreeMap::new();
    for (name, value) in &nested {
        // A kind that the organisation does not have is refused by the desk, which names those it has.
        let kind = catalogue.credit_kind(name).cloned().unwrap_or_else(|| CreditKind::from(name.as_str()));
        if value.is_null() {
            continue;
        }
        match kinds::integer(min, AMOUNT_MAX)(value) {
            Ok(amount) if kinds::text(kinds::NAME_MAX)(&name.as_str().into()).is_ok() => {
                if amounts.insert(kind.clone(), amount).is_some() {
                    fields.problem(format!("credits.{kind}"), "is given twice");
                }
            }
            Ok(_) => fields.problem("credits", "names a kind that cannot be"),
            Err(problem) => fields.problem(format!("credits.{kind}"), problem),
        }
    }
    for (kind, _) in &catalogue.credit_kinds {
        if let Some(amount) = fields.optional_member(kind, kinds::integer(min, AMOUNT_MAX))
            && amounts.insert(kind.clone(), amount).is_some_and(|other| other != amount)
        {
            fields.problem(kind.to_string(), "is given twice with different values");
        }
    }
    amounts.retain(|_, amount| *amount != 0);
    amounts
}

/// Differences by kind of credit: positive grants, negative takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(example = json!({"sj_credits": 2, "shared_mock_credits": -1, "note": "Invoice 1042"}))]
pub struct AdjustCreditsRequest {
    /// Situational Judgment.
    pub sj_credits: Option<i64>,
    /// Clinical Skills.
    pub cs_credits: Option<i64>,
    /// Mini-mock.
    pub sjmini_credits: Option<i64>,
    /// Mock Discussion.
    pub mock_discussion_token: Option<i64>,
    /// Shared.
    pub shared_mock_credits: Option<i64>,
    /// The same as an object, for whatever kinds the school has.
    pub credits: Option<BTreeMap<String, i64>>,
    /// Why, for the audit log.
    pub note: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Balances after a change.
#[derive(Serialize, ToSchema)]
pub struct CreditsChanged {
    /// The contact's UUID.
    pub id: Uuid,
    /// All balances now, by kind.
    pub credits: BTreeMap<String, i64>,
    /// What was added or taken, by kind.
    pub applied: BTreeMap<String, i64>,
}

/// Grant or take credits.
///
/// The numbers are differences. A balance never goes below zero: `INSUFFICIENT_CREDITS` says how many there
/// are, and nothing is changed. Send an `Idempotency-Key`: without one, a repeated request grants twice.
#[utoipa::path(
    post, path = "/api/admin/contacts/{id}/credits", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number or UUID of the contact"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = AdjustCreditsRequest,
    responses(
        (status = 200, description = "Done", body = Success<CreditsChanged>),
        (status = 400, description = "`VALIDATION_ERROR`, `CREDIT_KIND_NOT_ALLOWED`", body = ErrorBody),
        (status = 402, description = "`INSUFFICIENT_CREDITS`: more was to be taken than there is", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn adjust_credits(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<CreditsChanged>, ApiError> {
    let catalogue = app.directory.catalogue(acting.org.id).await?;
    let deltas = read(&mut fields, &catalogue, NewCredits::Differences);
    let note = fields.optional(NOTE, kinds::note);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.check()?;
    if deltas.is_empty() {
        let kinds: Vec<_> = catalogue.credit_kinds.iter().map(|(kind, _)| kind.to_string()).collect();
        fields.problem("credits", format!("must name a difference for one of: {}", kinds.join(", ")));
    }
    fields.finish()?;
    let contact_id = find::contact(&app, acting.org.id, &id).await?.id;
    let command = AdjustCredits { contact_id, deltas, reason: EntryReason::Grant, stop_at_zero: false, note };
    let outcome = app.submit(&acting, admin_email, key.key(), Command::AdjustCredits(command)).await?;
    let replayed = outcome.replayed;
    let adjusted = expect_answer!(outcome, CreditsAdjusted)?;
    let by_name = |amounts: surehold_core::rows::Balances| {
        amounts.into_iter().map(|(kind, amount)| (kind.to_string(), amount)).collect()
    };
    let changed = CreditsChanged {
        id: adjusted.contact_id,
        credits: by_name(adjusted.balances),
        applied: by_name(adjusted.applied),
    };
    Ok(Reply::ok(changed).replayed(replayed))
}
