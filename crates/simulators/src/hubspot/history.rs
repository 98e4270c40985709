//! What a property's values were, when, and who wrote them.

use serde_json::{Value, json};

use super::clock;

/// Who wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A program with an app's token.
    Integration {
        /// The app.
        app_id: u64,
    },
    /// Somebody in HubSpot.
    Person {
        /// The user.
        user_id: u64,
    },
}

impl Source {
    /// `INTEGRATION` or `CRM_UI`: the `sourceType` of histories, the `changeSource` of webhooks.
    pub fn source_type(self) -> &'static str {
        match self {
            Source::Integration { .. } => "INTEGRATION",
            Source::Person { .. } => "CRM_UI",
        }
    }

    /// The app's id, or `userId:` and the user's.
    pub fn source_id(self) -> String {
        match self {
            Source::Integration { app_id } => app_id.to_string(),
            Source::Person { user_id } => format!("userId:{user_id}"),
        }
    }
}

/// A value that a property had from some time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The value; empty if it was cleared.
    pub value: String,
    /// Milliseconds since 1970. Later writes of a record have later times, whatever the clock says.
    pub timestamp: i64,
    /// Who wrote it.
    pub source: Source,
}

impl HistoryEntry {
    /// As `propertiesWithHistory` shows it.
    pub(super) fn json(&self) -> Value {
        let mut entry = json!({
            "value": self.value,
            "timestamp": clock::text(self.timestamp),
            "sourceType": self.source.source_type(),
            "sourceId": self.source.source_id(),
        });
        if let Source::Person { user_id } = self.source {
            entry["updatedByUserId"] = user_id.into();
        }
        entry
    }
}
