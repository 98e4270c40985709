//! How Stripe writes things down in JSON.

use serde::{Deserialize, Deserializer};

/// An object that may come as its id alone or, expanded, as a whole: only the id is kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expandable {
    Id(String),
    Object { id: String },
}

/// The id of an expandable member that may be null.
pub(super) fn id_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let found = Option::<Expandable>::deserialize(deserializer)?;
    Ok(found.map(|found| match found {
        Expandable::Id(id) | Expandable::Object { id } => id,
    }))
}

/// `null` where a value is usual, such as metadata: the empty value.
pub(super) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "id_of")]
        payment_intent: Option<String>,
        #[serde(default, deserialize_with = "null_is_empty")]
        metadata: BTreeMap<String, String>,
    }

    #[test]
    fn an_expandable_member_is_an_id_an_object_null_or_absent() {
        let read = |text: &str| serde_json::from_str::<Sample>(text).map(|sample| sample.payment_intent);
        assert_eq!(read(r#"{"payment_intent":"pi_1"}"#).expect("an id").as_deref(), Some("pi_1"));
        assert_eq!(read(r#"{"payment_intent":{"id":"pi_2","amount":5}}"#).expect("whole").as_deref(), Some("pi_2"));
        assert_eq!(read(r#"{"payment_intent":null}"#).expect("null"), None);
        assert_eq!(read("{}").expect("absent"), None);
        assert!(read(r#"{"payment_intent":7}"#).is_err());
    }

    #[test]
    fn metadata_may_be_null() {
        let read = |text: &str| serde_json::from_str::<Sample>(text).expect("readable").metadata;
        assert!(read(r#"{"metadata":null}"#).is_empty() && read("{}").is_empty());
        assert_eq!(read(r#"{"metadata":{"a":"b"}}"#)["a"], "b");
    }
}
