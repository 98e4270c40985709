//! The SQL of a query. Its text is made of our own words: names from the catalogue, operators, numbers of parameters.
//! Whatever a caller wrote is a parameter, of type text, which PostgreSQL casts (and refuses) itself.

use std::fmt::Write;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::catalogue::{Column, Kind, View};
use super::query::{Claim, Condition, Nulls, Operator, Query, Said, Term};

/// A statement. Of a query: one row with the rows as a JSON array, their number, and the number of all if that is asked
/// for. Of a claim: of each row its id, and whether each column is as it is said to be.
#[derive(Debug)]
pub struct Statement {
    /// Its text.
    pub text: String,
    /// Its parameters, `$1` first.
    pub values: Vec<Parameter>,
}

/// A parameter.
#[derive(Debug, PartialEq)]
pub enum Parameter {
    /// The organisation.
    Org(Uuid),
    /// A value.
    Text(String),
    /// Values.
    Texts(Vec<String>),
    /// A number of rows.
    Number(i64),
}

impl Parameter {
    /// The parameter and its type, as the driver takes them.
    pub fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Parameter::Org(id) => (id, Type::UUID),
            Parameter::Text(text) => (text, Type::TEXT),
            Parameter::Texts(texts) => (texts, Type::TEXT_ARRAY),
            Parameter::Number(number) => (number, Type::INT8),
        }
    }
}

impl Statement {
    /// The statement of a query about one organisation's rows.
    pub fn of(org_id: Uuid, query: &Query) -> Statement {
        let mut writer = Writer { values: vec![Parameter::Org(org_id)] };
        let rows = writer.rows(query);
        let page = format!(
            "SELECT {}{rows}{} LIMIT {} OFFSET {}",
            columns(query),
            order(&query.order),
            writer.parameter(Parameter::Number(query.limit)),
            writer.parameter(Parameter::Number(query.offset)),
        );
        let body = if query.is_read { writer.body(query) } else { "''".to_owned() };
        let total = if query.is_counted { format!("(SELECT count(*){rows})") } else { "NULL::int8".to_owned() };
        let text = format!("WITH page AS ({page}) SELECT {body}, count(*), {total} FROM page");
        Statement { text, values: writer.values }
    }

    /// The statement of a claim about one organisation's rows.
    pub fn of_claim(org_id: Uuid, claim: &Claim) -> Statement {
        let mut writer = Writer { values: vec![Parameter::Org(org_id)] };
        let rows = writer.rows_of(claim.view, &claim.conditions);
        let same: Vec<String> = claim.values.iter().map(|(column, said)| writer.same(column, said)).collect();
        let limit = writer.parameter(Parameter::Number(claim.limit));
        let text = format!("SELECT v.\"id\", ARRAY[{}]::bool[]{rows} LIMIT {limit}", same.join(", "));
        Statement { text, values: writer.values }
    }
}

/// The columns that are needed, each once.
fn columns(query: &Query) -> String {
    let mut names: Vec<&str> = Vec::new();
    for selected in query.select.iter().filter(|_| query.is_read) {
        if !names.contains(&selected.column.name) {
            names.push(selected.column.name);
        }
    }
    if names.is_empty() {
        return "1".to_owned();
    }
    names.iter().map(|name| format!("v.\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn order(terms: &[Term]) -> String {
    let terms: Vec<String> = terms
        .iter()
        .map(|term| {
            let direction = if term.is_descending { " DESC" } else { "" };
            match (term.column.same_order, term.nulls) {
                // What stands for it has no NULLs.
                (Some(same), _) => format!("v.\"{same}\"{direction}"),
                (None, nulls) => {
                    let nulls = match nulls {
                        Some(Nulls::First) => " NULLS FIRST",
                        Some(Nulls::Last) => " NULLS LAST",
                        None => "",
                    };
                    format!("v.\"{}\"{direction}{nulls}", term.column.name)
                }
            }
        })
        .collect();
    if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) }
}

struct Writer {
    values: Vec<Parameter>,
}

impl Writer {
    /// A parameter's name in the text.
    fn parameter(&mut self, value: Parameter) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Which rows. The organisation comes from the caller's key, and there is no other way to name one.
    fn rows(&mut self, query: &Query) -> String {
        self.rows_of(query.view, &query.conditions)
    }

    fn rows_of(&mut self, view: &View, conditions: &[Condition]) -> String {
        let mut text = format!(" FROM drop_in.\"{}\" AS v WHERE v.org_id = $1", view.name);
        for condition in conditions {
            let _ = write!(text, " AND {}", self.condition(condition, false));
        }
        text
    }

    /// The rows as an array. Members are named by parameters, because callers may rename them.
    fn body(&mut self, query: &Query) -> String {
        let members: Vec<String> = query
            .select
            .iter()
            .map(|selected| {
                let name = selected.column.name;
                let named = match &selected.alias {
                    Some(alias) => format!("{}::text", self.parameter(Parameter::Text(alias.clone()))),
                    None => format!("'{name}'"),
                };
                format!("{named}, page.\"{name}\"")
            })
            .collect();
        format!("coalesce(json_agg(json_build_object({})), '[]')::text", members.join(", "))
    }

    /// A condition. `is_negated`: somewhere around it is a NOT, which must find NULLs unknown, as the column itself does.
    fn condition(&mut self, condition: &Condition, is_negated: bool) -> String {
        match condition {
            Condition::All(all) => self.joined(all, " AND ", is_negated),
            Condition::Any(any) => self.joined(any, " OR ", is_negated),
            Condition::Not(inner) => format!("NOT {}", self.condition(inner, true)),
            Condition::Is(column, is) => format!("(v.\"{}\" {})", column.name, is.sql()),
            Condition::Compare(column, operator, value) => self.comparison(column, *operator, value, is_negated),
            Condition::In(column, values) => {
                let values = values.iter().map(|value| column.letters.fold(value)).collect();
                let values = self.parameter(Parameter::Texts(values));
                match column.lookup.filter(|_| !is_negated) {
                    Some(lookup) => format!("({})", lookup.replace("{}", &format!("{values}::text[]"))),
                    None => format!("(v.\"{}\" = ANY ({values}::text[]{}))", column.name, array_of(column.kind)),
                }
            }
        }
    }

    fn comparison(&mut self, column: &Column, operator: Operator, value: &str, is_negated: bool) -> String {
        let name = column.name;
        if matches!(operator, Operator::Like | Operator::ILike) {
            let pattern = self.parameter(Parameter::Text(value.to_owned()));
            return format!("(v.\"{name}\" {} {pattern}::text)", operator.sql());
        }
        let value = self.parameter(Parameter::Text(column.letters.fold(value)));
        match column.lookup.filter(|_| operator == Operator::Eq && !is_negated) {
            Some(lookup) => format!("({})", lookup.replace("{}", &format!("ARRAY[{value}::text]"))),
            None => format!("(v.\"{name}\" {} {value}::text{})", operator.sql(), cast(column.kind)),
        }
    }

    /// Whether a column is what a caller says it is: true or false, never unknown.
    fn same(&mut self, column: &'static Column, said: &Said) -> String {
        let name = column.name;
        let text = match said {
            Said::Nothing => return nothing(column),
            Said::Texts(members) if column.kind == Kind::Texts => {
                let members = self.parameter(Parameter::Texts(members.clone()));
                let stored = format!("coalesce(v.\"{name}\", '{{}}')");
                return format!("({stored} @> {members}::text[] AND {stored} <@ {members}::text[])");
            }
            Said::Texts(values) => return self.is_one_of(column, values.clone()),
            Said::Text(text) => text,
        };
        match column.kind {
            // What finds a row by a name knows all its names.
            Kind::Text => self.is_one_of(column, vec![text.clone()]),
            kind => {
                let value = format!("{}::text{}", self.parameter(Parameter::Text(text.clone())), cast(kind));
                let (stored, value) = match kind {
                    // A date at the seeds, which callers send with a time or without.
                    Kind::Timestamp => (format!("v.\"{name}\"::date"), format!("{value}::date")),
                    // JavaScript's dates have milliseconds.
                    Kind::Timestamptz => (
                        format!("date_trunc('milliseconds', v.\"{name}\")"),
                        format!("date_trunc('milliseconds', {value})"),
                    ),
                    _ => (format!("v.\"{name}\""), value),
                };
                format!("({stored} IS NOT DISTINCT FROM {value})")
            }
        }
    }

    fn is_one_of(&mut self, column: &'static Column, values: Vec<String>) -> String {
        format!("coalesce({}, false)", self.condition(&Condition::In(column, values), false))
    }

    fn joined(&mut self, conditions: &[Condition], word: &str, is_negated: bool) -> String {
        let parts: Vec<String> = conditions.iter().map(|condition| self.condition(condition, is_negated)).collect();
        format!("({})", parts.join(word))
    }
}

/// Whether a column has no value. Callers do not tell an empty text from none.
fn nothing(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Text => format!("(coalesce(v.\"{name}\", '') = '')"),
        Kind::Texts => format!("(coalesce(cardinality(v.\"{name}\"), 0) = 0)"),
        _ => format!("(v.\"{name}\" IS NULL)"),
    }
}

/// From text to a column's type.
fn cast(kind: Kind) -> String {
    if kind == Kind::Text { String::new() } else { format!("::{}", kind.sql()) }
}

/// From an array of texts to one of a column's type.
fn array_of(kind: Kind) -> String {
    if kind == Kind::Text { String::new() } else { format!("::{}[]", kind.sql()) }
}
