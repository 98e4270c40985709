//! Every route.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::admin::{
    attendance, audit, bookings as admin_bookings, contacts, credits as admin_credits, experiences, laws, payments,
    refunds, session_changes, sessions as admin_sessions, slot_series, slots, test_orgs,
};
use super::app::App;
use super::error::ApiError;
use super::hubspot::{cron, status as mirror_status, webhook as hubspot_webhook};
use super::observe::{PanicAnswer, observe};
use super::rest::errors::is_rest;
use super::rest::{read, rpc, write};
use super::student::{batch_cancel, book, bookings, credits, login, sessions};
use super::trips::{catalogue, checkout, create_booking, give_up, webhook};
use super::{cors, health, metrics, openapi};

type Routes = OpenApiRouter<Arc<App>>;

/// Students: a bearer token, or student ID and email, or a service key.
fn students() -> Routes {
    OpenApiRouter::new()
        // POST /api/user/login
        .routes(routes!(login::login))
        // POST /api/mock-exams/validate-credits
        .routes(routes!(credits::validate_exam_credits))
        // GET /api/mock-exams/available
        .routes(routes!(sessions::available_exams))
        // GET /api/mock-exams/{id}/capacity
        .routes(routes!(sessions::capacity))
        // POST /api/bookings/create
        .routes(routes!(book::create_booking))
        // GET /api/bookings/list
        .routes(routes!(bookings::list_bookings))
        // POST /api/bookings/batch-cancel
        .routes(routes!(batch_cancel::batch_cancel))
        // GET /api/bookings/{id}, DELETE /api/bookings/{id}
        .routes(routes!(bookings::get_booking, bookings::cancel_booking))
}

/// The same for discussions.
fn discussions() -> Routes {
    OpenApiRouter::new()
        // POST /api/mock-discussions/validate-credits
        .routes(routes!(credits::validate_discussion_credits))
        // GET /api/mock-discussions/available
        .routes(routes!(sessions::available_discussions))
        // POST /api/mock-discussions/create-booking
        .routes(routes!(book::create_discussion_booking))
}

/// The marketplace's travellers and servers: a user's token, or a service key. What is on sale needs neither.
fn trips() -> Routes {
    OpenApiRouter::new()
        // GET /functions/v1/experiences
        .routes(routes!(catalogue::experiences_on_sale))
        // GET /functions/v1/experiences/{id}/slots
        .routes(routes!(catalogue::slots_on_sale))
        // POST /functions/v1/checkout
        .routes(routes!(checkout::checkout))
        // GET /functions/v1/checkout/{sessionId}
        .routes(routes!(checkout::see_checkout))
        // POST /functions/v1/create-booking
        .routes(routes!(create_booking::create_booking_function))
        // POST /functions/v1/bookings/{id}/cancel
        .routes(routes!(give_up::cancel_trip_booking))
        // POST /functions/v1/bookings/{id}/refund
        .routes(routes!(give_up::refund_trip_booking))
        // POST /functions/v1/webhook-stripe
        .routes(routes!(webhook::webhook_stripe))
        // POST /functions/v1/webhook-stripe/{org}
        .routes(routes!(webhook::webhook_stripe_of_org))
}

/// Callers that come with supabase-js: an API key.
fn callers() -> Routes {
    OpenApiRouter::new()
        // GET /rest/v1/{view}, POST /rest/v1/{view}, PATCH /rest/v1/{view}
        .routes(routes!(read::rest_rows, write::rest_insert, write::rest_update))
        // POST /rest/v1/rpc/{function}, GET /rest/v1/rpc/{function}
        .routes(routes!(rpc::rest_call, rpc::rest_call_by_get))
}

/// Staff: an admin key.
fn admin() -> Routes {
    OpenApiRouter::new()
        // POST /api/admin/mock-exams, GET /api/admin/mock-exams
        .routes(routes!(admin_sessions::open_session, admin_sessions::list_sessions))
        // GET /api/admin/mock-exams/{id}, PATCH /api/admin/mock-exams/{id}
        .routes(routes!(admin_sessions::get_session, session_changes::change_session))
        // GET /api/admin/mock-exams/{id}/bookings
        .routes(routes!(admin_sessions::list_session_bookings))
        // POST /api/admin/mock-exams/{id}/withhold
        .routes(routes!(admin_sessions::withhold_seats))
        // POST /api/admin/contacts, GET /api/admin/contacts
        .routes(routes!(contacts::add_contact, contacts::list_contacts))
        // GET /api/admin/contacts/{id}, PATCH /api/admin/contacts/{id}
        .routes(routes!(contacts::get_contact, contacts::change_contact))
        // POST /api/admin/contacts/{id}/credits
        .routes(routes!(admin_credits::adjust_credits))
        // POST /api/admin/bookings
        .routes(routes!(admin_bookings::override_booking))
        // POST /api/admin/bookings/{id}/move
        .routes(routes!(admin_bookings::move_booking))
        // POST /api/admin/bookings/{id}/refund
        .routes(routes!(refunds::refund_booking))
        // POST /api/admin/bookings/batch-refund
        .routes(routes!(refunds::batch_refund))
        // PATCH /api/admin/bookings/{id}/attendance
        .routes(routes!(attendance::mark_attendance))
        // POST /api/admin/payments, GET /api/admin/payments
        .routes(routes!(payments::record_payment, payments::list_payments))
        // GET /api/admin/payments/{id}
        .routes(routes!(payments::get_payment))
        // POST /api/admin/payments/{id}/release
        .routes(routes!(payments::release_payment))
        // POST /api/admin/payments/{id}/unflag
        .routes(routes!(payments::unflag_payment))
        // GET /api/admin/audit
        .routes(routes!(audit::audit))
        // GET /api/admin/laws
        .routes(routes!(laws::check_laws))
        // POST /api/admin/test-orgs
        .routes(routes!(test_orgs::make_test_org))
        // DELETE /api/admin/test-orgs/{id}
        .routes(routes!(test_orgs::close_test_org))
}

/// Staff of a trips marketplace: an admin key.
fn experiences() -> Routes {
    OpenApiRouter::new()
        // POST /api/admin/experiences, GET /api/admin/experiences
        .routes(routes!(experiences::add_experience, experiences::list_experiences))
        // GET /api/admin/experiences/{id}, PATCH /api/admin/experiences/{id}
        .routes(routes!(experiences::get_experience, experiences::change_experience))
        // POST /api/admin/experiences/{id}/slots
        .routes(routes!(slot_series::open_slots))
        // GET /api/admin/slots
        .routes(routes!(slots::list_slots))
        // GET /api/admin/slots/{id}, PATCH /api/admin/slots/{id}
        .routes(routes!(slots::get_slot, slots::change_slot))
        // POST /api/admin/slots/{id}/withhold
        .routes(routes!(slots::withhold_slot_seats))
        // POST /api/admin/slots/{id}/release
        .routes(routes!(slots::release_slot_seats))
}

/// The mirror at HubSpot: HubSpot's signature, the schedulers' secret, or an admin key.
fn mirror() -> Routes {
    OpenApiRouter::new()
        // POST /webhooks/hubspot
        .routes(routes!(hubspot_webhook::webhook_hubspot))
        // POST /webhooks/hubspot/{org}
        .routes(routes!(hubspot_webhook::webhook_hubspot_of_org))
        // POST /api/admin/cron/batch-sync-hubspot, GET /api/admin/cron/batch-sync-hubspot
        .routes(routes!(cron::batch_sync_hubspot, cron::batch_sync_hubspot_by_get))
        // POST /api/admin/cron/batch-sync-hubspot/{org}, GET /api/admin/cron/batch-sync-hubspot/{org}
        .routes(routes!(cron::batch_sync_hubspot_of_org, cron::batch_sync_hubspot_of_org_by_get))
        // GET /api/admin/hubspot/status
        .routes(routes!(mirror_status::hubspot_status))
        // POST /api/admin/hubspot/parked/{kind}/{id}/retry
        .routes(routes!(mirror_status::retry_parked))
}

/// Operators of the server: no key.
fn operations() -> Routes {
    // GET /health/live, GET /health/ready, GET /metrics
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready)).routes(routes!(metrics::metrics))
}

fn all() -> Routes {
    OpenApiRouter::with_openapi(openapi::document())
        .merge(students())
        .merge(discussions())
        .merge(trips())
        .merge(callers())
        .merge(admin())
        .merge(experiences())
        .merge(mirror())
        .merge(operations())
}

/// The OpenAPI document: every route above is in it.
pub fn openapi_document() -> OpenApi {
    openapi::complete(all().into_openapi())
}

/// The whole HTTP service: the routes above, the document at /openapi.json, a browser for it at /docs. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: the rate
/// limits go by the caller's address.
pub fn router(app: Arc<App>) -> Router {
    let (routes, document) = all().split_for_parts();
    with_layers(routes.merge(SwaggerUi::new("/docs").url("/openapi.json", openapi::complete(document))), app)
}

/// Puts around routes what every request passes: ids, logs, metrics, errors' bodies, panics. The benchmark
/// puts it around a route of its own, so that both are compared on the same footing.
pub fn with_layers(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    metrics::install();
    let cors = cors::layer(&app.options.cors_origins);
    routes
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::disable()) // bodies are counted where they are read
        .layer(CatchPanicLayer::custom(PanicAnswer))
        .layer(option_layer(cors))
        .layer(middleware::from_fn(observe))
        .with_state(app)
}

async fn no_such_route(State(_): State<Arc<App>>) -> Response {
    ApiError::not_found("ROUTE_NOT_FOUND", "There is no such route. See /docs for those there are.").into_response()
}

async fn no_such_method(app: State<Arc<App>>, request: Request) -> Response {
    if is_rest(request.uri().path()) {
        return write::no_such_method(app, request).await;
    }
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

    /// The comments above the routes say what the document says.
    #[test]
    fn every_route_is_written_down_here() {
        let source = include_str!("routes.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let written: BTreeSet<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("// "))
            .flat_map(|comment| comment.split(", "))
            .filter(|route| route.contains(" /"))
            .collect();
        let document = serde_json::to_value(super::openapi_document()).expect("JSON");
        let routes: BTreeSet<String> = document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(path, item)| item.as_object().map(|item| (path, item)))
            .flat_map(|(path, item)| item.keys().map(move |method| format!("{} {path}", method.to_uppercase())))
            .collect();
        assert_eq!(written, routes.iter().map(String::as_str).collect());
    }
}
