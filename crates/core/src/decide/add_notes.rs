//! Add notes to the journal. They change nothing else, so there is nothing to check them against.

use crate::command::{AddNotes, Note};
use crate::decide::act::text;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, NotesAdded, Outcome};
use crate::refusal::Refusal;
use crate::rows::Entity;

pub(super) fn add_notes(act: &mut Act<'_>, c: &AddNotes) -> Result<Outcome, Stop> {
    if c.notes.is_empty() {
        return Err(Refusal::invalid("notes", "must have at least one").into());
    }

    // Effects. Whatever a note says it is about, its row is one about a note: nobody takes it for a change of that thing.
    let add = |note: &Note| act.journal("note.added", Entity::Note, note.entity_id, None, Some(text(note)));
    let ids = c.notes.iter().map(add).collect();
    act.done(Answer::NotesAdded(NotesAdded { ids }), None)
}
