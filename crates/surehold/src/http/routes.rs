//! Every route.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::admin::{
    attendance, audit, bookings as admin_bookings, contacts, credits as admin_credits, laws, refunds, session_changes,
    sessions as admin_sessions, test_orgs,
};
use super::app::App;
use super::error::ApiError;
use super::observe::{PanicAnswer, observe};
use super::student::{batch_cancel, book, bookings, credits, login, sessions};
use super::{health, metrics, openapi};

type Routes = OpenApiRouter<Arc<App>>;

/// Students: a bearer token, or student ID and email, or a service key.
fn students() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(credits::validate_exam_credits))
        .routes(routes!(sessions::available_exams))
        .routes(routes!(sessions::capacity))
        .routes(routes!(book::create_booking))
        .routes(routes!(bookings::list_bookings))
        .routes(routes!(batch_cancel::batch_cancel))
        .routes(routes!(bookings::get_booking, bookings::cancel_booking))
}

/// The same for discussions.
fn discussions() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(credits::validate_discussion_credits))
        .routes(routes!(sessions::available_discussions))
        .routes(routes!(book::create_discussion_booking))
}

/// Staff: an admin key.
fn admin() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(admin_sessions::open_session, admin_sessions::list_sessions))
        .routes(routes!(admin_sessions::get_session, session_changes::change_session))
        .routes(routes!(admin_sessions::list_session_bookings))
        .routes(routes!(admin_sessions::withhold_seats))
        .routes(routes!(contacts::add_contact, contacts::list_contacts))
        .routes(routes!(contacts::get_contact, contacts::change_contact))
        .routes(routes!(admin_credits::adjust_credits))
        .routes(routes!(admin_bookings::override_booking))
        .routes(routes!(admin_bookings::move_booking))
        .routes(routes!(refunds::refund_booking))
        .routes(routes!(refunds::batch_refund))
        .routes(routes!(attendance::mark_attendance))
        .routes(routes!(audit::audit))
        .routes(routes!(laws::check_laws))
        .routes(routes!(test_orgs::make_test_org))
        .routes(routes!(test_orgs::close_test_org))
}

/// Operators of the server: no key.
fn operations() -> Routes {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready)).routes(routes!(metrics::metrics))
}

fn all() -> Routes {
    OpenApiRouter::with_openapi(openapi::document())
        .merge(students())
        .merge(discussions())
        .merge(admin())
        .merge(operations())
}

/// The OpenAPI document: every route above is in it.
pub fn openapi_document() -> OpenApi {
    openapi::complete(all().into_openapi())
}

/// The whole HTTP service: the routes above, the document at /openapi.json, a browser for it at /docs. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: the rate
/// limits go by the caller's address.
pub fn router(app: Arc<App>) -> Router {
    metrics::install();
    let (routes, document) = all().split_for_parts();
    routes
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi::complete(document)))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::disable()) // bodies are counted where they are read
        .layer(CatchPanicLayer::custom(PanicAnswer))
        .layer(middleware::from_fn(observe))
        .with_state(app)
}

async fn no_such_route(State(_): State<Arc<App>>) -> Response {
    ApiError::not_found("ROUTE_NOT_FOUND", "There is no such route. See /docs for those there are.").into_response()
}

async fn no_such_method() -> Response {
    let sentence = "This route does not have this method. The header Allow names those it has; see /docs.";
    ApiError::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", sentence).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Routes come into being by `routes!` only, which puts them into the router and into the document.
    #[test]
    fn every_route_is_in_the_document() {
        let source = include_str!("routes.rs").split("#[cfg(test)]").next().unwrap_or_default();
        assert!(!source.contains(".route("), "a route that the document does not know");
        let handlers: BTreeSet<&str> = source
            .split("routes!(")
            .skip(1)
            .flat_map(|rest| rest.split(')').next().unwrap_or_default().split(','))
            .filter_map(|path| path.trim().rsplit("::").next())
            .collect();
        let document = serde_json::to_value(super::openapi_document()).expect("JSON");
        let operations: BTreeSet<&str> = document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, item)| item.as_object())
            .flat_map(|item| item.values().filter_map(|operation| operation["operationId"].as_str()))
            .collect();
        assert_eq!(handlers, operations);
    }
}
