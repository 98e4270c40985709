//! Requests that the server makes by itself, and keys for those who gave none.

use std::sync::Arc;

use surehold_core::command::{Command, Key, Request};
use uuid::Uuid;

/// The key of a command whose caller gave none.
pub fn made_key() -> Key {
    Key::Made(format!("made_{}", Uuid::now_v7().simple()))
}

/// A request of a part of the server (`system:…`), on nobody's behalf, under a key of its own.
pub fn own_request(principal: impl Into<Arc<str>>, command: Command) -> Request {
    Request {
        command_id: Uuid::now_v7(),
        principal: principal.into(),
        on_behalf_of: None,
        key: made_key(),
        stripe_event: None,
        command,
    }
}
