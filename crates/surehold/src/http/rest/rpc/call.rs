//! A call of a function, and what it returned.

use serde_json::Value;

use super::arguments::Arguments;
use crate::http::app::App;
use crate::http::rest::request::Caller;

/// A call of a function.
pub struct Call<'c> {
    /// Everything.
    pub app: &'c App,
    /// Who calls.
    pub caller: &'c Caller,
    /// With what.
    pub arguments: Arguments,
    /// The columns that the caller wants of a row.
    pub select: Option<String>,
}

/// What a function returned.
pub struct Returned {
    /// JSON.
    pub value: String,
    /// It was done before, and nothing was changed now.
    pub is_replayed: bool,
}

impl Returned {
    /// A value.
    pub fn new(value: &Value) -> Returned {
        Returned { value: value.to_string(), is_replayed: false }
    }
}
