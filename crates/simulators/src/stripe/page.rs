//! The payment page: `/pay/{session id}`. What Stripe hosts at checkout.stripe.com, with buttons in place of
//! cards: everything that can become of a payment can be chosen. Plain forms, no scripts, nothing from elsewhere.

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;

use super::checkout::Action;
use super::events::Cause;
use super::money;
use super::server::App;
use super::sessions::{PaymentStatus, Session, SessionStatus};
use crate::pages::html;

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/pay/{id}", get(show)).route("/pay/{id}/{choice}", post(choose))
}

/// What the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Open,
    AwaitsTransfer,
    TransferFailed,
    Paid,
    Expired,
}

struct Item {
    name: String,
    description: Option<String>,
    quantity: i64,
    each: String,
    total: String,
}

#[derive(Template)]
#[template(path = "stripe/page.html")]
struct Page {
    id: String,
    view: View,
    declined: bool,
    items: Vec<Item>,
    total: String,
    email: Option<String>,
    reference: Option<String>,
    ends: String,
    success_url: String,
    can_leave: bool,
}

#[derive(Template)]
#[template(path = "stripe/missing.html")]
struct Missing {}

impl Page {
    fn new(session: Session, view: View, declined: bool) -> Page {
        let long = |amount| money::long(amount, &session.currency);
        let items = session.line_items.iter().map(|item| Item {
            name: item.name.clone(),
            description: item.description.clone(),
            quantity: item.quantity,
            each: long(item.unit_amount),
            total: long(item.quantity * item.unit_amount),
        });
        let ends = Timestamp::from_second(session.expires_at).unwrap_or(Timestamp::UNIX_EPOCH);
        Page {
            view,
            declined: declined && view == View::Open,
            items: items.collect(),
            total: long(session.amount_total),
            ends: ends.strftime("%-d %B %Y at %H:%M UTC").to_string(),
            success_url: session.success_target(),
            can_leave: session.cancel_url.is_some(),
            email: session.customer_email,
            reference: session.client_reference_id,
            id: session.id,
        }
    }
}

fn view_of(session: &Session, awaits_transfer: bool) -> View {
    match (session.status, session.payment_status) {
        (SessionStatus::Open, _) => View::Open,
        (SessionStatus::Expired, _) => View::Expired,
        (SessionStatus::Complete, PaymentStatus::Unpaid) if awaits_transfer => View::AwaitsTransfer,
        (SessionStatus::Complete, PaymentStatus::Unpaid) => View::TransferFailed,
        (SessionStatus::Complete, PaymentStatus::Paid | PaymentStatus::NoPaymentRequired) => View::Paid,
    }
}

async fn show(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let found = app.shared.read(|state| {
        let session = state.sessions.get(&id)?;
        Some((session.clone(), view_of(session, state.awaits_transfer(session))))
    });
    match found {
        Some((session, view)) => {
            let declined = query.is_some_and(|query| query == "declined");
            html(StatusCode::OK, Page::new(session, view, declined).render())
        }
        None => html(StatusCode::NOT_FOUND, Missing {}.render()),
    }
}

async fn choose(State(app): State<App>, Path((id, choice)): Path<(String, String)>) -> Response {
    let action = match choice.as_str() {
        "pay" => Some(Action::Pay),
        "pay_later" => Some(Action::PayLater),
        "fail" => Some(Action::Fail),
        "async_succeed" => Some(Action::AsyncSucceed),
        "async_fail" => Some(Action::AsyncFail),
        "leave" => None,
        _ => return html(StatusCode::NOT_FOUND, Missing {}.render()),
    };
    let page = format!("/pay/{id}");
    let target = app.shared.change(|state| {
        // A choice that is not possible any more, such as a second click, changes nothing.
        let done = action.is_some_and(|action| state.act(&id, action, &Cause::default()).is_ok());
        let session = state.sessions.get(&id)?;
        Some(match action {
            None => session.cancel_url.clone().unwrap_or(page),
            Some(Action::Fail) if done => format!("{page}?declined"),
            Some(Action::Pay | Action::PayLater) if session.status == SessionStatus::Complete => {
                session.success_target()
            }
            Some(_) => page,
        })
    });
    match target {
        Some(target) => Redirect::to(&target).into_response(), // 303: the browser gets it with GET
        None => html(StatusCode::NOT_FOUND, Missing {}.render()),
    }
}
