//! Whom a booking of the other system may be about: the contacts that are here, and those that came with it.

use std::collections::HashMap;

use surehold_core::rows::Contact;
use uuid::Uuid;

use crate::import::contacts::ContactRow;
use crate::import::table::Problem;
use crate::store::move_in::Here;

/// Contacts by what a booking calls them.
#[derive(Default)]
pub struct Roll {
    /// The contacts.
    pub contacts: HashMap<Uuid, Contact>,
    by_link: HashMap<String, Uuid>,
    by_identity: HashMap<(String, String), Uuid>,
    by_student: HashMap<String, Vec<Uuid>>,
}

impl Roll {
    /// Those that are here and those that were taken. (In a dry run the latter are not here yet.)
    pub fn of(here: &Here, taken: &[ContactRow]) -> Roll {
        let mut roll = Roll::default();
        for (contact, link) in &here.contacts {
            roll.add(contact.clone(), link.as_deref());
        }
        for row in taken {
            let known = row.id.filter(|id| roll.contacts.contains_key(id));
            let linked = || row.record_id.as_ref().and_then(|link| roll.by_link.get(link)).copied();
            let named = || roll.by_identity.get(&(row.student_id.clone(), row.email.clone())).copied();
            let id = known.or_else(linked).or_else(named).or(row.id).unwrap_or_else(Uuid::now_v7);
            let contact = Contact {
                id,
                student_id: row.student_id.clone(),
                email: row.email.clone(),
                first_name: String::new(),
                last_name: String::new(),
                ndecc_exam_date: None,
                version: 1,
            };
            roll.add(contact, row.record_id.as_deref());
        }
        roll
    }

    fn add(&mut self, contact: Contact, link: Option<&str>) {
        let id = contact.id;
        self.by_link.extend(link.map(|link| (link.to_owned(), id)));
        self.by_identity.insert((contact.student_id.clone(), contact.email.clone()), id);
        let alike = self.by_student.entry(contact.student_id.clone()).or_default();
        if !alike.contains(&id) {
            alike.push(id);
        }
        self.contacts.insert(id, contact);
    }

    /// Whom a booking is about: by HubSpot's id or ours, else by student ID and email, else by a student ID that only one has.
    pub fn find(&self, link: &str, student_id: &str, email: &str) -> Result<Uuid, Problem> {
        let by_id = || link.parse().ok().filter(|id| self.contacts.contains_key(id));
        if let Some(id) = self.by_link.get(link).copied().or_else(by_id) {
            return Ok(id);
        }
        let (student_id, email) = (student_id.to_uppercase(), email.to_lowercase());
        let problem = |reason: &str| {
            let value = [student_id.as_str(), email.as_str(), link].join(" ");
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            Problem { column: "student_id", value, reason: reason.to_owned() }
        };
        if let Some(id) = self.by_identity.get(&(student_id.clone(), email.clone())) {
            return Ok(*id);
        }
        match self.by_student.get(&student_id).map(Vec::as_slice) {
            Some([id]) => Ok(*id),
            Some(_) => Err(problem("is the student ID of several contacts, none of which has this address")),
            None => Err(problem("is nobody here: there is no such contact, or it could not be taken")),
        }
    }
}
