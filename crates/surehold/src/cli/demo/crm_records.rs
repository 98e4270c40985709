//! What the demo's stand-in for HubSpot holds from the start: a student of its own, and the records of which the files in
//! `examples/` are exports. An import names those records; without them every row of it would be parked.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context;
use surehold_simulators::hubspot::Simulator;
use uuid::Uuid;

use crate::hubspot::{Mapping, Object};
use crate::import::report::Report;
use crate::import::table::{self, Column, Table};
use crate::import::{contacts, sessions};
use crate::mirror;
use crate::store::offerings::Catalogue;
use crate::store::orgs::OrgRow;

const CONTACTS: &str = include_str!("../../../../../examples/contacts.csv");
const SESSIONS: &str = include_str!("../../../../../examples/sessions.csv");

/// When they were made, in milliseconds since 1970: 2025-01-01. The same at each start, and before any: so what was
/// counted of their credits at an earlier start is not counted again.
const MADE_AT: i64 = 1_735_689_600_000;

/// The student whom only HubSpot knows at first.
pub const CRM_STUDENT: (&str, &str) = ("1588888", "noor.haddad@example.org");
/// What HubSpot calls her.
const CRM_STUDENT_NUMBER: u64 = 70_020_000_000;
/// What HubSpot says of her.
const CRM_STUDENT_IS: &[(&str, &str)] = &[
    ("student_id", CRM_STUDENT.0),
    ("email", CRM_STUDENT.1),
    ("firstname", "Noor"),
    ("lastname", "Haddad"),
    ("cs_credits", "2"),
    ("shared_mock_credits", "1"),
];

/// Records by number, each with its properties.
type Records = BTreeMap<u64, BTreeMap<String, String>>;

/// Contacts and sessions.
pub struct CrmRecords {
    contacts: Records,
    sessions: Records,
}

impl CrmRecords {
    /// All of them.
    pub fn of(org: &OrgRow, catalogue: &Catalogue) -> anyhow::Result<CrmRecords> {
        let mapping = Mapping::default();
        let mut contacts = of_contacts(&mapping)?;
        let student = CRM_STUDENT_IS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        contacts.insert(CRM_STUDENT_NUMBER, student.collect());
        let mut sessions = of_sessions(&mapping, org, catalogue)?;
        // As if an earlier installation had mirrored them. Those without an ID of ours are taken for made at HubSpot,
        // and would be brought in before anybody has tried the import.
        for (number, properties) in &mut sessions {
            let earlier = Uuid::from_u128(u128::from(*number)).to_string();
            properties.insert(mapping.sessions.surehold_id.clone(), earlier);
        }
        Ok(CrmRecords { contacts, sessions })
    }

    /// Puts them into a stand-in, which has our properties already.
    pub fn bring(self, simulator: &Simulator) -> anyhow::Result<()> {
        let mapping = Mapping::default();
        for (object, records) in [(Object::Contact, self.contacts), (Object::Session, self.sessions)] {
            let brought = simulator.bring(mapping.object_type(object), MADE_AT, records);
            brought
                .map_err(|error| anyhow::anyhow!("the stand-in for HubSpot takes no examples: {}", error.message))?;
        }
        Ok(())
    }

    /// What HubSpot calls the contacts.
    pub fn contact_ids(&self) -> Vec<String> {
        self.contacts.keys().map(u64::to_string).collect()
    }

    /// What HubSpot calls the sessions.
    pub fn session_ids(&self) -> Vec<String> {
        self.sessions.keys().map(u64::to_string).collect()
    }
}

fn of_contacts(mapping: &Mapping) -> anyhow::Result<Records> {
    let names = &mapping.contacts;
    let mut columns = vec![
        (contacts::STUDENT_ID, names.student_id.as_str()),
        (contacts::EMAIL, &names.email),
        (contacts::FIRST_NAME, &names.first_name),
        (contacts::LAST_NAME, &names.last_name),
        (contacts::NDECC, &names.ndecc_exam_date),
    ];
    let property = |kind: &str| names.credits.get(kind).map(|names| names.property.as_str());
    columns.extend(contacts::CREDITS.iter().filter_map(|(column, kind)| Some((*column, property(kind)?))));
    let table = read(CONTACTS, contacts::COLUMNS)?;
    let (rows, _) = contacts::parse(&table, &mut Report::default());
    records(&table, rows.into_iter().map(|(line, _)| line).collect(), contacts::RECORD_ID, &columns)
}

fn of_sessions(mapping: &Mapping, org: &OrgRow, catalogue: &Catalogue) -> anyhow::Result<Records> {
    let table = read(SESSIONS, sessions::COLUMNS)?;
    let (rows, _) = sessions::parse(&table, org, catalogue, &mut Report::default());
    let lines = rows.into_iter().map(|(line, _)| line).collect();
    records(&table, lines, sessions::RECORD_ID, &mirror::session_columns(mapping))
}

fn read(file: &str, columns: &[Column]) -> anyhow::Result<Table> {
    table::read(file.as_bytes(), columns).map_err(|problem| anyhow::anyhow!("an example cannot be read: {problem}"))
}

/// The rows that an import takes, as HubSpot has them. `columns` are those of the file, each with its property.
fn records(table: &Table, taken: HashSet<u64>, id: &str, columns: &[(&str, &str)]) -> anyhow::Result<Records> {
    let mut records = Records::new();
    for row in table.rows.iter().filter(|row| taken.contains(&row.line)) {
        let cells = table.cells(row).map_err(|problem| anyhow::anyhow!(problem.reason))?;
        let number = cells.text(id).parse().with_context(|| format!("line {} of an example has no {id}", row.line))?;
        let filled = columns.iter().filter(|(column, _)| !cells.text(column).is_empty());
        let properties = filled.map(|(column, name)| ((*name).to_owned(), cells.text(column).to_owned()));
        records.insert(number, properties.collect());
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stand-in has what our set-up makes, under our names for it.
    #[test]
    fn the_sample_student_has_the_names_of_the_usual_portal() {
        let names: Vec<String> = Mapping::default().properties(Object::Contact).into_iter().map(|p| p.name).collect();
        for (name, _) in CRM_STUDENT_IS {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn records_are_what_the_file_says_of_rows_that_can_be_imported() {
        let contacts = of_contacts(&Mapping::default()).expect("the examples can be read");
        assert_eq!(contacts.len(), 5_000);
        let olivia = &contacts[&70_010_000_013];
        let shows = |name: &str| olivia.get(name).map(String::as_str);
        assert_eq!((shows("student_id"), shows("firstname")), (Some("1500007"), Some("Olivia")));
        assert_eq!((shows("shared_mock_credits"), shows("ndecc_exam_date")), (Some("3"), Some("2028-02-16")));
    }
}
