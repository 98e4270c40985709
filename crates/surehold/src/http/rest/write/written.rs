//! A write's answer: a status, and the rows if they are asked for.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use uuid::Uuid;

use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::rest::query::Parameters;
use crate::http::rest::request::{Caller, Form, form, is_counted, prefers};
use crate::http::rest::{answer, errors, filter, select};
use crate::store::drop_in::catalogue::View;
use crate::store::drop_in::query::{Condition, Operator, Query, Selected};
use crate::store::drop_in::rows;

/// A write, and how its answer is to look.
pub struct Write<'w> {
    /// Everything.
    pub app: &'w App,
    /// Who writes.
    pub caller: &'w Caller,
    /// To which view.
    pub view: &'static View,
    select: Vec<Selected>,
    form: Form,
    /// Whether the answer has the rows.
    pub is_shown: bool,
    is_counted: bool,
}

impl<'w> Write<'w> {
    /// Reads how the answer is to look: who asks for what there is not is told so before anything is done.
    pub fn of(
        app: &'w App,
        caller: &'w Caller,
        view: &'static View,
        parameters: &Parameters,
        headers: &HeaderMap,
    ) -> Result<Write<'w>, ApiError> {
        Ok(Write {
            app,
            caller,
            view,
            select: select::parse(caller.profile.schema, view, parameters.last("select").unwrap_or("*"))?,
            form: form(headers)?,
            is_shown: prefers(headers, "return=representation"),
            is_counted: is_counted(headers),
        })
    }

    /// Refuses a number of rows, if the caller says that there is one.
    pub fn check_count(&self, count: usize) -> Result<(), ApiError> {
        match self.form {
            Form::Object if count != 1 => Err(errors::not_single(i64::try_from(count).unwrap_or(i64::MAX))),
            _ => Ok(()),
        }
    }

    /// The rows of these ids, in their order, as JSON; none if they are not asked for.
    pub async fn rows(&self, ids: &[Uuid]) -> Result<Vec<String>, ApiError> {
        let mut found = Vec::new();
        if !self.is_shown || ids.is_empty() {
            return Ok(found);
        }
        let client = self.app.store.caller().await?;
        let mut query = Query {
            view: self.view,
            select: self.select.clone(),
            conditions: Vec::new(),
            order: Vec::new(),
            offset: 0,
            limit: 1,
            is_counted: false,
            is_read: true,
        };
        let id_column = filter::column(self.view, "id")?;
        for id in ids {
            query.conditions = vec![Condition::Compare(id_column, Operator::Eq, id.to_string())];
            let page = rows::read(&client, self.caller.access.org.id, &query).await;
            let page = page.map_err(|error| errors::of_store(&error))?;
            found.extend(page.only_row().map(str::to_owned));
        }
        Ok(found)
    }

    /// The answer to an insert of so many rows.
    pub fn inserted(&self, status: StatusCode, count: usize, rows: &[String]) -> Result<Response, ApiError> {
        let total = if self.is_counted { count.to_string() } else { "*".to_owned() };
        self.answered(status, rows, &format!("*/{total}"))
    }

    /// The answer to an update of so many rows.
    pub fn updated(&self, count: usize, rows: &[String]) -> Result<Response, ApiError> {
        let range = if count == 0 { "*".to_owned() } else { format!("0-{}", count - 1) };
        let total = if self.is_counted { count.to_string() } else { "*".to_owned() };
        let status = if self.is_shown { StatusCode::OK } else { StatusCode::NO_CONTENT };
        self.answered(status, rows, &format!("{range}/{total}"))
    }

    fn answered(&self, status: StatusCode, rows: &[String], range: &str) -> Result<Response, ApiError> {
        let form = self.is_shown.then_some(self.form);
        answer::of_write(status, rows, form, range, self.caller.profile)
    }
}
