//! Associations: which records belong together, and as what
//! (developers.hubspot.com/docs/api-reference/crm-associations-v4).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::inputs;
use super::state::State;

/// A type of associations, from objects of one type to objects of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationType {
    /// Its id, unique in its category.
    pub id: u32,
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    pub category: Category,
    /// The type of the objects that it goes from.
    pub from: String,
    /// The type of the objects that it goes to.
    pub to: String,
    /// Its label; one type for each pair has none, and is the default.
    pub label: Option<String>,
}

impl AssociationType {
    /// An account's own type.
    pub fn user_defined(id: u32, from: &str, to: &str, label: Option<&str>) -> AssociationType {
        let label = label.map(str::to_owned);
        AssociationType { id, category: Category::UserDefined, from: from.to_owned(), to: to.to_owned(), label }
    }
}

/// Who made a type of associations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// HubSpot.
    HubspotDefined,
    /// The account.
    UserDefined,
    /// Another app.
    IntegratorDefined,
}

/// An association between two records, in the direction in which it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Association {
    /// The type and number of the one record.
    pub from: (String, u64),
    /// The type and number of the other.
    pub to: (String, u64),
    /// Of its type.
    pub category: Category,
    /// Of its type.
    pub type_id: u32,
    /// How many times it was written, the first time included.
    pub writes: u64,
}

type End = (String, u64);
type TypeKey = (Category, u32);

/// All associations.
#[derive(Debug, Default)]
pub(super) struct Associations {
    types: Vec<AssociationType>,
    /// How often each was written.
    made: BTreeMap<(End, End, TypeKey), u64>,
    /// Both directions: from, to.
    neighbours: BTreeMap<End, BTreeSet<(End, TypeKey)>>,
    next_type: u32,
}

impl Associations {
    pub(super) fn new(types: Vec<AssociationType>) -> Associations {
        Associations { types, next_type: 5001, ..Associations::default() }
    }

    /// Forgets all associations, but not their types.
    pub(super) fn clear(&mut self) {
        self.made.clear();
        self.neighbours.clear();
    }

    /// Adds a type.
    pub(super) fn define(&mut self, new: AssociationType) {
        self.types.push(new);
    }

    /// The type of a pair that has no label. HubSpot has one for each pair; here it is made when it is needed.
    fn default_type(&mut self, from: &str, to: &str) -> TypeKey {
        let found = self.types.iter().find(|known| known.from == from && known.to == to && known.label.is_none());
        let found = found
            .or_else(|| self.types.iter().find(|known| known.from == to && known.to == from && known.label.is_none()));
        if let Some(found) = found {
            return (found.category, found.id);
        }
        let is_standard = from.starts_with("0-") && to.starts_with("0-");
        let category = if is_standard { Category::HubspotDefined } else { Category::UserDefined };
        let id = self.next_type;
        self.next_type += 1;
        self.types.push(AssociationType { id, category, from: from.to_owned(), to: to.to_owned(), label: None });
        (category, id)
    }

    /// Whether a type goes from objects of one type to those of another. The way back is of another type.
    fn goes(&self, key: TypeKey, from: &str, to: &str) -> bool {
        self.types.iter().any(|known| (known.category, known.id) == key && known.from == from && known.to == to)
    }

    /// Where a type leads from objects of one type.
    fn target(&self, key: TypeKey, from: &str) -> Option<&str> {
        let known = self.types.iter().find(|known| (known.category, known.id) == key && known.from == from)?;
        Some(&known.to)
    }

    fn label(&self, key: TypeKey) -> Option<&str> {
        self.types.iter().find(|known| (known.category, known.id) == key)?.label.as_deref()
    }

    /// Associates two records; again is as good as once.
    fn make(&mut self, from: End, to: End, key: TypeKey) {
        let backwards = (to.clone(), from.clone(), key);
        let forwards = (from.clone(), to.clone(), key);
        // Written from the other side, it is the same one.
        let written = if self.made.contains_key(&backwards) { backwards } else { forwards };
        *self.made.entry(written).or_default() += 1;
        self.neighbours.entry(from.clone()).or_default().insert((to.clone(), key));
        self.neighbours.entry(to).or_default().insert((from, key));
    }

    /// Takes every association of two records away.
    fn unmake(&mut self, from: &End, to: &End) {
        self.made.retain(|(one, other, _), _| !(one == from && other == to || one == to && other == from));
        for (one, other) in [(from, to), (to, from)] {
            if let Some(neighbours) = self.neighbours.get_mut(one) {
                neighbours.retain(|(neighbour, _)| neighbour != other);
            }
        }
    }

    /// The records of a type that belong to one, with the types of their associations.
    fn neighbours_of(&self, from: &End, to_type: &str) -> BTreeMap<u64, Vec<TypeKey>> {
        let mut found: BTreeMap<u64, Vec<TypeKey>> = BTreeMap::new();
        for ((object_type, number), key) in self.neighbours.get(from).into_iter().flatten() {
            if object_type == to_type {
                found.entry(*number).or_default().push(*key);
            }
        }
        found
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Association> {
        let association = |((from, to, (category, type_id)), writes): (&(End, End, TypeKey), &u64)| Association {
            from: from.clone(),
            to: to.clone(),
            category: *category,
            type_id: *type_id,
            writes: *writes,
        };
        self.made.iter().map(association).collect()
    }

    /// Those of one record.
    pub(super) fn of(&self, object_type: &str, number: u64) -> Vec<End> {
        let neighbours = self.neighbours.get(&(object_type.to_owned(), number)).into_iter().flatten();
        neighbours.map(|(end, _)| end.clone()).collect()
    }
}

/// What a record is to be associated with when it is made.
#[derive(Debug, Clone)]
pub(super) struct Link {
    to: u64,
    types: Vec<TypeKey>,
}

impl Link {
    /// Reads `{"to": {"id"}, "types": [..]}`.
    pub(super) fn read(link: &Value) -> Result<Link, ApiError> {
        Ok(Link { to: end(link, "to")?, types: types(link)? })
    }

    /// Refuses one that leads nowhere.
    pub(super) fn check(&self, state: &State, from_type: &str) -> Result<(), ApiError> {
        for key in &self.types {
            let to_type = state.associations.target(*key, from_type).ok_or_else(|| unknown_type(*key, from_type))?;
            if state.record(to_type, self.to).is_none() {
                return Err(missing(None, Some(self.to)));
            }
        }
        Ok(())
    }

    /// Makes it, if it is good.
    pub(super) fn make(&self, state: &mut State, from_type: &str, from: u64) {
        for key in &self.types {
            if let Some(to_type) = state.associations.target(*key, from_type).map(str::to_owned) {
                state.associations.make((from_type.to_owned(), from), (to_type, self.to), *key);
            }
        }
    }
}

/// The id in `{"from": {"id"}}`.
fn end(object: &Value, field: &str) -> Result<u64, ApiError> {
    let id = inputs::text(object.get(field).unwrap_or(&Value::Null), "id")?;
    let id = id.ok_or_else(|| ApiError::invalid(format!("Invalid input JSON: an input has no `{field}.id`.")))?;
    id.parse().map_err(|_| ApiError::invalid(format!("Invalid input JSON: '{id}' is no id.")))
}

fn types(object: &Value) -> Result<Vec<TypeKey>, ApiError> {
    let wrong = || {
        ApiError::invalid("Invalid input JSON: `types` has to name an associationCategory and an associationTypeId.")
    };
    let read = |spec: &Value| {
        let category = serde_json::from_value(spec.get("associationCategory")?.clone()).ok()?;
        let id = u32::try_from(spec.get("associationTypeId")?.as_u64()?).ok()?;
        Some((category, id))
    };
    let specs = object.get("types").and_then(Value::as_array).filter(|specs| !specs.is_empty()).ok_or_else(wrong)?;
    specs.iter().map(|spec| read(spec).ok_or_else(wrong)).collect()
}

fn unknown_type((category, id): TypeKey, from: &str) -> ApiError {
    let category = json!(category);
    ApiError::invalid(format!("There is no association type {category} {id} of objects of the type {from}."))
}

fn missing(from: Option<u64>, to: Option<u64>) -> ApiError {
    let mut context = json!({});
    for (name, number) in [("fromObjectId", from), ("toObjectId", to)] {
        if let Some(number) = number {
            context[name] = json!([number.to_string()]);
        }
    }
    let message = "One or more objects of the association were not found.";
    ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message).context(context)
}

/// Two records that are to be associated.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Pair {
    pub(super) fn read(input: &Value) -> Result<Pair, ApiError> {
        Ok(Pair { from: end(input, "from")?, to: end(input, "to")? })
    }

    /// Associates them: without `types` by the default type, which is answered.
    pub(super) fn make(
        &self,
        state: &mut State,
        from_type: &str,
        to_type: &str,
        types: Option<&Value>,
    ) -> Result<Vec<(Category, u32, Option<String>)>, ApiError> {
        let exists = |object_type: &str, number: u64| state.record(object_type, number).is_some();
        let (no_from, no_to) = (!exists(from_type, self.from), !exists(to_type, self.to));
        if no_from || no_to {
            return Err(missing(no_from.then_some(self.from), no_to.then_some(self.to)));
        }
        let keys = match types {
            None => vec![state.associations.default_type(from_type, to_type)],
            Some(input) => self::types(input)?,
        };
        let goes = |key: &&TypeKey| types.is_none() || state.associations.goes(**key, from_type, to_type);
        if let Some(unknown) = keys.iter().find(|key| !goes(key)) {
            return Err(unknown_type(*unknown, from_type));
        }
        let (from, to) = ((from_type.to_owned(), self.from), (to_type.to_owned(), self.to));
        for key in &keys {
            state.associations.make(from.clone(), to.clone(), *key);
        }
        let label = |key: &TypeKey| state.associations.label(*key).map(str::to_owned);
        Ok(keys.iter().map(|key| (key.0, key.1, label(key))).collect())
    }
}

/// Takes the associations of a record with others away: `{"from": {"id"}, "to": [{"id"}]}`.
pub(super) fn archive(state: &mut State, from_type: &str, to_type: &str, input: &Value) -> Result<(), ApiError> {
    let from = (from_type.to_owned(), end(input, "from")?);
    let Some(others) = input.get("to").and_then(Value::as_array) else {
        return Err(ApiError::invalid("Invalid input JSON: `to` has to be an array."));
    };
    for other in others {
        let to = end(&json!({ "to": other }), "to")?;
        state.associations.unmake(&from, &(to_type.to_owned(), to));
    }
    Ok(())
}

/// What is associated with a record.
pub(super) fn of_record(state: &State, from: (&str, u64), to_type: &str) -> Vec<Value> {
    let neighbours = state.associations.neighbours_of(&(from.0.to_owned(), from.1), to_type);
    // An archived record is associated with nothing.
    let neighbours = neighbours.into_iter().filter(|(number, _)| state.record(to_type, *number).is_some());
    let shown = neighbours.map(|(number, keys)| {
        let kind =
            |key: &TypeKey| json!({ "category": key.0, "typeId": key.1, "label": state.associations.label(*key) });
        json!({ "toObjectId": number.to_string(), "associationTypes": keys.iter().map(kind).collect::<Vec<_>>() })
    });
    shown.collect()
}
