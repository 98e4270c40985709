//! What a caller wants to read of a view.

use super::catalogue::{Column, View};

/// What a caller wants to read of a view.
#[derive(Debug)]
pub struct Query {
    /// Of this view.
    pub view: &'static View,
    /// These columns of each row, in this order.
    pub select: Vec<Selected>,
    /// The rows that fulfil all of these.
    pub conditions: Vec<Condition>,
    /// In this order; then in any.
    pub order: Vec<Term>,
    /// So many of them not, at first.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
    /// Whether it matters how many rows there are without `offset` and `limit`.
    pub is_counted: bool,
    /// Whether the rows themselves matter, not only their number.
    pub is_read: bool,
}

/// What a caller says that rows are already.
#[derive(Debug)]
pub struct Claim {
    /// Of this view.
    pub view: &'static View,
    /// The rows that fulfil all of these.
    pub conditions: Vec<Condition>,
    /// What each of them is said to be.
    pub values: Vec<(&'static Column, Said)>,
    /// No more rows matter.
    pub limit: i64,
}

/// A value as a caller says it. Compared by what it means: `"5"` is 5, and the time of a date does not matter.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Nothing: `NULL`, or an empty text.
    Nothing,
    /// A value in PostgreSQL's spelling.
    Text(String),
    /// Several: of a list its members, in any order; of anything else one of them.
    Texts(Vec<String>),
}

/// A column of the answer.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The view's.
    pub column: &'static Column,
    /// What the caller calls it.
    pub alias: Option<String>,
}

/// A condition on rows.
#[derive(Debug)]
pub enum Condition {
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold (and is not unknown, either).
    Not(Box<Condition>),
    /// The column compared with a value.
    Compare(&'static Column, Operator, String),
    /// The column is one of these values.
    In(&'static Column, Vec<String>),
    /// The column is one of SQL's own constants.
    Is(&'static Column, Is),
}

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Fits a pattern.
    Like,
    /// The same in any case.
    ILike,
}

/// SQL's own constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// `NULL`
    Null,
    /// `NOT NULL`
    NotNull,
    /// `TRUE`
    True,
    /// `FALSE`
    False,
    /// `UNKNOWN`
    Unknown,
}

/// A column to order by.
#[derive(Debug)]
pub struct Term {
    /// The column.
    pub column: &'static Column,
    /// From the greatest on.
    pub is_descending: bool,
    /// Where NULLs go; without it, where PostgreSQL puts them.
    pub nulls: Option<Nulls>,
}

/// Where NULLs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After them.
    Last,
}

impl Operator {
    /// As SQL writes it.
    pub fn sql(self) -> &'static str {
        match self {
            Operator::Eq => "=",
            Operator::Neq => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Like => "LIKE",
            Operator::ILike => "ILIKE",
        }
    }
}

impl Is {
    /// As SQL writes it.
    pub fn sql(self) -> &'static str {
        match self {
            Is::Null => "IS NULL",
            Is::NotNull => "IS NOT NULL",
            Is::True => "IS TRUE",
            Is::False => "IS FALSE",
            Is::Unknown => "IS UNKNOWN",
        }
    }
}
