//! How a repeat of a request is recognised: fingerprints, and keys for callers that send none.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::command::Command;
use crate::rows::Family;

/// SHA-256 of the parsed command: two spellings of one request have one fingerprint.
pub fn fingerprint(command: &Command) -> [u8; 32] {
    // Commands have no maps with random order, and a number is always written the same way, so their JSON is canonical.
    let json = serde_json::to_vec(command).expect("a command is always JSON");
    Sha256::digest(json).into()
}

/// The key of a booking whose caller sent none: `idem_` and 32 hex digits for exams, `idem_disc_` and
/// 28 for discussions (the seeds' formats). `bookings_before` counts the bookings that this contact has
/// made for this slot before; none of them is active there any more, or it would be the answer. So a
/// double click books once, and book, cancel, book gives a new booking.
pub fn derived(family: Family, contact_id: Uuid, slot_id: Uuid, bookings_before: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(contact_id.as_bytes());
    hash.update(slot_id.as_bytes());
    hash.update((bookings_before as u64).to_be_bytes());
    let hex = hex(&hash.finalize());
    match family {
        Family::MockDiscussion => format!("idem_disc_{}", &hex[..28]),
        Family::MockExam | Family::Experience => format!("idem_{}", &hex[..32]),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_keys_have_the_formats_of_the_seeds() {
        let (contact, slot) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let exam = derived(Family::MockExam, contact, slot, 0);
        assert!(exam.starts_with("idem_") && exam.len() == 5 + 32, "{exam}");
        let discussion = derived(Family::MockDiscussion, contact, slot, 0);
        assert!(discussion.starts_with("idem_disc_") && discussion.len() == 10 + 28, "{discussion}");
        assert_ne!(exam, derived(Family::MockExam, contact, slot, 1));
        assert_ne!(exam, derived(Family::MockExam, slot, contact, 0));
    }
}
