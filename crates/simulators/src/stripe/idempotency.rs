//! `Idempotency-Key`: docs.stripe.com/api/idempotent_requests.
//!
//! - The first status and body are kept once execution has begun, also those of errors; repeats get them again.
//! - A request that fails validation has not begun: its key stays free.
//! - Other parameters, or another path, under the same key: 400, `idempotency_error`.
//! - The same key while the first request is in flight: 409.
//! - Stripe forgets keys after 24 hours or more; the simulator keeps them.

use std::collections::HashMap;

use axum::http::StatusCode;

use super::errors::ApiError;

const LENGTH_MAX: usize = 255;

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) status: StatusCode,
    pub(super) body: String,
    /// The request that was answered first.
    pub(super) request_id: String,
}

#[derive(Debug)]
struct Use {
    path: String,
    /// Sorted: their order does not matter.
    parameters: Vec<(String, String)>,
    /// None while the first request is in flight.
    saved: Option<Saved>,
}

/// The keys that were used.
#[derive(Debug, Default)]
pub(super) struct Keys {
    uses: HashMap<String, Use>,
}

impl Keys {
    /// Takes a key for a request. An answer means that there is nothing to do but to give it again.
    pub(super) fn begin(
        &mut self,
        key: &str,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<Option<Saved>, ApiError> {
        if key.len() > LENGTH_MAX {
            let message = format!("Idempotency keys can be at most {LENGTH_MAX} characters long.");
            return Err(refused(StatusCode::BAD_REQUEST, message));
        }
        let mut parameters = parameters.to_vec();
        parameters.sort_unstable();
        let Some(known) = self.uses.get(key) else {
            self.uses.insert(key.to_owned(), Use { path: path.to_owned(), parameters, saved: None });
            return Ok(None);
        };
        let other = format!("Try using a key other than '{key}' if you meant to execute a different request.");
        if known.path != path {
            let message = format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for \
                 ('{path}' vs '{}'). {other}",
                known.path
            );
            return Err(refused(StatusCode::BAD_REQUEST, message));
        }
        if known.parameters != parameters {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. {other}"
            );
            return Err(refused(StatusCode::BAD_REQUEST, message));
        }
        match &known.saved {
            Some(saved) => Ok(Some(saved.clone())),
            None => {
                let message = format!(
                    "There is currently another in-progress request using this Idempotent Key (that probably means \
                     you submitted twice, and the other request is still going through): {key}. Please try again later."
                );
                Err(refused(StatusCode::CONFLICT, message).code("idempotency_key_in_use"))
            }
        }
    }

    /// Keeps the answer.
    pub(super) fn save(&mut self, key: &str, answer: Saved) {
        if let Some(known) = self.uses.get_mut(key) {
            known.saved = Some(answer);
        }
    }

    /// Keys whose first request is in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.uses.values().filter(|known| known.saved.is_none()).count()
    }

    /// Sets the key free: execution did not begin.
    pub(super) fn forget(&mut self, key: &str) {
        self.uses.remove(key);
    }
}

fn refused(status: StatusCode, message: String) -> ApiError {
    ApiError::new(status, "idempotency_error", message)
}
