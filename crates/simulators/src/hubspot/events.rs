//! What webhooks tell (developers.hubspot.com/docs/api-reference/webhooks).

use serde_json::{Value, json};

use super::history::Source;

/// What happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Occurrence {
    /// It was made.
    Creation,
    /// It was archived.
    Deletion,
    /// A property was changed.
    Change { property: String, value: String },
}

/// Something that happened to a record.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) object_type: String,
    pub(super) number: u64,
    pub(super) occurrence: Occurrence,
    /// Milliseconds since 1970.
    pub(super) occurred_at: i64,
    pub(super) source: Source,
    pub(super) portal_id: u64,
    /// The app that has subscribed to it.
    pub(super) app_id: u64,
}

impl Event {
    /// As webhooks carry it. `attempts` failed so far.
    pub(super) fn json(&self, id: u64, attempts: u32) -> Value {
        let (subscription_id, subscription_type) = match self.occurrence {
            Occurrence::Creation => (1, "object.creation"),
            Occurrence::Deletion => (2, "object.deletion"),
            Occurrence::Change { .. } => (3, "object.propertyChange"),
        };
        let mut event = json!({
            "eventId": id,
            "subscriptionId": subscription_id,
            "portalId": self.portal_id,
            "appId": self.app_id,
            "occurredAt": self.occurred_at,
            "subscriptionType": subscription_type,
            "attemptNumber": attempts,
            "objectId": self.number,
            "objectTypeId": self.object_type,
            "changeSource": self.source.source_type(),
            "sourceId": self.source.source_id(),
        });
        if let Occurrence::Change { property, value } = &self.occurrence {
            event["propertyName"] = property.as_str().into();
            event["propertyValue"] = value.as_str().into();
        }
        event
    }
}
