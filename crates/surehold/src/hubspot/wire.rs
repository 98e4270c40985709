//! How HubSpot writes things down in JSON: every member may be missing or null, and ids come as text or as numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member that may be null: then as if it were missing.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An id as text. Records have texts of digits, associations of older versions have numbers.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(text(&Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Properties: texts, whatever they stand for; null where there is no value.
pub(super) fn values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let found: BTreeMap<String, Value> = or_default(deserializer)?;
    Ok(found.into_iter().map(|(name, value)| (name, text(&value))).collect())
}

/// A text, a number or a truth value as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The texts that an error's `context` has under a name: a list, or one alone.
pub(super) fn texts_of(context: &Value, name: &str) -> Vec<String> {
    match &context[name] {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        other => text(other).into_iter().collect(),
    }
}

/// Where the next page begins, in `paging.next.after`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Paging {
    #[serde(default)]
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    #[serde(default, deserialize_with = "id")]
    after: String,
}

impl Paging {
    /// The mark to ask for the next page with; none on the last page.
    pub(super) fn after(self) -> Option<String> {
        self.next.map(|next| next.after).filter(|after| !after.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "id")]
        id: String,
        #[serde(default, deserialize_with = "values")]
        properties: BTreeMap<String, Option<String>>,
        #[serde(default, deserialize_with = "or_default")]
        paging: Paging,
    }

    #[test]
    fn members_may_be_missing_null_or_of_another_type() {
        let read = |value: Value| serde_json::from_value::<Sample>(value).expect("readable");
        assert_eq!(read(json!({"id": "7"})).id, "7");
        assert_eq!(read(json!({"id": 7})).id, "7");
        assert_eq!((read(json!({"id": null})).id, read(json!({})).id), (String::new(), String::new()));
        let properties = read(json!({"properties": {"a": "x", "b": null, "c": 7, "d": true}})).properties;
        let value = |name: &str| properties[name].as_deref();
        assert_eq!([value("a"), value("b"), value("c"), value("d")], [Some("x"), None, Some("7"), Some("true")]);
        assert!(read(json!({"properties": null})).properties.is_empty());
        assert_eq!(read(json!({"paging": {"next": {"after": "9"}}})).paging.after().as_deref(), Some("9"));
        assert_eq!(read(json!({"paging": {"next": {"after": 9}}})).paging.after().as_deref(), Some("9"));
        for paging in [json!(null), json!({}), json!({"next": null}), json!({"next": {}})] {
            assert_eq!(read(json!({"paging": paging})).paging.after(), None);
        }
    }

    #[test]
    fn a_context_has_lists_or_single_texts() {
        let context = json!({"ids": ["a", 7], "one": "b", "none": null});
        assert_eq!(texts_of(&context, "ids"), ["a", "7"]);
        assert_eq!(texts_of(&context, "one"), ["b"]);
        assert!(texts_of(&context, "none").is_empty() && texts_of(&json!(null), "ids").is_empty());
        assert!(texts_of(&json!("x"), "ids").is_empty());
    }
}
