//! What the answers of all batches have in common: results in any order, and errors beside them.

use serde::Deserialize;
use serde_json::Value;

use super::error::{Refusal, cut};
use super::wire::{or_default, texts_of};

/// The status of a batch that has been worked off.
const COMPLETE: &str = "COMPLETE";

/// A batch's answer. `errors` are read whatever the HTTP status is: 207 says that there are some, but the dated
/// versions say 200 or 201 with errors inside.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    /// Each as it came: one that cannot be read does not make the others unreadable.
    #[serde(default, deserialize_with = "or_default")]
    pub results: Vec<Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub errors: Vec<RowError>,
}

impl Envelope {
    /// Whether nothing is still under way: what is not mentioned then will not be.
    pub fn is_complete(&self) -> bool {
        self.status == COMPLETE
    }
}

/// A no to some rows of a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RowError {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    /// A word, or something of another shape that we do not read.
    #[serde(default)]
    sub_category: Value,
    #[serde(default)]
    context: Value,
    correlation_id: Option<String>,
}

impl RowError {
    /// The rows that it is about: what `context` says under a name.
    pub fn about(&self, name: &str) -> Vec<String> {
        texts_of(&self.context, name)
    }

    /// A word for programs.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// A more exact word, if there is one.
    pub fn sub_category(&self) -> &str {
        self.sub_category.as_str().unwrap_or_default()
    }

    /// The same for callers. `status` is the call's.
    pub fn refusal(self, status: u16, correlation_id: &Option<String>) -> Refusal {
        Refusal {
            status,
            category: self.category,
            message: cut(&self.message),
            correlation_id: self.correlation_id.or_else(|| correlation_id.clone()),
        }
    }
}
