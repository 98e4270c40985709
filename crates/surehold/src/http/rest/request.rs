//! What the headers of these requests say: who asks, in which schema, and in which form the answer is wanted.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use super::{errors, rpc};
use crate::http::access::{Access, Acting, has_credential};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::SCHEMAS;

/// A caller with an API key, of either role. A student's or a traveller's token opens nothing here.
pub struct Caller {
    /// Who it is.
    pub access: Access,
    /// Who its commands are recorded as.
    pub acting: Acting,
    /// In which schema it asks.
    pub profile: Profile,
}

/// The schema in which a caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub schema: &'static str,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, ApiError> {
        if !has_credential(&parts.headers) {
            app.limits.count_address(parts)?;
            return Err(errors::anonymous());
        }
        let access = match Access::from_request_parts(parts, app).await {
            Ok(access) => access,
            Err(error) if error.status == StatusCode::UNAUTHORIZED => return Err(errors::wrong_credential(error)),
            Err(error) => return Err(error),
        };
        let Some(principal) = access.principal_of_key() else {
            let path = parts.uri.path();
            let kind = if rpc::is_function(path) { "function" } else { "table" };
            return Err(errors::denied(kind, path.rsplit('/').next().unwrap_or_default()));
        };
        let acting = access.acting(principal);
        Ok(Caller { access, acting, profile: profile(&parts.headers, &parts.method)? })
    }
}

/// supabase-js always names a schema: of reads by `Accept-Profile`, of everything else by `Content-Profile`.
fn profile(headers: &HeaderMap, method: &axum::http::Method) -> Result<Profile, ApiError> {
    let name = if method.is_safe() { "accept-profile" } else { "content-profile" };
    let Some(given) = headers.get(name) else { return Ok(Profile { schema: SCHEMAS[0] }) };
    let given = String::from_utf8_lossy(given.as_bytes());
    match SCHEMAS.into_iter().find(|schema| *schema == given.trim()) {
        Some(schema) => Ok(Profile { schema }),
        None => Err(errors::no_schema(given.trim())),
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An array of rows.
    Rows,
    /// The only row (`single()`).
    Object,
}

/// The form that `Accept` asks for: of the first kind in it that there is.
pub fn form(headers: &HeaderMap) -> Result<Form, ApiError> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(Form::Rows) };
    let accept = String::from_utf8_lossy(accept.as_bytes());
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    for kind in kinds.clone() {
        match kind.to_ascii_lowercase().as_str() {
            "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => return Ok(Form::Object),
            "" | "*/*" | "application/*" | "application/json" | "application/vnd.pgrst.array+json" => {
                return Ok(Form::Rows);
            }
            _ => {}
        }
    }
    let message = format!("None of these media types are available: {}", kinds.collect::<Vec<_>>().join(", "));
    Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, "PGRST107", message))
}

/// Whether `Prefer` asks for the number of all rows. Estimates are answered exactly.
pub fn is_counted(headers: &HeaderMap) -> bool {
    ["count=exact", "count=planned", "count=estimated"].iter().any(|wanted| prefers(headers, wanted))
}

/// Whether `Prefer` says so.
pub fn prefers(headers: &HeaderMap, wanted: &str) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split(',')).any(|preference| preference.trim() == wanted)
}
