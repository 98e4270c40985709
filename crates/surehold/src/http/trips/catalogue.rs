//! What is on sale: experiences and their slots, as travellers see them.

use std::sync::Arc;

use axum::extract::State;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::refusals::no_experience;
use crate::http::access::Access;
use crate::http::admin::slots::read_dates;
use crate::http::app::App;
use crate::http::body::QueryFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::Name;
use crate::http::find::Named;
use crate::http::kinds;
use crate::http::page::{ByStart, Page};
use crate::http::reply::{Reply, Success};
use crate::http::session_json::{hours_minutes, with_offset};
use crate::store::experiences::{self, ExperienceRow, SlotRow};

const GUESTS: Name = Name(&["guests", "guestCount", "guest_count"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// An experience as travellers see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperienceOnSale {
    /// The experience's UUID.
    pub id: Uuid,
    /// Its name.
    #[schema(example = "Sunset sail")]
    pub name: String,
    /// What one guest pays, in minor units (cents). A slot may have another price. `null`: not sold.
    #[schema(example = 4900)]
    pub price: Option<i64>,
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// Guests that one booking may have.
    pub guests_max: i32,
    /// A checkout ends so many minutes before the start.
    pub cutoff_minutes: i32,
    /// Who cancels so many minutes before the start gets everything back.
    pub free_cancellation_minutes: i32,
    /// What a later cancellation gives back, in percent.
    pub late_refund_percent: i32,
}

impl ExperienceOnSale {
    fn new(row: ExperienceRow, currency: &str) -> ExperienceOnSale {
        let offering = row.offering;
        ExperienceOnSale {
            id: offering.id,
            name: offering.name,
            price: offering.price_minor,
            currency: currency.to_owned(),
            guests_max: offering.guests_max,
            cutoff_minutes: offering.booking_cutoff_minutes,
            free_cancellation_minutes: offering.free_cancel_minutes,
            late_refund_percent: offering.late_refund_percent,
        }
    }
}

/// A slot as travellers see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotOnSale {
    /// The slot's UUID.
    pub id: Uuid,
    /// Its experience's UUID.
    pub experience_id: Uuid,
    /// The date at the place of the slot.
    #[schema(value_type = String, format = Date, example = "2030-05-04")]
    pub date: Date,
    /// Start, on the clock there.
    #[schema(example = "18:30")]
    pub time: String,
    /// End, on the same clock; it may be on the next day.
    #[schema(example = "20:00")]
    pub end_time: String,
    /// Start, with its offset from UTC.
    pub starts_at: String,
    /// End, with its offset from UTC.
    pub ends_at: String,
    /// The slot's IANA time zone.
    #[schema(example = "America/Toronto")]
    pub timezone: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// What one guest pays, in minor units (cents).
    #[schema(example = 4900)]
    pub price: Option<i64>,
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// Seats that can be booked now: 0 where it is full or not on sale.
    pub available: i32,
    /// Guests that one booking may have.
    pub guests_max: i32,
}

impl SlotOnSale {
    fn new(row: SlotRow, currency: &str) -> SlotOnSale {
        let (price, available) = (row.price_minor(), row.bookable_seats());
        let slot = row.slot;
        SlotOnSale {
            id: slot.id,
            experience_id: slot.offering_id,
            date: slot.local_date,
            time: hours_minutes(slot.local_start),
            end_time: hours_minutes(slot.local_end),
            starts_at: with_offset(slot.starts_at, &slot.time_zone),
            ends_at: with_offset(slot.ends_at, &slot.time_zone),
            timezone: slot.time_zone,
            location: slot.location,
            price,
            currency: currency.to_owned(),
            available,
            guests_max: row.guests_max,
        }
    }
}

/// How many.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct OnSaleQuery {
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List experiences.
///
/// Those that are offered, by name.
#[utoipa::path(
    get, path = "/functions/v1/experiences", tag = "trips", security((), ("user_token" = []), ("api_key" = [])), params(OnSaleQuery),
    responses(
        (status = 200, description = "A page of experiences", body = Success<Vec<ExperienceOnSale>>),
        (status = 400, description = "`VALIDATION_ERROR`, `ORG_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn experiences_on_sale(
    State(app): State<Arc<App>>,
    access: Access,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<ExperienceOnSale>>, ApiError> {
    let page: Page<(String, Uuid)> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let client = app.store.read().await?;
    let mut rows = experiences::list(&client, access.org.id, true, page.cursor.clone(), page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.offering.name.clone(), row.offering.id));
    let views = rows.into_iter().map(|row| ExperienceOnSale::new(row, &access.org.currency)).collect();
    Ok(Reply::ok(views).next(next))
}

/// Which slots.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct SlotsOnSaleQuery {
    /// On or after this local date.
    #[param(format = Date)]
    pub from: Option<String>,
    /// On or before this local date.
    #[param(format = Date)]
    pub to: Option<String>,
    /// Only slots on which so many guests can be booked at once.
    pub guests: Option<i32>,
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List the slots of an experience.
///
/// Those that are still ahead, the soonest first; read from the database at this moment. It is an answer for a form,
/// not a reservation: the checkout itself decides.
#[utoipa::path(
    get, path = "/functions/v1/experiences/{id}/slots", tag = "trips", security((), ("user_token" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the experience"), SlotsOnSaleQuery),
    responses(
        (status = 200, description = "A page of slots", body = Success<Vec<SlotOnSale>>),
        (status = 400, description = "`VALIDATION_ERROR`, `ORG_UNKNOWN`", body = ErrorBody),
        (status = 404, description = "`EXPERIENCE_NOT_FOUND`: there is none, or it is not offered any more", body = ErrorBody),
    )
)]
pub async fn slots_on_sale(
    State(app): State<Arc<App>>,
    access: Access,
    Named(id): Named,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<SlotOnSale>>, ApiError> {
    let dates = read_dates(&mut fields);
    let guests = fields.optional(GUESTS, kinds::small_integer(1, 1_000_000));
    let page: Page<ByStart> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let id = Uuid::try_parse(&id).map_err(|_| no_experience())?;
    let org = &access.org;
    let client = app.store.read().await?;
    let experience = experiences::by_id(&client, org.id, id).await?.ok_or_else(no_experience)?;
    if !experience.offering.is_active {
        return Err(no_experience());
    }
    let mut rows = experiences::slots_ahead(&client, org.id, id, dates, guests, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.slot.starts_at, row.slot.id));
    Ok(Reply::ok(rows.into_iter().map(|row| SlotOnSale::new(row, &org.currency)).collect()).next(next))
}
