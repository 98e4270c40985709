//! Notes that callers add to the journal.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::rows::ActorType;

/// Add notes to the journal: all of them or none.
#[derive(Debug, Clone, Serialize)]
pub struct AddNotes {
    /// In this order.
    pub notes: Vec<Note>,
}

/// What a caller wants on record, in its own words. It need not be about a row of ours, so nothing in it is looked up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    /// What happened.
    pub event_type: String,
    /// To what sort of thing.
    pub entity_type: String,
    /// Which one.
    pub entity_id: Uuid,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Uuid>,
    /// What sort of actor that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<ActorType>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The event of Stripe's that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe_event_id: Option<String>,
}
