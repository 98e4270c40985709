//! Contacts: add, read, search, change.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::command::{AddContact, ChangeContact, Command};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::credits::{self, NewCredits};
use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::{JsonFields, QueryFields};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, EMAIL, Name, STUDENT_ID};
use crate::http::find::{self, Named, no_contact};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::page::Page;
use crate::http::reply::{Reply, Success};
use crate::http::student::Profile;
use crate::store::contacts::{self, ContactRow};

const FIRST_NAME: Name = Name(&["first_name", "firstName", "firstname"]);
const LAST_NAME: Name = Name(&["last_name", "lastName", "lastname"]);
const NDECC_EXAM_DATE: Name = Name(&["ndecc_exam_date", "ndeccExamDate"]);
const SEARCH: Name = Name(&["search", "q"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// A contact as operators see it.
#[derive(Serialize, ToSchema)]
pub struct AdminContactView {
    /// The contact and its balances.
    #[serde(flatten)]
    pub profile: Profile,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<ContactRow> for AdminContactView {
    fn from(row: ContactRow) -> AdminContactView {
        AdminContactView { created_at: row.created_at, updated_at: row.updated_at, profile: row.into() }
    }
}

/// A new contact.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct AddContactRequest {
    /// The student's ID; kept in upper case.
    #[schema(example = "1599999")]
    pub student_id: String,
    /// The student's email; kept in lower case. Student ID and email together are the identity.
    #[schema(example = "olivia.park@example.org")]
    pub email: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The date of the real exam.
    #[schema(format = Date)]
    pub ndecc_exam_date: Option<String>,
    /// Credits to start with, by kind.
    #[schema(example = json!({"sj_credits": 2, "shared_mock_credits": 1}))]
    pub credits: Option<BTreeMap<String, i64>>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Add a contact.
#[utoipa::path(
    post, path = "/api/admin/contacts", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = AddContactRequest,
    responses(
        (status = 201, description = "Added", body = Success<AdminContactView>),
        (status = 200, description = "Added before, by the same request", body = Success<AdminContactView>),
        (status = 400, description = "`VALIDATION_ERROR`, `CREDIT_KIND_NOT_ALLOWED`", body = ErrorBody),
        (status = 409, description = "`CONTACT_EXISTS`, with its `id`", body = ErrorBody),
    )
)]
pub async fn add_contact(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<AdminContactView>, ApiError> {
    let catalogue = app.directory.catalogue(acting.org.id).await?;
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let command = AddContact {
        id: None,
        student_id: fields.required(STUDENT_ID, kinds::student_id),
        email: fields.required(EMAIL, kinds::email),
        first_name: fields.optional(FIRST_NAME, kinds::text(kinds::NAME_MAX)).unwrap_or_default(),
        last_name: fields.optional(LAST_NAME, kinds::text(kinds::NAME_MAX)).unwrap_or_default(),
        ndecc_exam_date: fields.optional(NDECC_EXAM_DATE, kinds::date),
        opening: credits::read(&mut fields, &catalogue, NewCredits::Opening),
        hubspot_id: None,
    };
    fields.finish()?;
    let key = key.key();
    let outcome = app.submit(&acting, admin_email, key.clone(), Command::AddContact(command)).await?;
    let replayed = outcome.replayed;
    let added = expect_answer!(outcome, ContactAdded)?;
    let contact =
        by_id(&app, &acting, added.contact_id).await.map_err(|error| ApiError::after_commit(error, key.text()))?;
    Ok(Reply::created_unless(replayed, contact.into()))
}

/// A contact that was just written.
pub async fn by_id(app: &App, acting: &Acting, id: Uuid) -> Result<ContactRow, ApiError> {
    let client = app.store.read().await?;
    contacts::by_id(&client, acting.org.id, id).await?.ok_or_else(no_contact)
}

/// Read a contact.
#[utoipa::path(
    get, path = "/api/admin/contacts/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number or UUID of the contact")),
    responses(
        (status = 200, description = "The contact and its credits", body = Success<AdminContactView>),
        (status = 404, description = "`CONTACT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn get_contact(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
) -> Result<Reply<AdminContactView>, ApiError> {
    Ok(Reply::ok(find::contact(&app, acting.org.id, &id).await?.into()))
}

/// Which contacts.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct ContactsQuery {
    /// How the student ID, the email or a name begins.
    pub search: Option<String>,
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Search contacts.
///
/// In the order of student ID and email.
#[utoipa::path(
    get, path = "/api/admin/contacts", tag = "admin", security(("api_key" = [])), params(ContactsQuery),
    responses((status = 200, description = "A page of contacts", body = Success<Vec<AdminContactView>>))
)]
pub async fn list_contacts(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<AdminContactView>>, ApiError> {
    let search = fields.optional(SEARCH, kinds::text(kinds::NAME_MAX)).unwrap_or_default();
    let page: Page<(String, String)> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let after = page.cursor.as_ref().map_or(("", ""), |(student_id, email)| (student_id, email));
    let client = app.store.report().await?;
    let mut rows = contacts::search(&client, acting.org.id, &search, after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.student_id.clone(), row.email.clone()));
    Ok(Reply::ok(rows.into_iter().map(AdminContactView::from).collect()).next(next))
}

/// What to change; what is absent stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct ChangeContactRequest {
    /// The student's ID.
    pub student_id: Option<String>,
    /// The student's email.
    pub email: Option<String>,
    /// Given name; `null` for none.
    pub first_name: Option<String>,
    /// Family name; `null` for none.
    pub last_name: Option<String>,
    /// The date of the real exam; `null` forgets it.
    #[schema(format = Date)]
    pub ndecc_exam_date: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Change a contact.
///
/// Credits have a route of their own.
#[utoipa::path(
    patch, path = "/api/admin/contacts/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number or UUID of the contact"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = ChangeContactRequest,
    responses(
        (status = 200, description = "The contact as it is now", body = Success<AdminContactView>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`CONTACT_EXISTS`: another contact has this identity", body = ErrorBody),
    )
)]
pub async fn change_contact(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<AdminContactView>, ApiError> {
    let known = [STUDENT_ID, EMAIL, FIRST_NAME, LAST_NAME, NDECC_EXAM_DATE];
    if !known.iter().any(|name| fields.mentions(*name)) {
        let names: Vec<_> = known.iter().map(|name| name.own()).collect();
        fields.problem("body", format!("must name something to change: {}", names.join(", ")));
    }
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let student_id = fields.optional(STUDENT_ID, kinds::student_id);
    let email = fields.optional(EMAIL, kinds::email);
    let first_name = fields.clearable(FIRST_NAME, kinds::text(kinds::NAME_MAX)).map(Option::unwrap_or_default);
    let last_name = fields.clearable(LAST_NAME, kinds::text(kinds::NAME_MAX)).map(Option::unwrap_or_default);
    let ndecc_exam_date = fields.clearable(NDECC_EXAM_DATE, kinds::date);
    fields.finish()?;
    let now = find::contact(&app, acting.org.id, &id).await?;
    let command = ChangeContact { contact_id: now.id, student_id, email, first_name, last_name, ndecc_exam_date };
    let key = key.key();
    let outcome = app.submit(&acting, admin_email, key.clone(), Command::ChangeContact(command)).await?;
    let replayed = outcome.replayed;
    let changed = expect_answer!(outcome, ContactChanged)?;
    let contact =
        by_id(&app, &acting, changed.contact_id).await.map_err(|error| ApiError::after_commit(error, key.text()))?;
    Ok(Reply::ok(contact.into()).replayed(replayed))
}
