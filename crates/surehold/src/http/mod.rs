//! HTTP: what callers see. [`routes`] shows every route; a handler reads its request, asks the store or
//! the desk, and answers in one of two envelopes ([`reply`], [`error`]).

mod access;
mod admin;
mod app;
mod batch;
mod body;
mod contact_lookup;
mod cors;
mod directory;
mod error;
mod fields;
mod find;
mod health;
mod hubspot;
mod idempotency;
mod jwt;
mod kinds;
mod limits;
mod metrics;
mod newcomer;
mod observe;
mod openapi;
mod options;
mod page;
mod reply;
mod rest;
mod routes;
mod session_json;
mod student;
mod tokens;
mod trips;

pub use access::Access;
pub use app::App;
pub use body::JsonFields;
pub use cors::Origin;
pub use error::ApiError;
pub use find::session_id;
pub use hubspot::status::MirrorStatus;
pub use idempotency::IdempotencyKey;
pub use jwt::JwtSecrets;
pub use options::HttpOptions;
pub use reply::Reply;
pub use routes::{openapi_document, router, with_layers};
pub use student::book::{BookingMade, BookingRequest, booking_reply};
pub use trips::TripError;
pub use trips::create_booking::{BookingsCreated, TripRequest};
