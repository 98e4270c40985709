//! What the control routes of all simulators have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A document with some fields changed: objects are merged, everything else is replaced, and so is every object
/// under a name in `whole`.
pub(crate) fn merged<T: Serialize + DeserializeOwned>(
    document: &T,
    given: &Value,
    whole: &[&str],
) -> Result<T, serde_json::Error> {
    let mut changed = json!(document);
    merge(&mut changed, given, whole);
    serde_json::from_value(changed)
}

fn merge(into: &mut Value, given: &Value, whole: &[&str]) {
    match (into, given) {
        (Value::Object(into), Value::Object(given)) => {
            for (name, value) in given {
                match into.get_mut(name) {
                    Some(old) if !whole.contains(&name.as_str()) => merge(old, value, whole),
                    _ => {
                        into.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (into, given) => *into = given.clone(),
    }
}
