//! The definitions of properties: what a portal has, and what we add to it.

use serde::{Deserialize, Serialize};

use super::client::HubSpot;
use super::error::HubSpotError;
use super::wire::or_default;

/// A property of a type of objects, as the portal has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name for programs.
    pub name: String,
    /// Its name for people.
    #[serde(default, deserialize_with = "or_default")]
    pub label: String,
    /// What its values are: `string`, `number`, `date`, `datetime`, `enumeration`, `bool`.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// How people enter them: `text`, `number`, `date`, `select`, `booleancheckbox`.
    #[serde(default, deserialize_with = "or_default")]
    pub field_type: String,
    /// The group that it is shown in.
    #[serde(default, deserialize_with = "or_default")]
    pub group_name: String,
    /// Whether no two records have the same value. It is so from the beginning, or never.
    #[serde(default, deserialize_with = "or_default")]
    pub has_unique_value: bool,
    /// Whether HubSpot computes it: then it cannot be written.
    #[serde(default, deserialize_with = "or_default")]
    pub calculated: bool,
    /// Whether it is in the bin.
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
}

/// A property to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewProperty {
    /// Its name for programs: lower-case letters, digits and underscores.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What it is for, shown to people.
    pub description: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How people enter them.
    pub field_type: &'static str,
    /// The group that it is shown in; it has to exist.
    pub group_name: String,
    /// Whether no two records may have the same value. A type of objects may have ten such properties.
    pub has_unique_value: bool,
    /// The values to choose from: of a `bool`, both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PropertyOption>,
}

/// A value to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyOption {
    /// For people.
    pub label: String,
    /// For programs.
    pub value: String,
    /// Its place in the list.
    pub display_order: u32,
    /// Whether it is kept from people.
    pub hidden: bool,
}

/// A group of properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyGroup {
    /// Its name for programs.
    pub name: String,
    /// Its name for people.
    pub label: String,
}

#[derive(Deserialize)]
struct List<T> {
    results: Vec<T>,
}

/// What was made; its own description of itself is not read.
#[derive(Deserialize)]
struct Made {}

impl HubSpot {
    /// Every property of a type of objects, except those in the bin.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`].
    pub async fn list_properties(&self, object_type: &str) -> Result<Vec<Property>, HubSpotError> {
        let list: List<Property> = self.get(self.on_properties("list_properties", &[object_type])?).await?.body;
        Ok(list.results.into_iter().filter(|property| !property.archived).collect())
    }

    /// Makes a property. If there is one of this name already, also in the bin, that is a refusal with status 409.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`].
    pub async fn create_property(&self, object_type: &str, property: &NewProperty) -> Result<(), HubSpotError> {
        self.post::<Made>(self.on_properties("create_property", &[object_type])?, property).await.map(drop)
    }

    /// Every group of properties of a type of objects.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`].
    pub async fn list_property_groups(&self, object_type: &str) -> Result<Vec<PropertyGroup>, HubSpotError> {
        let call = self.on_properties("list_property_groups", &[object_type, "groups"])?;
        Ok(self.get::<List<PropertyGroup>>(call).await?.body.results)
    }

    /// Makes a group of properties. If there is one of this name already, that is a refusal with status 409.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`].
    pub async fn create_property_group(&self, object_type: &str, group: &PropertyGroup) -> Result<(), HubSpotError> {
        let call = self.on_properties("create_property_group", &[object_type, "groups"])?;
        self.post::<Made>(call, group).await.map(drop)
    }
}
