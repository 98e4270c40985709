//! Holds that have come to their end, on slots that a batch has locked: they end before anything is decided, so that
//! no command finds seats taken by a hold that is over.

use surehold_core::command::{Command, ExpireHold, Request};
use surehold_core::{Fresh, decide};
use uuid::Uuid;

use super::own_request;
use crate::store::load::Loaded;

/// Who ends holds, in the journal.
pub const PRINCIPAL: &str = "system:expiry";

/// The command that ends the holds of a payment, if they are due.
pub fn expire_hold(payment_id: Uuid) -> Request {
    own_request(PRINCIPAL, Command::ExpireHold(ExpireHold { payment_id }))
}

/// Ends the holds that are due, as far as all their rows are locked.
pub(super) fn end_due_holds(loaded: &mut Loaded) {
    for payment_id in std::mem::take(&mut loaded.due) {
        let mut fresh = Fresh { now: loaded.now, id: &mut Uuid::now_v7 };
        // Anything but an Ok changes nothing: some rows are not locked, and the worker comes by soon.
        if let Err(stop) = decide(&mut loaded.ledger, &expire_hold(payment_id), &mut fresh) {
            tracing::debug!(%payment_id, ?stop, "a hold that is due stays for now");
        }
    }
}
