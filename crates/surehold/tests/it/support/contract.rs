//! The OpenAPI document as a promise: every status that is answered is in it, and every body has the
//! members that it says, of the types that it says.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(surehold::http::openapi_document()).expect("JSON"));

/// Holds an answer against the document. Routes and methods that there are not are answered by nobody.
pub fn check(method: &str, path: &str, status: u16, body: &Value) -> Result<(), String> {
    // HEAD is GET without the body.
    let is_head = method == "HEAD";
    let Some(operation) = operation(if is_head { "GET" } else { method }, path) else {
        // Views and functions know who asks before they say that they do not have a method.
        let is_known = match status {
            404 | 405 => true,
            401 | 403 | 406 => path.starts_with("/rest/v1/") && ["PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method),
            _ => method == "OPTIONS",
        };
        return if is_known { Ok(()) } else { Err("no such route".to_owned()) };
    };
    let answers = &operation["responses"];
    let Some(answer) = answers.get(status.to_string()) else {
        let known: Vec<_> = answers.as_object().into_iter().flatten().map(|(status, _)| status.as_str()).collect();
        return Err(format!("it knows {}", known.join(", ")));
    };
    if is_head {
        return Ok(());
    }
    let Some(schema) = answer.pointer("/content/application~1json/schema") else { return Ok(()) };
    conforms(schema, body, "body")
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let given: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let (_, item) = DOCUMENT["paths"]
        .as_object()?
        .iter()
        .filter(|(template, _)| fits(template))
        .min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.to_lowercase())
}

fn conforms(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(schema);
    for part in list(schema, "allOf") {
        matches_shape(resolved(part), value, at)?;
    }
    let choices: Vec<_> = list(schema, "oneOf").chain(list(schema, "anyOf")).collect();
    if !choices.is_empty() {
        let problems: Vec<String> = choices.iter().filter_map(|choice| conforms(choice, value, at).err()).collect();
        return if problems.len() < choices.len() { Ok(()) } else { Err(problems.join("; or ")) };
    }
    matches_shape(schema, value, at)?;
    let (Some(members), Some(known)) = (value.as_object(), known_members(schema)) else { return Ok(()) };
    match members.keys().find(|name| !known.contains(name.as_str())) {
        Some(name) => Err(format!("{at}.{name} is not in the document")),
        None => Ok(()),
    }
}

/// Types, required members, and what is in members and items.
fn matches_shape(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for part in list(schema, "allOf") {
        matches_shape(resolved(part), value, at)?;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is_a(value, kind)) {
        return Err(format!("{at} is {value}, not {}", types.join(" or ")));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at} is {value}, none of {allowed:?}"));
    }
    if let Some(members) = value.as_object() {
        if let Some(name) = list(schema, "required").filter_map(Value::as_str).find(|name| !members.contains_key(*name))
        {
            return Err(format!("{at}.{name} is missing"));
        }
        for (name, schema) in schema["properties"].as_object().unwrap_or(&Map::new()) {
            if let Some(value) = members.get(name) {
                conforms(schema, value, &format!("{at}.{name}"))?;
            }
        }
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            conforms(&schema["items"], item, &format!("{at}[{place}]"))?;
        }
    }
    Ok(())
}

/// The members that an object may have; `None`: any.
fn known_members(schema: &Value) -> Option<BTreeSet<&str>> {
    let parts: Vec<&Value> = list(schema, "allOf").map(resolved).collect();
    if schema.get("additionalProperties").is_some() || (parts.is_empty() && !schema["properties"].is_object()) {
        return None;
    }
    let own = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let mut known: BTreeSet<&str> = own.collect();
    for part in parts {
        known.extend(known_members(part)?);
    }
    Some(known)
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).map_or(schema, resolved),
        None => schema,
    }
}

fn list<'v>(schema: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    schema[name].as_array().into_iter().flatten()
}
