//! An answer of the HTTP service, and what can be said of every answer.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use super::contract;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The JSON of the body; a string where it is no JSON.
    pub body: Value,
    what: String,
}

/// Words of the machinery, which no caller is ever told.
const INNER_WORDS: &[&str] = &[
    "postgres",
    "tokio",
    "deadpool",
    "sqlstate",
    "select ",
    "insert ",
    "relation",
    "constraint",
    "panic",
    "socket",
    ".rs:",
    "surehold_app",
    "/tmp",
    "/dev",
    "connection refused",
    "os error",
    "terminating",
];

impl Answer {
    pub async fn of(method: Method, path: String, response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a whole body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let answer = Answer { status, headers, body, what: format!("{method} {path}") };
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
        match status {
            400.. if path.starts_with("/rest/") => answer.is_a_proper_failure_of_rest(&method),
            400.. => answer.is_a_proper_failure(),
            _ => {}
        }
        if let Err(problem) = contract::check(method.as_str(), &path, status, &answer.body) {
            panic!("{} answered {status}, which the document does not say: {problem}\n{:#}", answer.what, answer.body);
        }
        answer
    }

    /// The envelope of a failure, without a word of what happened inside.
    fn is_a_proper_failure(&self) {
        assert_eq!(self.body["success"], false, "{self:?}");
        assert!(self.body["error"].as_str().is_some_and(|text| text.len() > 10), "a sentence: {self:?}");
        assert!(self.body["code"].as_str().is_some_and(|code| !code.is_empty()), "{self:?}");
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let text = self.body.to_string().to_lowercase();
        for word in INNER_WORDS {
            assert!(!text.contains(word), "an error that says {word:?}: {self:?}");
        }
        if [429, 503].contains(&self.status) {
            let seconds = self.header("retry-after").and_then(|text| text.parse::<u64>().ok());
            assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{self:?}");
        }
    }

    /// The four members of PostgREST's errors.
    fn is_a_proper_failure_of_rest(&self, method: &Method) {
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"), "{self:?}");
        let said = self.header("proxy-status").and_then(|text| text.strip_prefix("PostgREST; error="));
        if method == Method::HEAD {
            assert!(said.is_some(), "{self:?}");
            return;
        }
        assert_eq!(said, Some(self.code()), "{self:?}");
        let members: Vec<&String> = self.body.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["code", "details", "hint", "message"], "{self:?}");
        assert!(self.body["message"].as_str().is_some_and(|text| text.len() > 10), "a sentence: {self:?}");
        for member in ["details", "hint"] {
            assert!(self.body[member].is_string() || self.body[member].is_null(), "{self:?}");
        }
    }

    /// Has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}: {:#}", self.what, self.body);
        self
    }

    /// Is a refusal with this status and code; its details.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Value {
        assert_eq!((self.status, self.code()), (status, code), "{}: {:#}", self.what, self.body);
        &self.body["details"]
    }

    /// Is a `VALIDATION_ERROR` about exactly these fields.
    #[track_caller]
    pub fn names_bad_fields(&self, names: &[&str]) {
        let details = self.refused(400, "VALIDATION_ERROR");
        let fields: Vec<&str> = details["fields"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, names, "{:#}", self.body);
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// The rows of a list.
    #[track_caller]
    pub fn rows(&self) -> &[Value] {
        self.data().as_array().unwrap_or_else(|| panic!("a list: {self:?}"))
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The UUID in `data.id`.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        self.data()["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {:#}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Says that it was given before.
    pub fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The body with what differs from run to run struck out.
    pub fn masked(&self) -> Value {
        masked("", &self.body)
    }
}

/// A member of each row, which is a text.
pub fn texts<'v>(rows: impl IntoIterator<Item = &'v Value>, member: &str) -> Vec<&'v str> {
    rows.into_iter().map(|row| row[member].as_str().unwrap()).collect()
}

fn masked(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), masked(name, value))).collect(),
        Value::Array(items) => items.iter().map(|item| masked(name, item)).collect(),
        Value::String(_) if name == "token" || name == "request_id" => format!("[{name}]").into(),
        Value::String(text) if name == "idempotency_key" && text.len() > 32 => {
            let (kind, rest) = text.split_once('_').unwrap_or_default();
            format!("{kind}_[{} characters]", rest.len()).into()
        }
        Value::String(text) if name == "next_cursor" => format!("[{} characters]", text.len()).into(),
        Value::String(text) if Uuid::try_parse(text).is_ok() => "[uuid]".into(),
        Value::String(text) if text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok() => "[instant]".into(),
        Value::String(text) => match text.split_once(':').filter(|(_, id)| Uuid::try_parse(id).is_ok()) {
            Some((who, _)) => format!("{who}:[uuid]").into(),
            None => value.clone(),
        },
        other => other.clone(),
    }
}
