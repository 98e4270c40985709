//! What is to be done about a row: commands that were decided before they are sent.

use surehold_core::Refusal;
use surehold_core::command::Command;

use super::super::plan::Plan;
use crate::import::importer::{Done, Importer, RowResult, Stop};
use crate::import::move_in::cells::problem;
use crate::import::move_in::tables::TableReport;
use crate::import::table::{Lines, Problem};

/// What is to be done about a row. A repeat of its commands changes nothing, by their own nature.
pub struct Step {
    commands: Vec<Command>,
    done: Done,
    /// How people know the row: a column, and what is in it.
    name: (&'static str, String),
    notes: Vec<Problem>,
    /// What follows if the row is not taken.
    otherwise: Option<String>,
}

impl Step {
    /// The row is new.
    pub fn add(command: Command, column: &'static str, name: String, notes: Vec<Problem>) -> Step {
        Step { commands: vec![command], done: Done::Added, name: (column, name), notes, otherwise: None }
    }

    /// The row is here, and something changed there.
    pub fn change(command: Command, column: &'static str, name: String, notes: Vec<Problem>) -> Step {
        Step { commands: vec![command], done: Done::Changed, name: (column, name), notes, otherwise: None }
    }

    /// Nothing.
    pub fn unchanged(notes: Vec<Problem>) -> Step {
        Step { commands: Vec::new(), done: Done::Unchanged, name: ("", String::new()), notes, otherwise: None }
    }

    /// What follows if it is not taken.
    pub fn or(self, otherwise: Option<String>) -> Step {
        Step { otherwise, ..self }
    }

    /// What a rule says of the row.
    fn refused(&self, refusal: &Refusal) -> Problem {
        let mut problem = by_rule(self.name.0, &self.name.1, refusal);
        if let Some(otherwise) = &self.otherwise {
            problem.reason = format!("{}; {otherwise}", problem.reason);
        }
        problem
    }
}

/// What a rule says of a row, in the words of a marketplace.
pub fn by_rule(column: &'static str, name: &str, refusal: &Refusal) -> Problem {
    let reason = match refusal {
        Refusal::Full { requested, available } => {
            format!("needs {requested} seats of its slot, and {available} are left (INSUFFICIENT_AVAILABILITY)")
        }
        Refusal::SlotNotFound => "its slot is not here (SLOT_NOT_FOUND)".to_owned(),
        Refusal::TripNotFound => "its trip is not here, or another user's (TRIP_NOT_FOUND)".to_owned(),
        Refusal::PaymentNotFound => "its payment is not here, or another user's (PAYMENT_NOT_FOUND)".to_owned(),
        _ => format!("{refusal} ({})", refusal.code()),
    };
    problem(column, name, &reason)
}

/// Decides steps, one after the other, and then does those that are agreed to.
///
/// # Errors
///
/// As of [`Importer::run`].
pub async fn carry_out(
    importer: &Importer,
    plan: &mut Plan,
    steps: Lines<Step>,
    into: &mut TableReport,
) -> anyhow::Result<()> {
    let steps = into.agreed(steps, |step| {
        let decided = step.commands.iter().try_for_each(|command| plan.decide(command.clone()));
        decided.map_err(|refusal| step.refused(&refusal))
    });
    into.run(importer, steps, async |step: &Step| send(importer, step).await).await
}

async fn send(importer: &Importer, step: &Step) -> RowResult {
    for command in step.commands.iter().filter(|_| !importer.dry_run) {
        if let Err(refusal) = importer.submit(command.clone(), None).await? {
            return Err(Stop::Refused(step.refused(&refusal)));
        }
    }
    Ok((step.done, step.notes.clone()))
}
