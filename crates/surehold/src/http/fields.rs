//! A reader over the members of a JSON object or the parameters of a query string. It knows the aliases
//! of each field and collects every bad field before the request is answered, so that a caller mends all
//! of them at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::ApiError;

/// A field: its own name, then the other spellings that callers use.
#[derive(Debug, Clone, Copy)]
pub struct Name(pub &'static [&'static str]);

impl Name {
    /// The name that answers use.
    pub fn own(self) -> &'static str {
        self.0[0]
    }
}

/// The student's ID.
pub const STUDENT_ID: Name = Name(&["student_id", "studentId"]);
/// The student's email.
pub const EMAIL: Name = Name(&["email", "student_email", "studentEmail"]);
/// The mock type: the offering's name.
pub const MOCK_TYPE: Name = Name(&["mock_type", "mockType"]);
/// The local date.
pub const EXAM_DATE: Name = Name(&["exam_date", "examDate"]);
/// The session.
pub const SESSION: Name = Name(&[
    "mock_exam_id",
    "mockExamId",
    "session_id",
    "sessionId",
    "exam_id",
    "examId",
    "discussion_id",
    "discussionId",
]);
/// Where the student attends.
pub const ATTENDING_LOCATION: Name =
    Name(&["attending_location", "attendingLocation", "discussion_format", "discussionFormat"]);
/// The hand the student works with.
pub const DOMINANT_HAND: Name = Name(&["dominant_hand", "dominantHand"]);
/// The person an admin key acts for.
pub const ADMIN_EMAIL: Name = Name(&["admin_email", "adminEmail"]);
/// Why.
pub const REASON: Name = Name(&["reason"]);
/// How many on a page.
pub const LIMIT: Name = Name(&["limit"]);

/// Reads a request's fields.
#[derive(Clone)]
pub struct Fields {
    members: Map<String, Value>,
    problems: BTreeMap<String, String>,
}

impl Fields {
    /// Over the members of a JSON object.
    pub fn new(members: Map<String, Value>) -> Fields {
        Fields { members, problems: BTreeMap::new() }
    }

    /// Over the parameters of a query string. Of a parameter given twice, the last counts.
    pub fn from_query(query: Option<&str>) -> Fields {
        let members = form_pairs(query.unwrap_or_default()).map(|(name, value)| (name, Value::String(value)));
        Fields::new(members.collect())
    }

    /// Adds the members that are not there yet.
    pub fn or(mut self, other: Fields) -> Fields {
        for (name, value) in other.members {
            self.members.entry(name).or_insert(value);
        }
        self
    }

    /// The value of a field under any of its names; `null` and `""` count as absent.
    fn value(&mut self, name: Name) -> Option<Value> {
        let mut given = name.0.iter().filter_map(|spelling| self.members.get(*spelling)).filter(|v| !is_absent(v));
        let first = given.next()?.clone();
        if given.any(|other| *other != first) {
            self.problem(name.own(), "is given under two names with different values");
        }
        Some(first)
    }

    /// Whether the field is there, be it as `null` or `""`.
    pub fn mentions(&self, name: Name) -> bool {
        name.0.iter().any(|spelling| self.members.contains_key(*spelling))
    }

    /// Whether the field is there with a value.
    pub fn has(&self, name: Name) -> bool {
        name.0.iter().filter_map(|spelling| self.members.get(*spelling)).any(|value| !is_absent(value))
    }

    /// A field that may be absent.
    pub fn optional<T>(&mut self, name: Name, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.value(name)?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(name.own(), problem);
                None
            }
        }
    }

    /// A field that may be absent, whose name is data: a kind of credit.
    pub fn optional_member<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !is_absent(value))?;
        match read(value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// A field that must be there. Where it is not, or is bad, this is noted and a placeholder returned:
    /// [`Fields::finish`] refuses the request before anybody uses it.
    pub fn required<T: Default>(&mut self, name: Name, read: impl FnOnce(&Value) -> Result<T, String>) -> T {
        if !self.has(name) {
            self.problem(name.own(), "is required");
        }
        self.optional(name, read).unwrap_or_default()
    }

    /// A field whose `null` or `""` means "forget it": `Some(None)`.
    pub fn clearable<T>(&mut self, name: Name, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<Option<T>> {
        match self.has(name) {
            true => self.optional(name, read).map(Some),
            false => self.mentions(name).then_some(None),
        }
    }

    /// A list of 1 to `max` items; a bad item is named by its place.
    pub fn list<T>(
        &mut self,
        name: Name,
        max: usize,
        mut read: impl FnMut(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = match self.value(name)? {
            Value::Array(items) => items,
            _ => {
                self.problem(name.own(), "must be a list");
                return None;
            }
        };
        if items.len() > max {
            self.problem(name.own(), format!("may have at most {max} items, not {}", items.len()));
            return None;
        }
        let mut read_items = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            match read(item) {
                Ok(item) => read_items.push(item),
                Err(problem) => self.problem(format!("{}[{place}]", name.own()), problem),
            }
        }
        Some(read_items)
    }

    /// The members of a nested object.
    pub fn object(&mut self, name: Name) -> Option<Map<String, Value>> {
        self.optional(name, |value| value.as_object().cloned().ok_or_else(|| "must be an object".to_owned()))
    }

    /// A nested object, read by a reader of its own; its bad fields are named `outer.inner`.
    pub fn nested<T>(&mut self, name: Name, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
        let mut inner = Fields::new(self.object(name)?);
        let value = read(&mut inner);
        for (field, problem) in inner.problems {
            self.problem(format!("{}.{field}", name.own()), problem);
        }
        Some(value)
    }

    /// Refuses a change that names nothing to change.
    pub fn must_mention_one_of(&self, known: &[Name]) -> Result<(), ApiError> {
        if known.iter().any(|name| self.mentions(*name)) {
            return Ok(());
        }
        let names: Vec<_> = known.iter().map(|name| name.own()).collect();
        Err(ApiError::invalid_field("body", format!("must name something to change: {}", names.join(", "))))
    }

    /// Notes that a field is bad. The first problem of a field is the one that is told.
    pub fn problem(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.problems.entry(field.into()).or_insert(problem.into());
    }

    /// Whether nothing is known against these fields.
    pub fn are_good(&self, names: &[Name]) -> bool {
        names.iter().all(|name| !self.problems.contains_key(name.own()))
    }

    /// Refuses the request if any field was bad.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.problems)) }
    }

    /// The same, without giving the reader up.
    pub fn check(&mut self) -> Result<(), ApiError> {
        match std::mem::take(&mut self.problems) {
            none if none.is_empty() => Ok(()),
            problems => Err(ApiError::invalid(problems)),
        }
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// The pairs of an `application/x-www-form-urlencoded` text.
fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(name), percent_decode(value))
    })
}

fn percent_decode(text: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1..at + 3)) {
            (b'%', Some(&[high, low])) if hex(high).is_some() && hex(low).is_some() => {
                decoded.push(hex(high).unwrap_or(0) << 4 | hex(low).unwrap_or(0));
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::kinds;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::new(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut f = fields(json!({ "studentId": "no spaces", "exam_date": "2026-02-30" }));
        f.required(STUDENT_ID, kinds::student_id);
        f.required(EMAIL, kinds::email);
        f.optional(EXAM_DATE, kinds::date);
        let error = f.finish().expect_err("three fields are bad");
        let named: Vec<_> = error
            .details
            .as_ref()
            .and_then(|d| d["fields"].as_object())
            .into_iter()
            .flatten()
            .map(|(k, _)| k)
            .collect();
        assert_eq!(named, ["email", "exam_date", "student_id"]);
    }

    #[test]
    fn two_names_with_different_values_are_refused_and_with_the_same_value_not() {
        let mut f = fields(json!({ "student_id": "A1", "studentId": "A1" }));
        assert_eq!(f.required(STUDENT_ID, kinds::student_id), "A1");
        assert!(f.check().is_ok());
        let mut f = fields(json!({ "student_id": "A1", "studentId": "B2" }));
        f.required(STUDENT_ID, kinds::student_id);
        assert!(f.finish().is_err());
    }

    #[test]
    fn null_forgets_and_absence_leaves() {
        let name = Name(&["x"]);
        assert_eq!(fields(json!({ "x": null })).clearable(name, kinds::date), Some(None));
        assert_eq!(fields(json!({})).clearable(name, kinds::date), None);
    }

    #[test]
    fn bad_fields_of_a_nested_object_are_named_with_it() {
        let (outer, inner) = (Name(&["repeat"]), Name(&["until"]));
        let mut f = fields(json!({ "repeat": { "until": "soon" } }));
        assert_eq!(f.nested(outer, |f| f.optional(inner, kinds::date)), Some(None));
        assert!(!f.are_good(&[Name(&["repeat.until"])]));
        assert_eq!(fields(json!({})).nested(outer, |_| ()), None);
    }

    #[test]
    fn query_strings_are_decoded() {
        let mut f = Fields::from_query(Some("email=a%2Bb%40x.org&mock_type=Clinical+Skills&odd=%zz&flag"));
        assert_eq!(f.required(EMAIL, kinds::email), "a+b@x.org");
        assert_eq!(f.required(MOCK_TYPE, kinds::text(100)), "Clinical Skills");
        assert_eq!(f.required(Name(&["odd"]), kinds::text(100)), "%zz");
        assert!(f.mentions(Name(&["flag"])) && !f.has(Name(&["flag"])));
    }
}
