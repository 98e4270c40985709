//! Stories of notes that callers add to the journal.

use serde_json::json;
use surehold_core::Answer;
use surehold_core::command::*;
use surehold_core::rows::*;

use crate::world::*;

fn note(event_type: &str) -> Note {
    Note {
        event_type: event_type.to_owned(),
        entity_type: "vendor".to_owned(),
        entity_id: NOBODY,
        actor_id: None,
        actor_type: None,
        metadata: None,
        stripe_event_id: None,
    }
}

#[test]
fn notes_are_written_in_their_order_and_change_nothing_else() {
    let mut w = world();
    let paid = Note {
        actor_id: Some(ANN),
        actor_type: Some(ActorType::Vendor),
        metadata: Some(json!({ "amount": 1 })),
        stripe_event_id: Some("evt_1".to_owned()),
        ..note("vendor.paid")
    };
    let outcome = w.ask(AddNotes { notes: vec![note("vendor.called"), paid] }).expect("added");
    let Answer::NotesAdded(added) = outcome.answer else { panic!("{outcome:?}") };

    let writes = w.ledger.writes();
    let rows = &writes.journal;
    assert_eq!(added.ids, rows.iter().map(|row| row.id).collect::<Vec<_>>());
    assert_eq!(w.events(), ["note.added", "note.added"]);
    for row in rows {
        // Whatever it says it is about.
        assert_eq!((row.entity, row.entity_id, row.before.as_deref()), (Entity::Note, NOBODY, None));
        assert_eq!(row.stripe_event_id, None, "no event of Stripe's caused it");
    }
    let after: Vec<serde_json::Value> =
        rows.iter().map(|row| serde_json::from_str(row.after.as_deref().unwrap()).unwrap()).collect();
    assert_eq!(after[0], json!({ "event_type": "vendor.called", "entity_type": "vendor", "entity_id": NOBODY }));
    assert_eq!(
        after[1],
        json!({
            "event_type": "vendor.paid", "entity_type": "vendor", "entity_id": NOBODY, "actor_id": ANN,
            "actor_type": "vendor", "metadata": { "amount": 1 }, "stripe_event_id": "evt_1",
        })
    );
    assert_eq!(rows.iter().filter(|row| row.idempotency.is_some()).count(), 1, "one command, one key");
    assert!(writes.slots.is_empty() && writes.contacts.is_empty() && writes.bookings.is_empty());
}

#[test]
fn notes_under_one_key_are_added_once() {
    let mut w = world();
    let notes = || AddNotes { notes: vec![note("called")] };
    let first = w.ask_with_key("k", notes()).expect("added");
    let again = w.ask_with_key("k", notes()).expect("the same");
    assert_eq!((again.replayed, again.answer), (true, first.answer));
    assert_eq!(w.events(), ["note.added"]);
    let other = AddNotes { notes: vec![note("written to")] };
    assert_eq!(code(w.ask_with_key("k", other)), "IDEMPOTENCY_MISMATCH");
}

#[test]
fn no_notes_are_no_command() {
    assert_eq!(code(world().ask(AddNotes { notes: Vec::new() })), "VALIDATION_ERROR");
}
