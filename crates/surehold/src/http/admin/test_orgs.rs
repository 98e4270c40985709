//! Test organisations: a school of its own for a load test, hidden from everybody else.

use std::sync::Arc;

use axum::extract::State;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::currency;
use crate::http::access::Admin;
use crate::http::app::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::find::Named;
use crate::http::reply::{Reply, Success};
use crate::store::api_keys::{self, Role};
use crate::store::orgs;
use crate::store::provision::{self, NewOrg};

/// A test organisation and its keys.
#[derive(Serialize, ToSchema)]
pub struct TestOrgMade {
    /// The organisation's UUID.
    pub org_id: Uuid,
    /// Its short name.
    pub slug: String,
    /// A key for its admin routes; shown only here.
    pub admin_key: String,
    /// A key for its students' routes; shown only here.
    pub service_key: String,
}

/// Make a test organisation.
///
/// An exam school with the usual types and kinds of credit, in UTC, that is reached only by the keys in the
/// answer. Close it when you are done.
#[utoipa::path(
    post, path = "/api/admin/test-orgs", tag = "admin", security(("api_key" = [])),
    responses((status = 201, description = "Made", body = Success<TestOrgMade>))
)]
pub async fn make_test_org(State(app): State<Arc<App>>, Admin(admin): Admin) -> Result<Reply<TestOrgMade>, ApiError> {
    if admin.org.is_test {
        return Err(ApiError::forbidden("A test organisation cannot make others."));
    }
    let slug = format!("test-{}", Uuid::new_v4().simple());
    let org = NewOrg {
        name: format!("Test organisation {slug}"),
        slug: slug.clone(),
        time_zone: "UTC".to_owned(),
        currency: currency::USUAL.to_owned(),
        hosts: Vec::new(),
        is_test: true,
    };
    let mut client = app.store.command().await?;
    let org_id = provision::create_org(&mut client, &org).await?;
    let admin = api_keys::create(&client, org_id, "test admin", Role::Admin).await?;
    let service = api_keys::create(&client, org_id, "test service", Role::Service).await?;
    app.directory.forget_orgs();
    Ok(Reply::created(TestOrgMade {
        org_id,
        slug,
        admin_key: admin.text.expose_secret().to_owned(),
        service_key: service.text.expose_secret().to_owned(),
    }))
}

/// A test organisation that was closed.
#[derive(Serialize, ToSchema)]
pub struct TestOrgClosed {
    /// The organisation's UUID.
    pub org_id: Uuid,
    /// Always true.
    pub closed: bool,
}

/// Close a test organisation.
///
/// Its keys stop working; its rows stay, so that its laws can still be checked.
#[utoipa::path(
    delete, path = "/api/admin/test-orgs/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = Uuid, Path, description = "UUID of the organisation")),
    responses(
        (status = 200, description = "Closed", body = Success<TestOrgClosed>),
        (status = 404, description = "`ORG_NOT_FOUND`: there is no such open test organisation", body = ErrorBody),
    )
)]
pub async fn close_test_org(
    State(app): State<Arc<App>>,
    Admin(admin): Admin,
    Named(id): Named,
) -> Result<Reply<TestOrgClosed>, ApiError> {
    let not_found = || ApiError::not_found("ORG_NOT_FOUND", "There is no such open test organisation.");
    let org_id = Uuid::try_parse(&id).map_err(|_| not_found())?;
    // A test organisation's own key may close it, and no other.
    if admin.org.is_test && admin.org.id != org_id {
        return Err(not_found());
    }
    let client = app.store.command().await?;
    if !orgs::close(&client, org_id).await? {
        return Err(not_found());
    }
    app.directory.forget_orgs();
    Ok(Reply::ok(TestOrgClosed { org_id, closed: true }))
}
