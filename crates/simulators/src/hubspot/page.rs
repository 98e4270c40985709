//! The page at `/`: all records, with their properties and what they are associated with. Nothing to click but
//! links on the page itself.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::clock;
use super::record::Record;
use super::server::App;
use super::state;
use crate::pages::html;

/// The most records of a type that are shown, the newest.
const RECORDS_MAX: usize = 200;

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(show))
}

#[derive(Template)]
#[template(path = "hubspot/page.html")]
struct Page {
    portal_id: u64,
    sections: Vec<Section>,
}

/// The records of one type.
struct Section {
    id: String,
    name: String,
    count: usize,
    left_out: usize,
    rows: Vec<Row>,
}

struct Row {
    anchor: String,
    id: String,
    is_archived: bool,
    updated: String,
    properties: Vec<(String, String)>,
    links: Vec<Linked>,
}

/// A record that another is associated with.
struct Linked {
    anchor: String,
    name: String,
}

async fn show(State(app): State<App>) -> Response {
    html(StatusCode::OK, app.read(page).render())
}

fn page(state: &state::State) -> Page {
    let section = |object_type: &str| {
        let records: Vec<&Record> = state.objects.of_type(object_type).collect();
        Section {
            id: object_type.to_owned(),
            name: state.types.name(object_type).to_owned(),
            count: records.len(),
            left_out: records.len().saturating_sub(RECORDS_MAX),
            rows: records.iter().rev().take(RECORDS_MAX).map(|record| row(state, record)).collect(),
        }
    };
    Page { portal_id: state.account.portal_id, sections: state.objects.types().map(section).collect() }
}

fn row(state: &state::State, record: &Record) -> Row {
    let mut ends = state.associations.of(&record.object_type, record.number);
    ends.dedup();
    let linked = |(object_type, number): (String, u64)| Linked {
        anchor: format!("{object_type}/{number}"),
        name: format!("{} {number}", state.types.singular(&object_type)),
    };
    Row {
        anchor: format!("{}/{}", record.object_type, record.number),
        id: record.id(),
        is_archived: record.archived_at.is_some(),
        updated: clock::text(record.updated_at),
        properties: record.values().into_iter().collect(),
        links: ends.into_iter().map(linked).collect(),
    }
}
