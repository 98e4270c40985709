//! Definitions of properties, by type of object (developers.hubspot.com/docs/api-reference/crm-properties-v3).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock;
use super::errors::ApiError;
use super::object_types::{CONTACTS, ObjectTypes};
use super::record::system_times;

/// The most unique properties that a type may have.
pub(super) const UNIQUE_MAX: usize = 10;

/// What kind of values a property has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PropertyKind {
    /// Any text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of the options.
    Enumeration,
    /// A day.
    Date,
    /// A time.
    DateTime,
}

/// An option of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyOption {
    /// For people.
    pub label: String,
    /// What records have.
    pub value: String,
}

/// The definition of a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name in the API: small letters, digits, underscores.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The group in which HubSpot shows it.
    pub group_name: String,
    /// What kind of values it has.
    #[serde(rename = "type")]
    pub kind: PropertyKind,
    /// How HubSpot asks for it, such as `text`.
    pub field_type: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether no two records of the type may have the same value.
    #[serde(default)]
    pub has_unique_value: bool,
    /// The values that it can have, if it is an enumeration.
    #[serde(default)]
    pub options: Vec<PropertyOption>,
    /// Whether it is HubSpot's own.
    #[serde(skip)]
    pub(super) is_standard: bool,
    /// Whether only HubSpot sets it.
    #[serde(skip)]
    pub(super) is_read_only: bool,
    #[serde(skip)]
    pub(super) created_at: i64,
}

impl Property {
    /// A property for text.
    pub fn text(name: &str) -> Property {
        Property::of_kind(name, PropertyKind::String)
    }

    /// A property for text that no two records of the type share.
    pub fn unique(name: &str) -> Property {
        Property { has_unique_value: true, ..Property::text(name) }
    }

    /// A property for values of a kind.
    pub fn of_kind(name: &str, kind: PropertyKind) -> Property {
        let field_type = match kind {
            PropertyKind::String => "text",
            PropertyKind::Number => "number",
            PropertyKind::Bool => "booleancheckbox",
            PropertyKind::Enumeration => "select",
            PropertyKind::Date | PropertyKind::DateTime => "date",
        };
        Property {
            name: name.to_owned(),
            label: name.to_owned(),
            group_name: String::new(),
            kind,
            field_type: field_type.to_owned(),
            description: String::new(),
            has_unique_value: false,
            options: Vec::new(),
            is_standard: false,
            is_read_only: false,
            created_at: clock::now(),
        }
    }

    /// A property with a choice of values.
    pub fn choice(name: &str, values: &[&str]) -> Property {
        let options = values.iter().map(|value| PropertyOption { label: (*value).into(), value: (*value).into() });
        Property { options: options.collect(), ..Property::of_kind(name, PropertyKind::Enumeration) }
    }

    fn standard(name: &str, kind: PropertyKind) -> Property {
        Property { is_standard: true, ..Property::of_kind(name, kind) }
    }

    fn read_only(name: &str, kind: PropertyKind) -> Property {
        Property { is_read_only: true, ..Property::standard(name, kind) }
    }

    /// As the API shows it.
    pub(super) fn json(&self) -> Value {
        let mut definition = json!(self);
        definition["hubspotDefined"] = self.is_standard.into();
        definition["createdAt"] = clock::text(self.created_at).into();
        definition["updatedAt"] = clock::text(self.created_at).into();
        definition["archived"] = false.into();
        definition["hidden"] = false.into();
        definition["calculated"] = false.into();
        definition["externalOptions"] = false.into();
        definition["formField"] = false.into();
        definition["displayOrder"] = (-1).into();
        definition["modificationMetadata"] = json!({
            "archivable": !self.is_standard,
            "readOnlyDefinition": self.is_standard,
            "readOnlyValue": self.is_read_only,
        });
        definition
    }

    /// What is wrong with a value: a code and a sentence.
    pub(super) fn fault_of(&self, value: &str) -> Option<(&'static str, String)> {
        if self.is_read_only {
            let message = format!("\"{}\" is a read only property; its value cannot be set.", self.name);
            return Some(("READ_ONLY_VALUE", message));
        }
        if value.is_empty() {
            return None;
        }
        match self.kind {
            PropertyKind::Number if value.parse::<f64>().is_err() => {
                Some(("INVALID_NUMBER", format!("{value} was not a valid number.")))
            }
            PropertyKind::Bool if !["true", "false"].contains(&value) => {
                Some(("INVALID_OPTION", format!("{value} was not one of the allowed options: [true, false]")))
            }
            PropertyKind::Enumeration if self.options.iter().all(|option| option.value != value) => {
                let allowed: Vec<&str> = self.options.iter().map(|option| option.value.as_str()).collect();
                let allowed = allowed.join(", ");
                Some(("INVALID_OPTION", format!("{value} was not one of the allowed options: [{allowed}]")))
            }
            PropertyKind::Date if clock::read(value).is_none_or(|time| time % 86_400_000 != 0) => {
                Some(("INVALID_DATE", format!("{value} is not midnight UTC.")))
            }
            PropertyKind::DateTime if clock::read(value).is_none() => {
                Some(("INVALID_LONG", format!("{value} was not a valid long.")))
            }
            _ if self.is_standard && self.name == "email" && !is_email(value) => {
                Some(("INVALID_EMAIL", format!("Email address {value} is invalid")))
            }
            _ => None,
        }
    }
}

fn is_email(value: &str) -> bool {
    let Some((name, domain)) = value.rsplit_once('@') else { return false };
    !name.is_empty() && domain.contains('.') && !domain.starts_with('.') && !value.contains(char::is_whitespace)
}

/// The properties of one type.
#[derive(Debug, Clone)]
pub(super) struct Definitions {
    properties: BTreeMap<String, Property>,
    /// Labels by name.
    groups: BTreeMap<String, String>,
}

impl Definitions {
    fn new(object_type: &str, types: &ObjectTypes) -> Definitions {
        use PropertyKind::{DateTime, Number, String};
        let group = match object_type {
            CONTACTS => "contactinformation".to_owned(),
            "0-2" => "companyinformation".to_owned(),
            "0-3" => "dealinformation".to_owned(),
            _ => format!("{}_information", types.name(object_type).replace('-', "_")),
        };
        let mut properties: Vec<Property> =
            standard_texts(object_type).iter().map(|name| Property::standard(name, String)).collect();
        properties.push(Property::read_only("hs_object_id", Number));
        properties.extend(system_times(object_type).map(|name| Property::read_only(name, DateTime)));
        for property in &mut properties {
            property.group_name.clone_from(&group);
            property.has_unique_value = object_type == CONTACTS && property.name == "email";
        }
        let properties = properties.into_iter().map(|property| (property.name.clone(), property)).collect();
        Definitions { properties, groups: BTreeMap::from([(group.clone(), group)]) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Property> {
        self.properties.values()
    }

    /// Whether a property tells records apart; `hs_object_id` does, but is none of these.
    pub(super) fn is_unique(&self, name: &str) -> bool {
        self.properties.get(name).is_some_and(|property| property.has_unique_value)
    }

    /// The names of the unique properties.
    pub(super) fn unique(&self) -> impl Iterator<Item = &str> {
        self.properties.values().filter(|property| property.has_unique_value).map(|property| property.name.as_str())
    }

    /// The group that the type has by itself.
    pub(super) fn first_group(&self) -> String {
        let standard = self.properties.get("hs_object_id");
        standard.map(|property| property.group_name.clone()).unwrap_or_default()
    }

    /// Adds a property.
    pub(super) fn add(&mut self, property: Property) -> Result<&Property, ApiError> {
        let name = property.name.clone();
        let good = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
        if !good || name.len() > 100 {
            return Err(ApiError::invalid(format!(
                "Invalid property name '{name}': small letters, digits and underscores, the first a letter."
            )));
        }
        if self.properties.contains_key(&name) {
            return Err(ApiError::conflict(format!("A property named '{name}' already exists.")));
        }
        if !self.groups.contains_key(&property.group_name) {
            return Err(ApiError::invalid(format!("Property group '{}' does not exist.", property.group_name)));
        }
        let taken = self.properties.values().filter(|one| one.has_unique_value && !one.is_standard).count();
        if property.has_unique_value && taken >= UNIQUE_MAX {
            return Err(ApiError::invalid(format!("An object can have at most {UNIQUE_MAX} unique properties.")));
        }
        Ok(self.properties.entry(name).or_insert(property))
    }

    /// Changes label, description, group and options of a property. Whether its values are unique is for ever.
    pub(super) fn change(&mut self, name: &str, changes: &Value) -> Result<&Property, ApiError> {
        let Some(property) = self.properties.get_mut(name) else { return Err(no_property(name)) };
        if changes.get("hasUniqueValue").is_some_and(|unique| *unique != property.has_unique_value) {
            let message = format!("hasUniqueValue cannot be changed on the existing property '{name}'.");
            return Err(ApiError::invalid(message));
        }
        let mut document = json!(property);
        for field in ["label", "description", "groupName", "options"] {
            if let Some(value) = changes.get(field) {
                document[field] = value.clone();
            }
        }
        let changed: Property = serde_json::from_value(document).map_err(|error| not_understood(&error))?;
        let Property { is_standard, is_read_only, created_at, .. } = *property;
        *property = Property { is_standard, is_read_only, created_at, ..changed };
        Ok(property)
    }

    /// Forgets a property.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        match self.properties.get(name) {
            None => Err(no_property(name)),
            Some(property) if property.is_standard => {
                Err(ApiError::invalid(format!("'{name}' is a default property and cannot be archived.")))
            }
            Some(_) => {
                self.properties.remove(name);
                Ok(())
            }
        }
    }

    /// Adds a group.
    pub(super) fn add_group(&mut self, name: &str, label: &str) -> Result<(), ApiError> {
        if self.groups.contains_key(name) {
            return Err(ApiError::conflict(format!("A property group named '{name}' already exists.")));
        }
        self.groups.insert(name.to_owned(), label.to_owned());
        Ok(())
    }

    /// All groups, with their labels.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&str, &str)> {
        self.groups.iter().map(|(name, label)| (name.as_str(), label.as_str()))
    }
}

/// 404: there is no such property.
pub(super) fn no_property(name: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", format!("Property {name} does not exist."))
}

/// 400: the body is not what it should be.
pub(super) fn not_understood(error: &serde_json::Error) -> ApiError {
    ApiError::invalid(format!("Invalid input JSON: {error}"))
}

fn standard_texts(object_type: &str) -> &'static [&'static str] {
    match object_type {
        CONTACTS => &["email", "firstname", "lastname", "phone", "company", "lifecyclestage"],
        "0-2" => &["name", "domain", "phone", "city"],
        "0-3" => &["dealname", "dealstage", "pipeline", "amount", "closedate"],
        "0-5" => &["subject", "content", "hs_pipeline", "hs_pipeline_stage"],
        _ => &[],
    }
}

/// The properties of all types.
#[derive(Debug, Clone, Default)]
pub(super) struct Properties {
    by_type: BTreeMap<String, Definitions>,
}

impl Properties {
    /// A type's properties; at first those that HubSpot has by itself.
    pub(super) fn of(&mut self, object_type: &str, types: &ObjectTypes) -> &mut Definitions {
        self.by_type.entry(object_type.to_owned()).or_insert_with(|| Definitions::new(object_type, types))
    }
}
