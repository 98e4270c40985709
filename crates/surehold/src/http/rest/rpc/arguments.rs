//! The arguments of a call, and their types: what PostgreSQL makes of JSON (`json_to_record`), with its own words where it
//! can make nothing of it.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use jiff::civil::{Date, Time};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::kinds;
use crate::http::rest::{errors, json};

/// Parameters of a query string that say what is wanted of the rows that a function returns. It is one row, whatever its
/// order.
const ABOUT_ROWS: [&str; 4] = ["order", "limit", "offset", "columns"];

/// The arguments of a call, by name.
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Those of a body, which is JSON. Nothing is no arguments, and so is what is no object.
    pub async fn of_body(app: &App, headers: &HeaderMap, body: Body) -> Result<Arguments, ApiError> {
        match json::read(app, headers, body).await? {
            Some(Value::Object(members)) => Ok(Arguments(members)),
            _ => Ok(Arguments(Map::new())),
        }
    }

    /// The members of an object, which have types like arguments.
    pub fn of(members: Map<String, Value>) -> Arguments {
        Arguments(members)
    }

    /// Those of a query string, and the columns that it selects.
    pub fn of_query(text: &str) -> (Arguments, Option<String>) {
        let mut arguments = Map::new();
        let mut select = None;
        for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
            if name == "select" {
                select = Some(value);
            } else if !ABOUT_ROWS.contains(&name.as_str()) {
                arguments.insert(name, Value::String(value));
            }
        }
        (Arguments(arguments), select)
    }

    /// Their names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Whether it is there, be it as NULL.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// An argument of type `text`. `None` is NULL, or a default of NULL.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if text.contains('\0') {
            return Err(errors::nul());
        }
        Ok(Some(text))
    }

    /// An argument of type `text`, of which nothing is NULL, too: callers fill in what they do not know.
    pub fn filled_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.text(name)?.filter(|text| !text.trim().is_empty()))
    }

    /// An argument of type `uuid`.
    pub fn uuid(&self, name: &str) -> Result<Option<Uuid>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // PostgreSQL knows no URNs.
        match Uuid::try_parse(&text) {
            Ok(id) if text.len() <= 38 => Ok(Some(id)),
            _ => Err(value("22P02", format!("invalid input syntax for type uuid: \"{text}\""))),
        }
    }

    /// An argument of type `integer`.
    pub fn integer(&self, name: &str) -> Result<Option<i32>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(value("22P02", format!("invalid input syntax for type integer: \"{text}\"")));
        }
        let out_of_range = |_| value("22003", format!("value \"{text}\" is out of range for type integer"));
        digits.parse().map(Some).map_err(out_of_range)
    }

    /// An argument of type `date`.
    pub fn date(&self, name: &str) -> Result<Option<Date>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let read = kinds::date(&Value::String(text.clone()));
        read.map(Some).map_err(|_| value("22007", format!("invalid input syntax for type date: \"{text}\"")))
    }

    /// An argument of type `time`, to the minute.
    pub fn time(&self, name: &str) -> Result<Option<Time>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let read = kinds::time(&Value::String(text.clone()));
        read.map(Some).map_err(|_| value("22007", format!("invalid input syntax for type time: \"{text}\"")))
    }

    /// An argument of type `jsonb` that is an array. It may come as text: callers write `JSON.stringify(…)`.
    pub fn array(&self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        let given = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map_err(|_| value("22P02", "invalid input syntax for type json".to_owned()))?,
            Some(other) => other.clone(),
        };
        match given {
            Value::Array(items) => Ok(Some(items)),
            Value::Object(_) => Err(value("22023", "cannot extract elements from an object".to_owned())),
            _ => Err(value("22023", "cannot extract elements from a scalar".to_owned())),
        }
    }
}

/// The columns that the query string of a POST selects. Conditions on what a function returns are not understood, and one
/// that is not applied shows too much.
pub fn selected(text: &str) -> Result<Option<String>, ApiError> {
    let mut select = None;
    for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
        if name == "select" {
            select = Some(value);
        } else if !ABOUT_ROWS.contains(&name.as_str()) {
            return Err(errors::parse("filter", &value, 1, "what a function returns cannot be filtered"));
        }
    }
    Ok(select)
}

fn value(code: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(value: Value) -> Arguments {
        let Value::Object(members) = json!({ "p": value }) else { unreachable!("an object") };
        Arguments(members)
    }

    #[test]
    fn text_is_made_of_anything() {
        let of = |value| arguments(value).text("p").map_err(|error| error.code);
        assert_eq!(of(json!(" a ")), Ok(Some(" a ".to_owned())));
        assert_eq!(of(json!(true)), Ok(Some("true".to_owned())));
        assert_eq!(of(json!(1_599_999)), Ok(Some("1599999".to_owned())));
        assert_eq!(of(json!({"a": [1]})), Ok(Some("{\"a\":[1]}".to_owned())));
        assert_eq!(of(json!(null)), Ok(None));
        assert_eq!(arguments(json!(1)).text("q").map_err(|error| error.code), Ok(None));
        assert_eq!(of(json!("a\0b")), Err("22P05"));
    }

    #[test]
    fn numbers_are_whole_and_fit() {
        let of = |value| arguments(value).integer("p").map_err(|error| error.code);
        for (given, number) in [(json!(5), 5), (json!(" -7 "), -7), (json!("+1"), 1), (json!("2147483647"), i32::MAX)] {
            assert_eq!(of(given), Ok(Some(number)));
        }
        for wrong in [json!(1.5), json!("x"), json!(""), json!(true), json!([1]), json!("1 2"), json!("--1")] {
            assert_eq!(of(wrong.clone()), Err("22P02"), "{wrong}");
        }
        assert_eq!(of(json!(2_147_483_648_i64)), Err("22003"));
    }

    #[test]
    fn lists_may_come_as_text() {
        let of = |value| arguments(value).array("p").map_err(|error| error.sentence);
        assert_eq!(of(json!([1, "a"])), Ok(Some(vec![json!(1), json!("a")])));
        assert_eq!(of(json!("[1, \"a\"]")), Ok(Some(vec![json!(1), json!("a")])));
        assert_eq!(of(json!([])), Ok(Some(Vec::new())));
        assert_eq!(of(json!(null)), Ok(None));
        for scalar in [json!(1), json!("null"), json!("\"a\""), json!(true)] {
            assert_eq!(of(scalar.clone()), Err("cannot extract elements from a scalar".to_owned()), "{scalar}");
        }
        for object in [json!({"a": 1}), json!("{}")] {
            assert_eq!(of(object.clone()), Err("cannot extract elements from an object".to_owned()), "{object}");
        }
        assert_eq!(of(json!("[1")), Err("invalid input syntax for type json".to_owned()));
    }

    #[test]
    fn days_and_times_are_those_of_columns() {
        let arguments = |date: Value, time: Value| Arguments(Map::from_iter([("d".into(), date), ("t".into(), time)]));
        let good = arguments(json!("2027-01-15"), json!("18:30:00"));
        assert_eq!(good.date("d").map_err(|error| error.code), Ok(Some(jiff::civil::date(2027, 1, 15))));
        assert_eq!(good.time("t").map_err(|error| error.code), Ok(Some(jiff::civil::time(18, 30, 0, 0))));
        let bad = arguments(json!("15.1."), json!("half past six"));
        assert_eq!(
            bad.date("d").map_err(|error| error.sentence),
            Err("invalid input syntax for type date: \"15.1.\"".into())
        );
        assert_eq!(bad.time("t").map_err(|error| error.code), Err("22007"));
        let none = arguments(json!(null), json!(null));
        assert_eq!((none.date("d").ok(), none.time("t").ok()), (Some(None), Some(None)));
    }

    #[test]
    fn uuids_have_postgresqls_spellings() {
        let of = |text: &str| arguments(json!(text)).uuid("p").map_err(|error| error.code);
        let id = Uuid::from_u128(7);
        for spelling in
            [id.to_string(), id.to_string().to_uppercase(), id.simple().to_string(), id.braced().to_string()]
        {
            assert_eq!(of(&spelling), Ok(Some(id)));
        }
        for wrong in ["", "x", "1500000", &id.urn().to_string()] {
            assert_eq!(of(wrong), Err("22P02"), "{wrong}");
        }
    }
}
