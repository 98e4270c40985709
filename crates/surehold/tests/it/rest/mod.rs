//! What callers see who come with supabase-js: PostgREST's routes over the views.

mod catalogue;
mod exchanges;
mod limits;
mod notes;
mod official_client;
mod operators;
mod pages;
mod plans;
mod repeats;
mod rpc;
mod who_may;
mod wrong;

use serde_json::Value;

use crate::support::Api;
use crate::support::answer::Answer;
use crate::support::api::{Call, encoded};
use crate::support::scene::Scene;

/// A school with one of everything.
async fn open() -> (Api, Scene) {
    let api = Api::open().await;
    let scene = Scene::of(&api.school, "ANN").await;
    (api, scene)
}

impl Api {
    /// Reads a view with the service key.
    fn rest(&self, view_and_query: &str) -> Call {
        self.get(format!("/rest/v1/{view_and_query}")).by_service()
    }

    /// The rows of a read.
    async fn found(&self, view_and_query: &str) -> Vec<Value> {
        let answer = self.rest(view_and_query).await.is(200);
        answer.body.as_array().unwrap_or_else(|| panic!("rows: {answer:?}")).clone()
    }

    /// A column of them.
    async fn column(&self, view_and_query: &str, name: &str) -> Vec<Value> {
        self.found(view_and_query).await.iter().map(|row| row[name].clone()).collect()
    }
}

impl Answer {
    /// Fails in PostgREST's words: status, code, message.
    #[track_caller]
    fn fails(&self, status: u16, code: &str, message: &str) -> &Answer {
        assert_eq!((self.status, self.code(), self.rest_message()), (status, code, message), "{self:?}");
        self
    }

    fn rest_message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    fn range(&self) -> &str {
        self.header("content-range").unwrap_or_default()
    }
}

/// `column=operator.value`, as supabase-js sends it.
fn filter(column: &str, operator: &str, value: &str) -> String {
    format!("{column}={operator}.{}", encoded(value))
}
