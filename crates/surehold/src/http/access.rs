//! Who asks, and of which organisation: API keys, students' tokens, or a student's ID with its email.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use uuid::Uuid;

use super::app::App;
use super::error::ApiError;
use super::fields::{ADMIN_EMAIL, EMAIL, Fields, STUDENT_ID};
use super::{kinds, newcomer, tokens};
use crate::store::api_keys::{self, Role};
use crate::store::orgs::OrgRow;

/// What came with a request, and the organisation that follows from it.
pub struct Access {
    /// The organisation.
    pub org: Arc<OrgRow>,
    credential: Credential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    None,
    /// A student's token.
    Student(Uuid),
    /// A traveller's token, of the marketplace's identity provider.
    User(Uuid),
    Key(Uuid, Role),
}

/// Who a command is recorded as.
#[derive(Clone)]
pub struct Acting {
    /// The organisation.
    pub org: Arc<OrgRow>,
    /// `student:<contact id>` or `key:<api key id>`.
    pub principal: Arc<str>,
}

/// Which student a request says it is about.
pub struct Claim {
    token: Option<Uuid>,
    named: Option<(String, String)>,
    admin_email: Option<String>,
}

/// What a request may see and do on students' routes.
pub struct Scope {
    /// Who asks.
    pub acting: Acting,
    /// The student whose bookings are in question; `None`: all of the organisation, for an admin key.
    pub contact_id: Option<Uuid>,
    /// Whether students' rules hold (the cut-off for cancelling).
    pub by_student: bool,
    /// The person that a key acts for.
    pub on_behalf_of: Option<String>,
}

const WRONG_CREDENTIAL: &str = "This API key or token is not valid, or not any more.";

impl FromRequestParts<Arc<App>> for Access {
    type Rejection = ApiError;

    /// Finds out who asks. Callers without a key count against their address's limit, and so do wrong keys.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Access, ApiError> {
        let Some(text) = credential_text(&parts.headers)? else {
            app.limits.count_address(parts)?;
            let org = app.directory.orgs().await?.by_host(host(parts));
            return Ok(Access { org: org.ok_or_else(org_unknown)?, credential: Credential::None });
        };
        if let Some((role, id, secret)) = api_keys::parse(text) {
            if let Some(org) = key_owner(app, role, id, secret).await? {
                return Ok(Access { org, credential: Credential::Key(id, role) });
            }
        } else if let Some(org_id) = tokens::claimed_org(text)
            && let Some(org) = app.directory.org(org_id).await?
            && let Some(contact_id) = tokens::verify(&org, text)
        {
            app.limits.count_address(parts)?;
            return Ok(Access { org, credential: Credential::Student(contact_id) });
        } else if let Some(org) = app.directory.orgs().await?.by_host(host(parts))
            && let Some(credential) = credential_of_jwt(app, &org, text)
        {
            app.limits.count_address(parts)?;
            return Ok(Access { org, credential });
        }
        app.limits.count_address(parts)?;
        Err(ApiError::unauthenticated(WRONG_CREDENTIAL))
    }
}

/// [`Access`] on a route that can answer without the database, too.
pub struct AccessAnyway {
    /// What came with the request.
    pub access: Access,
    /// Why it is only nearly so: the database does not answer, and the organisation is the one that was known last.
    pub database_away: Option<ApiError>,
}

impl FromRequestParts<Arc<App>> for AccessAnyway {
    type Rejection = ApiError;

    /// Without the database, the organisation is found in what was known of all of them last: by the host, else it is
    /// the only one. A host hardly ever changes hands, and what is answered then is HubSpot's, not ours. Keys and
    /// tokens are not taken on trust: that one was revoked may be what we could not read.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<AccessAnyway, ApiError> {
        let error = match Access::from_request_parts(parts, app).await {
            Ok(access) => return Ok(AccessAnyway { access, database_away: None }),
            Err(error) => error,
        };
        if !error.is_database_unavailable() || credential_text(&parts.headers)?.is_some() {
            return Err(error);
        }
        match app.directory.orgs_known_last().and_then(|orgs| orgs.by_host(host(parts))) {
            Some(org) => {
                let access = Access { org, credential: Credential::None };
                Ok(AccessAnyway { access, database_away: Some(error) })
            }
            None => Err(error),
        }
    }
}

/// Whom a token of the marketplace's identity provider names; `None`: it is no such token, or not a good one.
fn credential_of_jwt(app: &App, org: &OrgRow, token: &str) -> Option<Credential> {
    let secrets = &app.options.jwt_secrets;
    let user = secrets.user_of(&org.slug, token).map(Credential::User);
    user.or_else(|| secrets.is_anonymous(&org.slug, token).then_some(Credential::None))
}

/// The organisation of an API key that is right in every part.
async fn key_owner(app: &App, role: Role, id: Uuid, secret: &str) -> Result<Option<Arc<OrgRow>>, ApiError> {
    let Some(key) = app.directory.api_key(id).await? else { return Ok(None) };
    if !api_keys::secret_matches(&key, secret) || key.role != role || key.revoked_at.is_some() {
        return Ok(None);
    }
    Ok(app.directory.org(key.org_id).await?)
}

/// Whether a request brings any credential, good or not.
pub fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key("apikey")
}

/// The text of `Authorization: Bearer …`, or of `apikey`.
fn credential_text(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let wrong = || ApiError::unauthenticated(WRONG_CREDENTIAL);
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| wrong())?.trim();
        let (scheme, credential) = text.split_once(' ').ok_or_else(wrong)?;
        if !scheme.eq_ignore_ascii_case("bearer") || credential.trim().is_empty() {
            return Err(wrong());
        }
        return Ok(Some(credential.trim()));
    }
    headers.get("apikey").map(|value| value.to_str().map(str::trim).map_err(|_| wrong())).transpose()
}

/// The host a request was sent to, without its port.
fn host(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = header.or_else(|| parts.uri.authority().map(|authority| authority.as_str()))?;
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(name),
        _ => Some(authority),
    }
}

/// The organisation of a request that brings no key and no token.
pub async fn org_by_host(app: &App, parts: &Parts) -> Result<Arc<OrgRow>, ApiError> {
    app.directory.orgs().await?.by_host(host(parts)).ok_or_else(org_unknown)
}

/// The organisation that a path names.
pub async fn org_by_slug(app: &App, slug: &str) -> Result<Arc<OrgRow>, ApiError> {
    app.directory.orgs().await?.by_slug(slug).ok_or_else(org_unknown)
}

/// It is not clear which organisation is meant.
pub fn org_unknown() -> ApiError {
    let sentence = "It is not clear which organisation this request is for. Send an API key or a token, or use the \
                    organisation's own host name.";
    ApiError::new(StatusCode::BAD_REQUEST, "ORG_UNKNOWN", sentence)
}

impl Access {
    /// Who a command is recorded as if an API key came with the request; `None`: none came.
    pub fn principal_of_key(&self) -> Option<String> {
        match self.credential {
            Credential::Key(id, _) => Some(format!("key:{id}")),
            Credential::None | Credential::Student(_) | Credential::User(_) => None,
        }
    }

    /// The traveller whose token came with the request.
    pub fn user(&self) -> Option<Uuid> {
        match self.credential {
            Credential::User(id) => Some(id),
            _ => None,
        }
    }

    /// Whether an admin key came with the request.
    pub fn is_admin(&self) -> bool {
        matches!(self.credential, Credential::Key(_, Role::Admin))
    }

    /// Who a command is recorded as.
    pub fn acting(&self, principal: String) -> Acting {
        Acting { org: self.org.clone(), principal: Arc::from(principal) }
    }

    /// Reads the student that a request is about: `student_id` and `email`, which a token may replace.
    /// Bad and missing fields are noted in `fields`.
    pub fn claim(&self, fields: &mut Fields) -> Claim {
        let token = match self.credential {
            Credential::Student(contact_id) => Some(contact_id),
            _ => None,
        };
        let given = fields.has(STUDENT_ID) || fields.has(EMAIL);
        let named = (given || token.is_none())
            .then(|| (fields.required(STUDENT_ID, kinds::student_id), fields.required(EMAIL, kinds::email)));
        Claim { token, named, admin_email: self.admin_email(fields) }
    }

    /// The same where the student is only who asks, not what is asked: without any of it the request is
    /// not authenticated; an admin key needs none of it.
    pub fn claim_if_needed(&self, fields: &mut Fields) -> Result<Claim, ApiError> {
        if fields.has(STUDENT_ID) || fields.has(EMAIL) {
            return Ok(self.claim(fields));
        }
        match self.credential {
            Credential::None | Credential::User(_) => {
                Err(ApiError::unauthenticated("Send the bearer token from /api/user/login, or student_id and email."))
            }
            Credential::Student(_) | Credential::Key(_, Role::Service) => Ok(self.claim(fields)),
            Credential::Key(_, Role::Admin) => {
                Ok(Claim { token: None, named: None, admin_email: self.admin_email(fields) })
            }
        }
    }

    fn admin_email(&self, fields: &mut Fields) -> Option<String> {
        match self.credential {
            Credential::Key(_, Role::Admin) => fields.optional(ADMIN_EMAIL, kinds::email),
            _ => None,
        }
    }

    /// Counts a call against the student's limit, before anything is looked up for it.
    pub fn count_student(&self, app: &App, claim: &Claim) -> Result<(), ApiError> {
        match (self.credential, &claim.named) {
            (Credential::Key(..), _) => Ok(()),
            (Credential::Student(contact_id), _) => app.limits.count_student(contact_id),
            (Credential::None | Credential::User(_), Some((student_id, _))) => {
                app.limits.count_student((self.org.id, student_id))
            }
            (Credential::None | Credential::User(_), None) => Ok(()),
        }
    }

    /// The scope of a claim, for routes about what a student has here already: who is not on the books has nothing, so
    /// HubSpot is not asked. `None`: the student that it names does not exist, or is not the token's.
    pub async fn scope(&self, app: &App, claim: Claim) -> Result<Option<Scope>, ApiError> {
        self.count_student(app, &claim)?;
        let named = match &claim.named {
            None => None,
            Some((student_id, email)) => app.contacts.find(self.org.id, student_id, email).await?,
        };
        Ok(self.scope_of(claim, named))
    }

    /// The same for routes on which a student may be new: one whom only HubSpot knows is put on the books. A token's
    /// student is on them.
    pub async fn scope_of_anybody(&self, app: &App, claim: Claim) -> Result<Option<Scope>, ApiError> {
        let (Some((student_id, email)), None) = (&claim.named, claim.token) else {
            return self.scope(app, claim).await;
        };
        self.count_student(app, &claim)?;
        let named = newcomer::contact_id(app, &self.org, student_id, email).await?;
        Ok(self.scope_of(claim, named))
    }

    /// The scope of a claim whose named student is this contact.
    fn scope_of(&self, claim: Claim, named: Option<Uuid>) -> Option<Scope> {
        let is_unknown = claim.named.is_some() && named.is_none();
        if is_unknown || (claim.token.is_some() && named.is_some() && claim.token != named) {
            return None;
        }
        let contact_id = claim.token.or(named);
        let student = contact_id.map(|id| format!("student:{id}"));
        let (principal, by_student, on_behalf_of) = match (self.credential, student) {
            (Credential::Key(id, Role::Admin), student) => (format!("key:{id}"), false, claim.admin_email.or(student)),
            (Credential::Key(id, Role::Service), student) => (format!("key:{id}"), true, student),
            (_, Some(student)) => (student, true, None),
            (_, None) => return None,
        };
        let acting = Acting { org: self.org.clone(), principal: Arc::from(principal) };
        Some(Scope { acting, contact_id, by_student, on_behalf_of })
    }
}

impl Claim {
    /// The (student ID, email) that the request names, if it does.
    pub fn named(&self) -> Option<(&str, &str)> {
        self.named.as_ref().map(|(student_id, email)| (student_id.as_str(), email.as_str()))
    }

    /// The contact of the token, if there is one.
    pub fn token(&self) -> Option<Uuid> {
        self.token
    }
}

/// An admin key: the way into admin routes.
pub struct Admin(pub Acting);

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Admin, ApiError> {
        if credential_text(&parts.headers)?.is_none() {
            app.limits.count_address(parts)?;
            return Err(ApiError::unauthenticated("Send an admin key: Authorization: Bearer surehold_admin_…"));
        }
        let access = Access::from_request_parts(parts, app).await?;
        match access.credential {
            Credential::Key(id, Role::Admin) => {
                Ok(Admin(Acting { org: access.org, principal: Arc::from(format!("key:{id}")) }))
            }
            _ => Err(ApiError::forbidden("This needs an admin key.")),
        }
    }
}
