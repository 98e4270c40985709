//! `surehold import contacts`: what a row of the file means for the contact that it is about.
//!
//! Compared are three things: what the file says now, what it said at the last import of this row (`seen`),
//! and what we have. Only what changed *in the file* is changed here, so an old file never undoes an edit,
//! and a credit column counts as its difference from `seen`: spent credits never come back.
//!
//! A contact that was here before its first import keeps its credits: the file's numbers become `seen`, and
//! the report says so. Nobody can tell whether they are the same credits, and giving twice is the worse
//! mistake; an operator can grant what is missing.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use surehold_core::command::{AddContact, AdjustCredits, ChangeContact, Command};
use surehold_core::rows::{CreditKind, EntryReason};
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use super::importer::{Done, Importer, RowResult, Stop};
use super::report::Report;
use super::table::{Cells, Column, Lines, Problem, Table};
use super::values;
use crate::store::import_rows::{ContactIdentity, KnownContact, effect_of, find_contacts, link, remember};

/// Only of a database that moves in: no file has it.
pub const ID: &str = "ID";
pub const RECORD_ID: &str = "Record ID";
pub const STUDENT_ID: &str = "Student ID";
pub const EMAIL: &str = "Email";
pub const FIRST_NAME: &str = "First Name";
pub const LAST_NAME: &str = "Last Name";
pub const NDECC: &str = "NDECC Exam Date";

/// Columns that count credits, with the kind that they count.
pub const CREDITS: &[(&str, &str)] = &[
    ("SJ Credits", "sj_credits"),
    ("CS Credits", "cs_credits"),
    ("Mini-mock Credits", "sjmini_credits"),
    ("Mock Discussion Tokens", "mock_discussion_token"),
    ("Shared Mock Credits", "shared_mock_credits"),
];

/// The columns of a contacts file.
pub const COLUMNS: &[Column] = &[
    Column { name: RECORD_ID, aliases: &["HubSpot ID", "Contact ID", "hs_object_id"], required: false },
    Column { name: STUDENT_ID, aliases: &["Student Number"], required: true },
    Column { name: EMAIL, aliases: &["Student Email", "Email Address", "E-mail"], required: true },
    Column { name: FIRST_NAME, aliases: &["Given Name"], required: false },
    Column { name: LAST_NAME, aliases: &["Family Name", "Surname"], required: false },
    Column { name: "SJ Credits", aliases: &["Situational Judgment Credits"], required: false },
    Column { name: "CS Credits", aliases: &["Clinical Skills Credits"], required: false },
    Column { name: "Mini-mock Credits", aliases: &["SJ Mini Credits", "sjmini_credits"], required: false },
    Column {
        name: "Mock Discussion Tokens",
        aliases: &["Mock Discussion Token", "Discussion Tokens"],
        required: false,
    },
    Column { name: "Shared Mock Credits", aliases: &["Shared Credits"], required: false },
    Column { name: NDECC, aliases: &["NDECC Date"], required: false },
];

/// A row that can be imported. `None` in an optional field: the file has no such column.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactRow {
    /// The id that the contact has elsewhere, to be kept.
    pub id: Option<Uuid>,
    pub record_id: Option<String>,
    pub student_id: String,
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub ndecc_exam_date: Option<Option<Date>>,
    pub credits: BTreeMap<String, i64>,
}

/// What an import saw in a row, as `import_rows` keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct SeenContact {
    student_id: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// Empty: the file had no date.
    ndecc_exam_date: Option<String>,
    credits: BTreeMap<String, i64>,
}

/// The rows that can be imported; the others are in the report. Returns how many those are, too.
pub fn parse(table: &Table, report: &mut Report) -> (Lines<ContactRow>, i64) {
    let (mut rows, mut refused) = (Vec::new(), 0);
    let mut by_identity: HashMap<(String, String), u64> = HashMap::new();
    let mut by_record: HashMap<String, u64> = HashMap::new();
    for raw in &table.rows {
        let row = match table.cells(raw).map_err(|problem| vec![problem]).and_then(parse_row) {
            Ok(row) => row,
            Err(problems) => {
                refused += 1;
                report.refuse(raw.line, problems);
                continue;
            }
        };
        let identity = (row.student_id.clone(), row.email.clone());
        let problem = if let Some(first) = by_identity.get(&identity) {
            let who = format!("{} {}", row.student_id, row.email);
            Some((STUDENT_ID, who, format!("is the same person as in {}; the first row counts", table.place(*first))))
        } else if let Some((id, first)) = row.record_id.as_ref().and_then(|id| Some((id, by_record.get(id)?))) {
            Some((
                RECORD_ID,
                id.clone(),
                format!("is the record of {}, too; the first row counts", table.place(*first)),
            ))
        } else {
            None
        };
        if let Some((column, value, reason)) = problem {
            refused += 1;
            report.refuse(raw.line, [Problem { column, value, reason }]);
            continue;
        }
        by_identity.insert(identity, raw.line);
        by_record.extend(row.record_id.clone().map(|id| (id, raw.line)));
        rows.push((raw.line, row));
    }
    (rows, refused)
}

fn parse_row(cells: Cells<'_>) -> Result<ContactRow, Vec<Problem>> {
    let name =
        |column| if cells.has(column) { cells.value(column, |t| values::text(t, 100)).map(Some) } else { Some(None) };
    let id = cells.value(ID, values::id);
    let record_id = cells.value(RECORD_ID, values::record_id);
    let student_id = cells.value(STUDENT_ID, values::student_id);
    let email = cells.value(EMAIL, values::email);
    let (first_name, last_name) = (name(FIRST_NAME), name(LAST_NAME));
    let ndecc = if cells.has(NDECC) { cells.value(NDECC, values::optional_date).map(Some) } else { Some(None) };
    let mut credits = BTreeMap::new();
    for (column, kind) in CREDITS.iter().filter(|(column, _)| cells.has(column)) {
        if let Some(amount) = cells.value(column, values::credits) {
            credits.insert((*kind).to_owned(), amount);
        }
    }
    let row = (|| {
        Some(ContactRow {
            id: id?,
            record_id: record_id?,
            student_id: student_id?,
            email: email?,
            first_name: first_name?,
            last_name: last_name?,
            ndecc_exam_date: ndecc?,
            credits,
        })
    })();
    let problems = cells.problems();
    row.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Imports one row.
pub async fn import(importer: &Importer, row: &ContactRow) -> RowResult {
    let client = importer.read().await?;
    let identity = ContactIdentity {
        id: row.id,
        student_id: &row.student_id,
        email: &row.email,
        hubspot_id: row.record_id.as_deref(),
    };
    let known = find_contacts(&client, importer.org.id, &identity).await?;
    drop(client);
    match who(row, known)? {
        None => add(importer, row).await,
        Some(contact) => update(importer, row, contact).await,
    }
}

/// The contact that a row is about.
fn who(row: &ContactRow, known: Vec<KnownContact>) -> Result<Option<KnownContact>, Stop> {
    let is_linked =
        |c: &KnownContact| row.id == Some(c.id) || (row.record_id.is_some() && c.hubspot_id == row.record_id);
    if let Some(place) = known.iter().position(is_linked) {
        if known.len() > 1 {
            let reason = "belong to another contact than the Record ID; join the two in HubSpot first";
            return Err(Stop::refused(STUDENT_ID, format!("{} {}", row.student_id, row.email), reason));
        }
        return Ok(known.into_iter().nth(place));
    }
    let Some(contact) = known.into_iter().next() else { return Ok(None) };
    match (&row.record_id, &contact.hubspot_id) {
        (Some(given), Some(linked)) => {
            let reason = format!("is another record of the person whom Record ID {linked} is about; that one counts");
            Err(Stop::refused(RECORD_ID, given, reason))
        }
        _ => Ok(Some(contact)),
    }
}

async fn add(importer: &Importer, row: &ContactRow) -> RowResult {
    if importer.dry_run {
        return Ok((Done::Added, Vec::new()));
    }
    let command = Command::AddContact(AddContact {
        id: row.id,
        student_id: row.student_id.clone(),
        email: row.email.clone(),
        first_name: row.first_name.clone().unwrap_or_default(),
        last_name: row.last_name.clone().unwrap_or_default(),
        ndecc_exam_date: row.ndecc_exam_date.flatten(),
        opening: row.credits.iter().map(|(kind, amount)| (CreditKind::from(kind.as_str()), *amount)).collect(),
        hubspot_id: row.record_id.clone(),
    });
    match importer.submit(command, None).await? {
        Ok(Answer::ContactAdded(saved)) => {
            save_seen(importer, saved.contact_id, &SeenContact::of(row), 0).await?;
            Ok((Done::Added, Vec::new()))
        }
        Ok(_) => Err(Stop::Again),
        Err(Refusal::ContactExists { .. }) => Err(Stop::Again),
        Err(refusal) => Err(Stop::by_rule(&refusal)),
    }
}

async fn update(importer: &Importer, row: &ContactRow, contact: KnownContact) -> RowResult {
    let mut notes = Vec::new();
    let revision = contact.seen.as_ref().map_or(0, |seen| seen.revision);
    let seen: Option<SeenContact> = match &contact.seen {
        Some(seen) => serde_json::from_value(seen.values.clone()).ok(),
        None => None,
    };
    let change = changes(row, &contact, seen.as_ref());
    let deltas = credit_deltas(row, &contact, seen.as_ref(), &mut notes);
    let new_seen = SeenContact::after(row, seen.as_ref());
    let anything = change.is_some() || !deltas.is_empty();
    let done = if anything { Done::Changed } else { Done::Unchanged };
    if importer.dry_run {
        return Ok((done, notes));
    }

    if contact.hubspot_id.is_none()
        && let Some(record_id) = &row.record_id
    {
        let client = importer.read().await?;
        if !link(&client, importer.org.id, "contact", contact.id, record_id).await? {
            return Err(Stop::Again);
        }
    }
    if let Some(change) = change
        && let Err(refusal) = importer.submit(Command::ChangeContact(change), None).await?
    {
        return Err(Stop::by_rule(&refusal));
    }
    if !deltas.is_empty() {
        adjust(importer, row, contact.id, deltas, seen.as_ref(), revision, &mut notes).await?;
    }
    if seen.as_ref() != Some(&new_seen) {
        save_seen(importer, contact.id, &new_seen, revision).await?;
    }
    Ok((done, notes))
}

/// What the file changed of the contact itself since the last import; at the first import, what differs.
fn changes(row: &ContactRow, contact: &KnownContact, seen: Option<&SeenContact>) -> Option<ChangeContact> {
    let name = |file: &Option<String>, before: Option<&Option<String>>, now: &str| {
        let file = file.as_ref()?;
        let news = match before {
            Some(Some(before)) => before != file,
            _ => !file.is_empty(),
        };
        (news && file != now).then(|| file.clone())
    };
    let news = seen.is_none_or(|seen| (seen.student_id.as_str(), seen.email.as_str()) != (&row.student_id, &row.email));
    let date = row.ndecc_exam_date.filter(|file| {
        let news = match seen.and_then(|seen| seen.ndecc_exam_date.as_ref()) {
            Some(before) => *before != date_text(*file),
            None => file.is_some(),
        };
        news && *file != contact.ndecc_exam_date
    });
    let change = ChangeContact {
        contact_id: contact.id,
        student_id: (news && contact.student_id != row.student_id).then(|| row.student_id.clone()),
        email: (news && contact.email != row.email).then(|| row.email.clone()),
        first_name: name(&row.first_name, seen.map(|seen| &seen.first_name), &contact.first_name),
        last_name: name(&row.last_name, seen.map(|seen| &seen.last_name), &contact.last_name),
        ndecc_exam_date: date,
    };
    let nothing = change.student_id.is_none()
        && change.email.is_none()
        && change.first_name.is_none()
        && change.last_name.is_none()
        && change.ndecc_exam_date.is_none();
    (!nothing).then_some(change)
}

/// How the file's counts differ from what was seen. A count that was never seen is a difference from what an
/// import gave at the beginning; of a contact that no import added it is only taken note of.
fn credit_deltas(
    row: &ContactRow,
    contact: &KnownContact,
    seen: Option<&SeenContact>,
    notes: &mut Vec<Problem>,
) -> BTreeMap<CreditKind, i64> {
    let mut deltas = BTreeMap::new();
    let mut unknown = Vec::new();
    for (kind, amount) in &row.credits {
        let before = seen.and_then(|seen| seen.credits.get(kind)).copied();
        let opened = || contact.opened_with.as_ref().map(|credits| credits.get(kind).copied().unwrap_or(0));
        match before.or_else(opened) {
            Some(before) if before != *amount => {
                deltas.insert(CreditKind::from(kind.as_str()), amount - before);
            }
            Some(_) => {}
            None => unknown.push(format!("{kind} {amount}")),
        }
    }
    if !unknown.is_empty() {
        notes.push(Problem {
            column: "",
            value: unknown.join(", "),
            reason:
                "this contact was here before its first import: its credits stay as they are, and later changes of \
                     the file's numbers will count"
                    .to_owned(),
        });
    }
    deltas
}

async fn adjust(
    importer: &Importer,
    row: &ContactRow,
    contact_id: Uuid,
    deltas: BTreeMap<CreditKind, i64>,
    seen: Option<&SeenContact>,
    revision: i64,
    notes: &mut Vec<Problem>,
) -> Result<(), Stop> {
    // Should we be stopped between adjusting and remembering, the next import finds this key used, and learns
    // from the note what was seen.
    let key = format!("import:contacts:{contact_id}:{}", revision + 1);
    let client = importer.read().await?;
    if let Some(effect) = effect_of(&client, importer.org.id, &key).await? {
        drop(client);
        let note = effect.after.get("note").and_then(serde_json::Value::as_str).unwrap_or_default();
        let credits =
            credits_of_note(note).ok_or_else(|| Stop::Fatal(anyhow::anyhow!("unreadable note under {key}")))?;
        let mut values = seen.cloned().unwrap_or_default();
        values.credits.extend(credits);
        save_seen(importer, contact_id, &values, revision).await?;
        return Err(Stop::Again);
    }
    drop(client);
    let command = Command::AdjustCredits(AdjustCredits {
        contact_id,
        deltas: deltas.clone(),
        reason: EntryReason::Import,
        stop_at_zero: true,
        note: Some(note_of_credits(&row.credits)),
    });
    match importer.submit(command, Some(key)).await? {
        Ok(Answer::CreditsAdjusted(adjusted)) => {
            notes.extend(shortfalls(&deltas, &adjusted.applied));
            Ok(())
        }
        Ok(_) | Err(Refusal::IdempotencyMismatch) => Err(Stop::Again),
        Err(refusal) => Err(Stop::by_rule(&refusal)),
    }
}

fn shortfalls(
    deltas: &BTreeMap<CreditKind, i64>,
    applied: &BTreeMap<CreditKind, i64>,
) -> impl Iterator<Item = Problem> {
    let short = |(kind, delta): (&CreditKind, &i64)| {
        let taken = applied.get(kind).copied().unwrap_or(0);
        (taken != *delta).then(|| Problem {
            column: CREDITS.iter().find(|(_, known)| *known == &**kind).map_or("", |(column, _)| column),
            value: delta.to_string(),
            reason: format!(
                "the file takes {} away, but only {} were left, the others are spent",
                delta.unsigned_abs(),
                taken.unsigned_abs()
            ),
        })
    };
    deltas.iter().filter_map(short).collect::<Vec<_>>().into_iter()
}

const NOTE: &str = "import: the file says ";

fn note_of_credits(credits: &BTreeMap<String, i64>) -> String {
    format!("{NOTE}{}", serde_json::to_string(credits).expect("a map of text and numbers is JSON"))
}

fn credits_of_note(note: &str) -> Option<BTreeMap<String, i64>> {
    serde_json::from_str(note.strip_prefix(NOTE)?).ok()
}

async fn save_seen(importer: &Importer, contact_id: Uuid, seen: &SeenContact, revision: i64) -> Result<(), Stop> {
    let values = serde_json::to_value(seen).map_err(|error| Stop::Fatal(error.into()))?;
    let client = importer.read().await?;
    match remember(&client, importer.org.id, "contacts", contact_id, &values, revision).await? {
        true => Ok(()),
        false => Err(Stop::Again),
    }
}

impl SeenContact {
    fn of(row: &ContactRow) -> SeenContact {
        SeenContact {
            student_id: row.student_id.clone(),
            email: row.email.clone(),
            first_name: row.first_name.clone(),
            last_name: row.last_name.clone(),
            ndecc_exam_date: row.ndecc_exam_date.map(date_text),
            credits: row.credits.clone(),
        }
    }

    /// What is seen after this row: of columns that the file does not have, what was seen before.
    fn after(row: &ContactRow, before: Option<&SeenContact>) -> SeenContact {
        let mut seen = SeenContact::of(row);
        if let Some(before) = before {
            seen.first_name = seen.first_name.or_else(|| before.first_name.clone());
            seen.last_name = seen.last_name.or_else(|| before.last_name.clone());
            seen.ndecc_exam_date = seen.ndecc_exam_date.or_else(|| before.ndecc_exam_date.clone());
            let known = before.credits.clone();
            seen.credits = known.into_iter().chain(std::mem::take(&mut seen.credits)).collect();
        }
        seen
    }
}

fn date_text(date: Option<Date>) -> String {
    date.map_or_else(String::new, |date| date.to_string())
}

#[cfg(test)]
#[path = "contacts_tests.rs"]
mod tests;
