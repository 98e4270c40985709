//! What our things are called at a portal: types of objects, properties, associations. The defaults are the exam
//! school's portal; another one is described in a JSON file that names what differs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::associations::AssociationType;
use super::properties::PropertyGroup;
use super::shape::{Planned, Shape};

/// Length of a name, in characters.
const NAME_MAX: usize = 100;
/// Who can have defined an association.
const CATEGORIES: [&str; 3] = ["USER_DEFINED", "HUBSPOT_DEFINED", "INTEGRATOR_DEFINED"];

/// What we mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A person.
    Contact,
    /// A session: one dated occurrence of what is on sale.
    Session,
    /// A booking.
    Booking,
}

impl Object {
    /// All of them, those first that others belong to.
    pub const ALL: [Object; 3] = [Object::Contact, Object::Session, Object::Booking];

    /// Its member of the file.
    pub fn member(self) -> &'static str {
        match self {
            Object::Contact => "contacts",
            Object::Session => "sessions",
            Object::Booking => "bookings",
        }
    }
}

/// Makes a struct of names with their defaults, and of what a property is that has such a name.
macro_rules! names {
    (
        $(#[$about:meta])* $type:ident = $object:literal {
            $($(#[$what:meta])* $field:ident = $default:literal, $shape:ident, $label:literal;)+
        } and { $($(#[$more_what:meta])* $more:ident: $more_type:ty = $more_default:expr;)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $type {
            /// The type of these objects: `0-1` are contacts everywhere, `2-…` is a custom one of the portal.
            pub object: String,
            $($(#[$what])* pub $field: String,)+
            $($(#[$more_what])* pub $more: $more_type,)*
        }

        impl Default for $type {
            fn default() -> $type {
                $type { object: $object.to_owned(), $($field: $default.to_owned(),)+ $($more: $more_default,)* }
            }
        }

        impl $type {
            fn planned(&self) -> Vec<(String, Planned)> {
                vec![$((stringify!($field).to_owned(), Planned::new(&self.$field, $label, Shape::$shape)),)+]
            }
        }
    };
}

names! {
    /// Properties of contacts.
    ContactNames = "0-1" {
        /// Our id of the contact, a UUID.
        surehold_id = "surehold_id", Unique, "Surehold ID";
        /// The student ID, in upper case.
        student_id = "student_id", Text, "Student ID";
        /// The address, in lower case. HubSpot allows each once.
        email = "email", Text, "Email";
        /// The first name.
        first_name = "firstname", Text, "First name";
        /// The last name.
        last_name = "lastname", Text, "Last name";
        /// The day of the licensing exam.
        ndecc_exam_date = "ndecc_exam_date", Date, "NDECC exam date";
    } and {
        /// The kinds of credit, each by our name of it. If the file has any, it has all.
        credits: BTreeMap<String, CreditNames> = exam_school_credits();
    }
}

names! {
    /// Properties of sessions.
    SessionNames = "2-50158913" {
        /// Our id of the session, a UUID.
        surehold_id = "surehold_id", Unique, "Surehold ID";
        /// The name.
        name = "mock_exam_name", Text, "Mock exam name";
        /// The name of what is on sale, such as `Clinical Skills`.
        mock_type = "mock_type", Text, "Mock type";
        /// The set of questions, `A` to `H`.
        mock_set = "mock_set", Text, "Mock set";
        /// The day.
        exam_date = "exam_date", Date, "Exam date";
        /// When it begins: `09:00`, as people there see it.
        start_time = "start_time", Text, "Start time";
        /// When it ends.
        end_time = "end_time", Text, "End time";
        /// Where it is.
        location = "location", Text, "Location";
        /// Seats.
        capacity = "capacity", Number, "Capacity";
        /// Seats that are taken.
        total_bookings = "total_bookings", Number, "Total bookings";
        /// Whether it is on sale: `true`, `false` or `scheduled`.
        is_active = "is_active", Text, "Is active";
        /// When it goes on sale.
        scheduled_activation = "scheduled_activation_datetime", DateTime, "Scheduled activation";
    } and {}
}

names! {
    /// Properties of bookings, and what bookings belong to.
    BookingNames = "2-50158943" {
        /// Our id of the booking, a UUID.
        surehold_id = "surehold_id", Unique, "Surehold ID";
        /// The human booking ID. It repeats after cancel and rebook.
        booking_id = "booking_id", Text, "Booking ID";
        /// The student's name.
        name = "name", Text, "Name";
        /// The student's address.
        email = "email", Text, "Email";
        /// `Active`, `Cancelled` or `Completed`.
        is_active = "is_active", Text, "Is active";
        /// What paid, as people see it, such as `Shared Token`.
        token_used = "token_used", Text, "Token used";
        /// Where the student attends.
        attending_location = "attending_location", Text, "Attending location";
        /// `true` for right, `false` for left.
        dominant_hand = "dominant_hand", Bool, "Dominant hand";
        /// `Yes`, `No` or nothing.
        attendance = "attendance", Text, "Attendance";
        /// `true` when the credit came back.
        token_refunded = "token_refunded", Bool, "Token refunded";
        /// When it did, in milliseconds since 1970.
        token_refunded_at = "token_refunded_at", DateTime, "Token refunded at";
        /// Who gave it back.
        token_refund_admin = "token_refund_admin", Text, "Token refund admin";
    } and {
        /// How a booking belongs to its contact.
        to_contact: AssociationType = user_defined(1289);
        /// How a booking belongs to its session.
        to_session: AssociationType = user_defined(1291);
    }
}

/// Properties of one kind of credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditNames {
    /// The balance; people edit it at the portal.
    pub property: String,
    /// The balance as we wrote it last and which write that was, written together with it: a change of the balance
    /// without one was not ours. See [`surehold_core::credit_history::shadow`].
    pub shadow: String,
}

/// The exam school's five kinds, each called as we call it.
fn exam_school_credits() -> BTreeMap<String, CreditNames> {
    let kinds = ["sj_credits", "cs_credits", "sjmini_credits", "mock_discussion_token", "shared_mock_credits"];
    let names = |kind: &str| CreditNames { property: kind.to_owned(), shadow: format!("surehold_{kind}") };
    kinds.into_iter().map(|kind| (kind.to_owned(), names(kind))).collect()
}

fn user_defined(type_id: u32) -> AssociationType {
    AssociationType { category: "USER_DEFINED".to_owned(), type_id }
}

/// A portal's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// The group that properties are shown in which we make.
    pub group: String,
    /// Of contacts.
    pub contacts: ContactNames,
    /// Of sessions.
    pub sessions: SessionNames,
    /// Of bookings.
    pub bookings: BookingNames,
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            group: "surehold".to_owned(),
            contacts: ContactNames::default(),
            sessions: SessionNames::default(),
            bookings: BookingNames::default(),
        }
    }
}

impl Mapping {
    /// Reads a file that names what differs from the defaults.
    ///
    /// # Errors
    ///
    /// A sentence that names the file and every wrong value in it.
    pub fn load(path: &Path) -> anyhow::Result<Mapping> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Mapping::parse(&text).with_context(|| format!("{} cannot be used", path.display()))
    }

    /// The same for a text.
    ///
    /// # Errors
    ///
    /// A sentence that names every wrong value.
    pub fn parse(text: &str) -> anyhow::Result<Mapping> {
        let mapping: Mapping = serde_json::from_str(text)?;
        let problems = mapping.problems();
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("; "));
        Ok(mapping)
    }

    /// The type of an object at the portal.
    pub fn object_type(&self, object: Object) -> &str {
        match object {
            Object::Contact => &self.contacts.object,
            Object::Session => &self.sessions.object,
            Object::Booking => &self.bookings.object,
        }
    }

    /// The unique property by which an object is written: our id of it.
    pub fn id_property(&self, object: Object) -> &str {
        match object {
            Object::Contact => &self.contacts.surehold_id,
            Object::Session => &self.sessions.surehold_id,
            Object::Booking => &self.bookings.surehold_id,
        }
    }

    /// Every property of an object that we need, as it is made where it is missing.
    pub fn properties(&self, object: Object) -> Vec<Planned> {
        self.planned(object).into_iter().map(|(_, planned)| planned).collect()
    }

    /// The group for what we make.
    pub fn property_group(&self) -> PropertyGroup {
        PropertyGroup { name: self.group.clone(), label: "Surehold".to_owned() }
    }

    /// Every property with its place in the file.
    fn planned(&self, object: Object) -> Vec<(String, Planned)> {
        match object {
            Object::Contact => {
                let mut planned = self.contacts.planned();
                for (kind, names) in &self.contacts.credits {
                    let shadow = format!("{kind}, as Surehold wrote it last");
                    planned
                        .push((format!("credits.{kind}.property"), Planned::new(&names.property, kind, Shape::Number)));
                    planned.push((format!("credits.{kind}.shadow"), Planned::new(&names.shadow, &shadow, Shape::Text)));
                }
                planned
            }
            Object::Session => self.sessions.planned(),
            Object::Booking => self.bookings.planned(),
        }
    }

    /// Sentences, each about one wrong value.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_name(&self.group) {
            problems.push(format!("group: {:?} is no name of a group. {NAME_REMEDY}", self.group));
        }
        for object in Object::ALL {
            let (member, kind) = (object.member(), self.object_type(object));
            if !is_object_type(kind) {
                problems
                    .push(format!("{member}.object: {kind:?} is no type of objects. It looks like 0-1 or 2-50158913"));
            }
            if let Some(other) = Object::ALL.into_iter().find(|o| *o < object && self.object_type(*o) == kind) {
                problems.push(format!("{member}.object: {kind:?} is also {}.object", other.member()));
            }
            let mut places: BTreeMap<String, String> = BTreeMap::new();
            for (place, Planned { name, .. }) in self.planned(object) {
                if !is_name(&name) {
                    problems.push(format!("{member}.{place}: {name:?} is no name of a property. {NAME_REMEDY}"));
                } else if let Some(other) = places.insert(name.clone(), place.clone()) {
                    problems.push(format!("{member}.{place}: {name:?} is also {member}.{other}"));
                }
            }
        }
        for (place, AssociationType { category, type_id }) in
            [("to_contact", &self.bookings.to_contact), ("to_session", &self.bookings.to_session)]
        {
            if !CATEGORIES.contains(&category.as_str()) {
                let known = CATEGORIES.join(", ");
                problems.push(format!("bookings.{place}.category: {category:?} is none of {known}"));
            }
            if *type_id == 0 {
                problems.push(format!("bookings.{place}.type_id: 0 is no type of associations"));
            }
        }
        problems
    }
}

const NAME_REMEDY: &str = "Take its internal name: lower-case letters, digits and underscores, a letter first";

/// A name as HubSpot makes them for programs.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= NAME_MAX && text.starts_with(|char: char| char.is_ascii_lowercase()) && text.bytes().all(plain)
}

/// `2-50158913`.
fn is_object_type(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(meta, number)| is_number(meta) && is_number(number))
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
