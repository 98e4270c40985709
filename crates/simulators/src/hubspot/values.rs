//! The values that a caller wants to write: understood, and checked against the properties of the type.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::errors::ApiError;
use super::properties::Definitions;

/// Values by property. Empty ones clear.
pub(super) type Values = BTreeMap<String, String>;

/// Reads `{"name": "value"}`. Numbers and truth values are taken as text, null as empty.
pub(super) fn read(properties: &Value) -> Result<Values, ApiError> {
    let Some(properties) = properties.as_object() else {
        return Err(ApiError::invalid("Invalid input JSON: `properties` has to be an object."));
    };
    let text = |(name, value): (&String, &Value)| match value {
        Value::Null => Ok((name.clone(), String::new())),
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
        Value::Array(_) | Value::Object(_) => {
            Err(ApiError::invalid(format!("Invalid input JSON: the value of '{name}' has to be a string.")))
        }
    };
    properties.iter().map(text).collect()
}

/// Refuses values that the type's properties do not allow, all of them in one error. Emails become lower case.
pub(super) fn check(values: &mut Values, definitions: &Definitions, portal_id: u64) -> Result<(), ApiError> {
    if let Some(email) = values.get_mut("email").filter(|_| definitions.is_unique("email")) {
        *email = email.to_lowercase();
    }
    let mut faults = Vec::new();
    for (name, value) in values.iter() {
        let fault = match definitions.get(name) {
            None => Some(("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"))),
            Some(property) => property.fault_of(value),
        };
        faults.extend(fault.map(|(code, message)| (name, code, message)));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let described = faults.iter().map(|(name, code, message)| {
        json!({
            "isValid": false, "message": message, "error": code, "name": name,
            "localizedErrorMessage": message, "portalId": portal_id,
        })
    });
    let described = Value::from(described.collect::<Vec<_>>());
    let mut error = ApiError::invalid(format!("Property values were not valid: {described}"));
    let details = faults.iter().map(
        |(name, code, message)| json!({ "message": message, "code": code, "context": { "propertyName": [name] } }),
    );
    error.errors = details.collect();
    Err(error)
}
