//! Who travels: a user whose token came with the request, or one for whom a key of the marketplace's own servers acts.

use uuid::Uuid;

use crate::http::access::{Access, Acting};
use crate::http::error::ApiError;
use crate::http::fields::{Fields, Name};
use crate::http::kinds;

/// The user.
pub const USER_ID: Name = Name(&["userId", "user_id"]);

/// Who travels, and who asks.
pub struct Traveller {
    /// The user.
    pub user_id: Uuid,
    /// Who a command is recorded as.
    pub acting: Acting,
    /// The user that a key acts for.
    pub on_behalf_of: Option<String>,
}

impl Traveller {
    /// Reads who travels. A token stands for its own user and for nobody else; a key says for whom it acts.
    pub fn of(access: &Access, fields: &mut Fields) -> Result<Traveller, ApiError> {
        if let Some(user_id) = access.user() {
            let named = fields.optional(USER_ID, kinds::uuid);
            if named.is_some_and(|named| named != user_id) {
                return Err(ApiError::forbidden("This token is another user's than userId."));
            }
            let acting = access.acting(format!("user:{user_id}"));
            return Ok(Traveller { user_id, acting, on_behalf_of: None });
        }
        let acting = by_key(access)?;
        let user_id = fields.required(USER_ID, kinds::uuid);
        Ok(Traveller { user_id, acting, on_behalf_of: Some(format!("user:{user_id}")) })
    }
}

/// A key of the marketplace's own servers.
pub fn by_key(access: &Access) -> Result<Acting, ApiError> {
    if let Some(principal) = access.principal_of_key() {
        return Ok(access.acting(principal));
    }
    if access.user().is_some() {
        return Err(ApiError::forbidden("This needs a service key."));
    }
    Err(ApiError::unauthenticated("Send the user's token, or a service key: Authorization: Bearer …"))
}

/// The address of a page to come back to.
pub fn url(value: &serde_json::Value) -> Result<String, String> {
    const PROBLEM: &str = "must be an address such as https://example.org/trips/thanks";
    let text = kinds::text(2000)(value).map_err(|_| PROBLEM.to_owned())?;
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let sane = !host.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if sane { Ok(text) } else { Err(PROBLEM.to_owned()) }
}
