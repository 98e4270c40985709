//! The OpenAPI document, apart from the routes: what it is about, how to authenticate, and the answers that
//! every route can give.

use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

const ABOUT: &str = "\
Surehold books seats in mock exams and discussions for prepaid credits, and never oversells: the seat, the credit \
that pays for it, the answer to you and the audit record are one transaction.

## Envelopes
A success is `{\"success\": true, \"data\": …, \"message\": …}`, a failure `{\"success\": false, \"error\": \"<sentence>\", \
\"code\": \"EXAM_FULL\", \"details\": {…}, \"request_id\": \"…\"}`. Decide by `code`; sentences are for people and may change. \
`details.fields` of a `VALIDATION_ERROR` names every bad field at once. Fields may be spelled in snake_case or camelCase.

## Who you are
* **Students**: the bearer token from `POST /api/user/login`, or `student_id` and `email` with each request.
* **Your servers**: a service key acts for any student whose `student_id` and `email` it sends, without rate limits.
* **Travellers**: the token of the marketplace's identity provider (a JWT, HS256), on `/functions/v1/…`; or a service key \
acts for any `userId`.
* **Staff**: an admin key, for `/api/admin/…`.

Keys go into `Authorization: Bearer …` or `apikey`. A request without a key belongs to the organisation whose host name it \
was sent to.

## Names of things
A session or a booking can be named by HubSpot number, UUID or human ID, everywhere, tried in this order.

## Safe repeats
Send an `Idempotency-Key`, new for each thing you want done, and repeat the request with the same key whenever you are not \
sure: it is done once, and the repeat gets the same answer, with `Idempotent-Replayed: true`. After `OUTCOME_UNKNOWN` the key \
is in `details.idempotency_key`.

## When to try again
`429` and `503` carry `Retry-After`, in seconds. After `OVERLOADED`, `DATABASE_UNAVAILABLE` and `CRM_UNAVAILABLE` nothing \
was done. `CRM_UNAVAILABLE` is about students who are not known yet and have to be looked for at HubSpot; others never \
wait for it.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Surehold"),
    components(schemas(super::error::ErrorBody, super::rest::errors::RestError)),
    tags(
        (name = "students", description = "Log in, find exams, book, cancel"),
        (name = "discussions", description = "The same for mock discussions"),
        (name = "trips", description = "Find experiences, check out a trip, pay, cancel; and what Stripe calls"),
        (name = "rest", description = "For callers that come with supabase-js: PostgREST's routes, statuses and errors"),
        (name = "hubspot", description = "The mirror: what HubSpot and schedulers call, how it stands, what is parked"),
        (name = "admin", description = "Sessions, contacts, credits, refunds and the audit log; with an admin key"),
        (name = "health", description = "For operators of the server"),
    )
)]
struct Base;

/// The document without routes.
pub fn document() -> OpenApi {
    let mut document = Base::openapi();
    document.info.description = Some(ABOUT.to_owned());
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = document.components.get_or_insert_default();
    let mut bearer = |name: &str, format: &str, about: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(about));
        components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
    };
    bearer("student_token", "JWT", "A student's token from /api/user/login");
    bearer(
        "user_token",
        "JWT",
        "A traveller's token, signed with SUREHOLD_JWT_SECRET (HS256); its `sub` is the userId",
    );
    bearer("api_key", "surehold_<role>_<id>_<secret>", "An API key made by `surehold key`");
    bearer("cron_secret", "SUREHOLD_CRON_SECRET", "The secret of callers that may start jobs, such as a scheduler");
    let header = ApiKeyValue::with_description("apikey", "The same API key, where callers send it in this header");
    components.add_security_scheme("api_key_header", SecurityScheme::ApiKey(ApiKey::Header(header)));
    document
}

/// Adds to each operation the answers that the layers around all routes give.
pub fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten();
        for operation in operations {
            add_common_answers(operation, path);
        }
    }
    document
}

fn add_common_answers(operation: &mut Operation, path: &str) {
    if !["/api/", "/functions/", "/webhooks/"].iter().any(|prefix| path.starts_with(prefix)) {
        return;
    }
    let has_body = operation.request_body.is_some();
    let has_key = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.name == "Idempotency-Key",
        RefOr::Ref(_) => false,
    });
    let mut add = |status: &str, about: &str| {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(failure(about)));
    };
    if has_body {
        add("400", "`MALFORMED_JSON` or `VALIDATION_ERROR`");
        add("408", "`REQUEST_TIMEOUT`: the body took too long to arrive");
        add("413", "`PAYLOAD_TOO_LARGE`");
        add("415", "`UNSUPPORTED_MEDIA_TYPE`: send JSON");
    }
    add(
        "400",
        "`VALIDATION_ERROR`; on students' routes also `ORG_UNKNOWN`: it is not clear which organisation is meant",
    );
    add("401", "`UNAUTHENTICATED`: no key or token where one is needed, or one that is not valid");
    if path.starts_with("/api/admin/") && !path.starts_with("/api/admin/cron/") {
        add("403", "`FORBIDDEN`: not an admin key");
        add("429", "`RATE_LIMITED`: too many calls without a valid key; wait for `Retry-After` seconds");
    } else {
        add("429", "`RATE_LIMITED`: wait for `Retry-After` seconds");
    }
    if has_key {
        add("422", "`IDEMPOTENCY_MISMATCH`: the key was used for another request");
    }
    add("500", "`INTERNAL_ERROR`: a fault of ours; quote the `request_id`");
    add("503", "`OVERLOADED`, `DATABASE_UNAVAILABLE` or `OUTCOME_UNKNOWN`; see `Retry-After`");
}

fn failure(about: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    ResponseBuilder::new().description(about).content("application/json", body).build()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_explains_itself_and_its_refusals() {
        let document = serde_json::to_value(crate::http::openapi_document()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        assert!(paths.len() >= 25, "{} paths", paths.len());
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("a path item") {
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path}: no summary"
                );
                assert!(operation["operationId"].is_string(), "{method} {path}: no operation id");
                let answers = operation["responses"].as_object().expect("responses");
                assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}: no success");
                if path.starts_with("/api/") {
                    assert!(answers.contains_key("500") && answers.contains_key("503"), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn references(value: &serde_json::Value, found: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(members) => {
                    if let Some(target) = members.get("$ref").and_then(|target| target.as_str()) {
                        found.push(target.to_owned());
                    }
                    members.values().for_each(|value| references(value, found));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = serde_json::to_value(crate::http::openapi_document()).expect("JSON");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for target in found {
            let name = target.trim_start_matches("#/components/schemas/");
            assert!(document["components"]["schemas"][name].is_object(), "{target} leads nowhere");
        }
    }
}
