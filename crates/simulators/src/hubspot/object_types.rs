//! Types of objects: HubSpot's own, `0-1` with the name `contacts`, and an account's custom ones, `2-501`.

use super::errors::ApiError;

/// The id of contacts.
pub const CONTACTS: &str = "0-1";

/// A type of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectType {
    /// `0-…` for HubSpot's own, `2-…` for custom ones.
    pub id: String,
    /// Its plural, which is as good as the id in paths, such as `contacts`.
    pub name: String,
    /// As messages name one of them, such as `contact`.
    pub singular: String,
}

impl ObjectType {
    /// A custom type.
    pub fn custom(id: &str, name: &str, singular: &str) -> ObjectType {
        ObjectType { id: id.to_owned(), name: name.to_owned(), singular: singular.to_owned() }
    }
}

const STANDARD: [(&str, &str, &str); 5] = [
    (CONTACTS, "contacts", "contact"),
    ("0-2", "companies", "company"),
    ("0-3", "deals", "deal"),
    ("0-5", "tickets", "ticket"),
    ("0-410", "courses", "course"),
];

/// The types that an account has.
#[derive(Debug, Clone)]
pub(super) struct ObjectTypes {
    known: Vec<ObjectType>,
}

impl ObjectTypes {
    pub(super) fn new(custom: &[ObjectType]) -> ObjectTypes {
        let standard = STANDARD.iter().map(|(id, name, singular)| ObjectType::custom(id, name, singular));
        ObjectTypes { known: standard.chain(custom.iter().cloned()).collect() }
    }

    /// The id of a type that a path names by id, plural or singular. Any `2-…` exists: definitions of custom
    /// types are not simulated.
    pub(super) fn resolve(&self, given: &str) -> Result<String, ApiError> {
        let matches = |known: &&ObjectType| known.id == given || known.name == given || known.singular == given;
        if let Some(known) = self.known.iter().find(matches) {
            return Ok(known.id.clone());
        }
        let is_custom = given.strip_prefix("2-").is_some_and(|number| number.parse::<u64>().is_ok());
        if is_custom {
            Ok(given.to_owned())
        } else {
            Err(ApiError::invalid(format!("Unable to infer object type from: {given}")))
        }
    }

    /// A type's name, or its id if it has none.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.known.iter().find(|known| known.id == id).map_or(id, |known| &known.name)
    }

    /// One of them, as messages name it.
    pub(super) fn singular<'a>(&'a self, id: &'a str) -> &'a str {
        self.known.iter().find(|known| known.id == id).map_or(id, |known| &known.singular)
    }
}
