//! Open slots of an experience: one, or a series.
//!
//! Each slot is a command of its own, so a series that a crash interrupted is finished by its repeat: what is there
//! is found by its key or, without one, by its date and start, and is not made again.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use futures::{StreamExt, stream};
use jiff::civil::{Date, Weekday};
use serde::Serialize;
use serde_json::{Value, json};
use surehold_core::command::{Command, Key, OpenSlot, SlotTimes};
use surehold_core::rows::SlotStatus;
use utoipa::ToSchema;
use uuid::Uuid;

use super::experiences::experience;
use super::slots::{CAPACITY, IS_ACTIVE, PRICE, SlotView};
use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::batch::AT_ONCE;
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name};
use crate::http::find::Named;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::http::session_json::hours_minutes;
use crate::http::trips::refusals::in_words_of_trips;
use crate::store::experiences;
use crate::store::orgs::OrgRow;
use crate::wall_clock::{WrongTimes, slot_times, slot_times_lasting, zone_of};

const DATE: Name = Name(&["date", "slotDate", "slot_date"]);
const TIME: Name = Name(&["time", "startTime", "start_time", "slotTime", "slot_time"]);
const DURATION: Name = Name(&["durationMinutes", "duration_minutes"]);
const END_TIME: Name = Name(&["endTime", "end_time"]);
const LOCATION: Name = Name(&["location"]);
const TIME_ZONE: Name = Name(&["timezone", "timeZone", "time_zone"]);
const WITHHELD: Name = Name(&["withheld"]);
const REPEAT: Name = Name(&["repeat"]);
const EVERY: Name = Name(&["every"]);
const WEEKDAYS: Name = Name(&["weekdays"]);
const UNTIL: Name = Name(&["until"]);
const COUNT: Name = Name(&["count"]);
/// Slots of one request: a year of days.
const SLOTS_MAX: usize = 366;
/// A week.
const DURATION_MAX: i64 = 7 * 24 * 60;

/// A new slot, or a series of them.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct OpenSlotsRequest {
    /// The date at the place of the slot; of a series, the first on which there may be one.
    #[schema(format = Date, example = "2030-05-04")]
    pub date: String,
    /// Start, on the 24-hour clock there.
    #[schema(example = "18:30")]
    pub time: String,
    /// How long it takes, past midnight too. Needed, unless there is `endTime`.
    #[schema(example = 90)]
    pub duration_minutes: Option<i32>,
    /// End, on the same day.
    pub end_time: Option<String>,
    /// Seats: 1 to the organisation's limit, by default 100.
    #[schema(example = 12)]
    pub capacity: i32,
    /// What one guest pays, in minor units; default: the experience's price.
    pub price: Option<i64>,
    /// Where it takes place.
    pub location: Option<String>,
    /// IANA time zone; default: the location's, else the organisation's.
    #[schema(example = "America/Toronto")]
    pub timezone: Option<String>,
    /// Whether it can be booked; default true.
    pub is_active: Option<bool>,
    /// Seats that are out of sale from the start; default 0.
    pub withheld: Option<i32>,
    /// For a series.
    pub repeat: Option<RepeatRequest>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// How often, and how long: `until` or `count`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct RepeatRequest {
    /// `day` or `week`.
    #[schema(example = "week")]
    pub every: String,
    /// On which days of each week: `mon`, `tue` …; default: that of `date`.
    #[schema(example = json!(["sat", "sun"]))]
    pub weekdays: Option<Vec<String>>,
    /// The last date on which there may be one.
    #[schema(format = Date, example = "2030-06-30")]
    pub until: Option<String>,
    /// How many slots, 1 to 366.
    pub count: Option<i32>,
}

/// One slot of a request.
#[derive(Serialize, ToSchema)]
pub struct OpenedSlot {
    /// The slot.
    #[serde(flatten)]
    pub slot: SlotView,
    /// Whether this request made it; else there was one on this date at this time.
    pub created: bool,
}

/// The slots of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotsOpened {
    /// The experience's UUID.
    pub experience_id: Uuid,
    /// How many this request made.
    pub created: usize,
    /// How many were there before.
    pub existing: usize,
    /// All of them, by date.
    pub slots: Vec<OpenedSlot>,
}

/// Open a slot, or a series of slots.
///
/// An experience has one slot per date and time: one that is there and not cancelled is answered with
/// `created: false`, as it is. At most 366 slots in one request. If the server dies in between, repeat the request:
/// it makes what is missing, and no slot twice. Date and times are those on the wall at the place of the slot; a time
/// that the clocks skip there is refused, of a time that occurs twice the first is meant.
#[utoipa::path(
    post, path = "/api/admin/experiences/{id}/slots", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the experience"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = OpenSlotsRequest,
    responses(
        (status = 201, description = "Opened, at least one of them now", body = Success<SlotsOpened>),
        (status = 200, description = "All of them were there", body = Success<SlotsOpened>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`EXPERIENCE_NOT_FOUND`", body = ErrorBody),
        (status = 503, description = "`SERIES_INCOMPLETE`: some slots are missing, repeat the request; `OVERLOADED`, `DATABASE_UNAVAILABLE`, `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn open_slots(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<SlotsOpened>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let is_series = fields.has(REPEAT);
    let plan = Plan::read(&acting.org, fields)?;
    let experience_id = experience(&app, acting.org.id, &id).await?.offering.id;

    let key_of = |slot: &OpenSlot| match is_series {
        // Named by what makes it one of its kind, so that a repeat finds it, whatever became of the others.
        true => key.key_of_item("open_slot", &format!("{experience_id}:{}", slot.name)),
        false => key.clone().key(),
    };
    let commands = plan.commands(experience_id).into_iter().map(|slot| (key_of(&slot), slot));
    let commands: Vec<(Key, OpenSlot)> = commands.collect();
    let wanted = commands.len();
    let mut results = pin!(
        stream::iter(commands).map(|(key, slot)| open(&app, &acting, admin_email.clone(), key, slot)).buffered(AT_ONCE)
    );
    let mut opened = Vec::with_capacity(wanted);
    while let Some(result) = results.next().await {
        // The rest would fare no better, and a repeat goes on from here.
        opened.push(result.map_err(|error| incomplete(error, opened.len(), wanted, &key))?);
    }
    reply(&app, &acting, experience_id, opened).await.map_err(|error| unread(error, &key))
}

/// What became of one command.
struct Opened {
    slot_id: Uuid,
    created: bool,
    replayed: bool,
}

async fn open(
    app: &App,
    acting: &Acting,
    admin_email: Option<String>,
    key: Key,
    slot: OpenSlot,
) -> Result<Opened, ApiError> {
    let outcome = app.submit(acting, admin_email, key, Command::OpenSlot(slot)).await.map_err(in_words_of_trips)?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, SlotOpened)?;
    Ok(Opened { slot_id: saved.slot_id, created: saved.changed, replayed })
}

/// What to say if a slot could not be opened, of which some may have been.
fn incomplete(error: ApiError, there: usize, wanted: usize, key: &IdempotencyKey) -> ApiError {
    if wanted == 1 || !error.status.is_server_error() {
        return error;
    }
    let same_key = if key.given().is_some() { " with the same Idempotency-Key" } else { "" };
    let sentence = format!(
        "Only {there} of {wanted} slots are known to be there. Repeat the request{same_key}: it makes those that are \
         missing, and no slot twice."
    );
    let mut incomplete = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "SERIES_INCOMPLETE", sentence)
        .with_details(json!({ "wanted": wanted, "there": there, "cause": error.code }))
        .with_retry_after(1);
    incomplete.cause = error.cause;
    incomplete
}

/// The slots were opened, and could not be read afterwards.
fn unread(error: ApiError, key: &IdempotencyKey) -> ApiError {
    if let Some(key) = key.given() {
        return ApiError::after_commit(error, key);
    }
    let sentence =
        "It was done, but the answer could not be read. Repeat the request to see it: no slot is made twice.";
    let mut after = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OUTCOME_UNKNOWN", sentence).with_retry_after(1);
    after.cause = error.cause.or_else(|| Some(Arc::from(error.sentence)));
    after
}

async fn reply(
    app: &App,
    acting: &Acting,
    experience_id: Uuid,
    opened: Vec<Opened>,
) -> Result<Reply<SlotsOpened>, ApiError> {
    let ids: Vec<Uuid> = opened.iter().map(|slot| slot.slot_id).collect();
    let client = app.store.read().await?;
    let rows = experiences::slots_by_id(&client, acting.org.id, &ids).await?;
    let mut rows: HashMap<Uuid, _> = rows.into_iter().map(|row| (row.slot.id, row)).collect();
    let is_new = opened.iter().any(|slot| slot.created && !slot.replayed);
    let replayed = opened.iter().all(|slot| slot.replayed);
    let created = opened.iter().filter(|slot| slot.created).count();
    let existing = opened.len() - created;
    let mut slots = Vec::with_capacity(opened.len());
    for Opened { slot_id, created, .. } in opened {
        let row = rows.remove(&slot_id).ok_or_else(|| ApiError::internal(format!("slot {slot_id} has vanished")))?;
        slots.push(OpenedSlot { slot: SlotView::new(row, &acting.org.currency), created });
    }
    let answer = SlotsOpened { experience_id, created, existing, slots };
    Ok(if is_new { Reply::created(answer) } else { Reply::ok(answer).replayed(replayed) })
}

/// What a request asks for.
struct Plan {
    times: Vec<SlotTimes>,
    location: Option<String>,
    capacity: i32,
    withheld: i32,
    status: SlotStatus,
    price_minor: Option<i64>,
}

impl Plan {
    fn read(org: &OrgRow, mut fields: Fields) -> Result<Plan, ApiError> {
        let date = fields.required(DATE, kinds::date);
        let start = fields.required(TIME, kinds::time);
        let length = read_length(&mut fields);
        let capacity = fields.required(CAPACITY, kinds::small_integer(1, org.slot_capacity_max));
        let withheld = fields.optional(WITHHELD, kinds::small_integer(0, i32::MAX)).unwrap_or(0);
        if fields.are_good(&[CAPACITY]) && withheld > capacity {
            fields.problem(WITHHELD.own(), format!("must be from 0 to the capacity, {capacity}"));
        }
        let price_minor = fields.optional(PRICE, kinds::money);
        let location = fields.optional(LOCATION, kinds::text(kinds::NAME_MAX));
        let own_zone = fields.optional(TIME_ZONE, kinds::time_zone);
        let active = fields.optional(IS_ACTIVE, kinds::boolean).unwrap_or(true);
        let repeat = match fields.has(REPEAT) {
            true => fields.nested(REPEAT, |repeat| Repeat::read(repeat, date)).flatten(),
            false => None,
        };
        let zone = zone_of(org, own_zone.as_deref(), location.as_deref());
        let mut times = Vec::new();
        if fields.are_good(&[DATE, TIME, DURATION, END_TIME, TIME_ZONE]) {
            for date in dates(&mut fields, date, repeat) {
                match length.times(zone, date, start) {
                    Ok(found) => times.push(found),
                    Err(wrong) => fields.problem(callers_name(wrong.field), wrong.problem),
                }
            }
        }
        fields.finish()?;
        let status = if active { SlotStatus::Active } else { SlotStatus::Inactive };
        Ok(Plan { times, location, capacity, withheld, status, price_minor })
    }

    fn commands(self, experience_id: Uuid) -> Vec<OpenSlot> {
        let open = |times: SlotTimes| OpenSlot {
            id: None,
            offering_id: experience_id,
            // Not the experience's name: that may change until the request is repeated.
            name: format!("{} {}", times.local_date, hours_minutes(times.local_start)),
            times,
            location: self.location.clone(),
            mock_set: None,
            capacity: self.capacity,
            withheld: self.withheld,
            status: self.status,
            activates_at: None,
            prerequisites: Vec::new(),
            price_minor: self.price_minor,
            one_per_start: true,
            hubspot_id: None,
        };
        self.times.into_iter().map(open).collect()
    }
}

/// What callers know a field as that [`crate::wall_clock`] names.
fn callers_name(field: &'static str) -> &'static str {
    match field {
        "start_time" => TIME.own(),
        "end_time" => END_TIME.own(),
        _ => TIME_ZONE.own(),
    }
}

#[derive(Clone, Copy)]
enum Length {
    Minutes(i64),
    Until(jiff::civil::Time),
}

impl Length {
    fn times(self, zone: &str, date: Date, start: jiff::civil::Time) -> Result<SlotTimes, WrongTimes> {
        match self {
            Length::Minutes(minutes) => slot_times_lasting(zone, date, start, minutes),
            Length::Until(end) => slot_times(zone, date, start, end),
        }
    }
}

fn read_length(fields: &mut Fields) -> Length {
    let minutes = fields.optional(DURATION, kinds::integer(1, DURATION_MAX));
    let end = fields.optional(END_TIME, kinds::time);
    match (fields.has(DURATION), fields.has(END_TIME)) {
        (true, true) => fields.problem(END_TIME.own(), "cannot be sent along with durationMinutes; send one of them"),
        (false, false) => fields.problem(DURATION.own(), "is required, or endTime"),
        _ => {}
    }
    match end {
        Some(end) => Length::Until(end),
        None => Length::Minutes(minutes.unwrap_or(1)),
    }
}

/// Which days of a series.
struct Repeat {
    /// `None`: every day.
    weekdays: Option<BTreeSet<i8>>,
    until: Option<Date>,
    count: Option<usize>,
}

impl Repeat {
    /// Reads the members of `repeat`. `None`: what is wrong has been noted.
    fn read(fields: &mut Fields, first: Date) -> Option<Repeat> {
        let every = fields.required(EVERY, kinds::one_of(&["day", "week"]));
        let mut days_given = 0;
        let weekdays = fields.list(WEEKDAYS, 7, |value| {
            days_given += 1;
            kinds::weekday(value)
        });
        let until = fields.optional(UNTIL, kinds::date);
        let max = i64::try_from(SLOTS_MAX).unwrap_or(i64::MAX);
        let count = fields.optional(COUNT, |value: &Value| {
            kinds::integer(1, max)(value).map_err(|problem| format!("{problem}: send the rest as another request"))
        });
        if every == "day" && fields.has(WEEKDAYS) {
            fields.problem(WEEKDAYS.own(), "can only be sent with every: week");
        }
        if weekdays.is_some() && days_given == 0 {
            fields.problem(WEEKDAYS.own(), "must name at least one day, such as mon; leave it out for that of date");
        }
        match (fields.has(UNTIL), fields.has(COUNT)) {
            (true, true) => fields.problem(COUNT.own(), "cannot be sent along with until; send one of them"),
            (false, false) => fields.problem(UNTIL.own(), "is required, or count"),
            _ => {}
        }
        if until.is_some_and(|until| until < first) {
            fields.problem(UNTIL.own(), format!("must not be before date, {first}"));
        }
        let is_bad_day = weekdays.as_ref().is_some_and(|days| days.len() < days_given);
        if is_bad_day || !fields.are_good(&[EVERY, WEEKDAYS, UNTIL, COUNT]) {
            return None;
        }
        let number = |day: Weekday| day.to_monday_zero_offset();
        let weekdays = match (every, weekdays) {
            ("day", _) => None,
            (_, None) => Some(BTreeSet::from([number(first.weekday())])),
            (_, Some(days)) => Some(days.into_iter().map(number).collect()),
        };
        Some(Repeat { weekdays, until, count: count.and_then(|count| usize::try_from(count).ok()) })
    }

    fn has(&self, date: Date) -> bool {
        self.weekdays.as_ref().is_none_or(|days| days.contains(&date.weekday().to_monday_zero_offset()))
    }
}

/// The dates of the slots, by the calendar: the same time on the wall, however the clocks change. What is wrong with
/// them is noted.
fn dates(fields: &mut Fields, first: Date, repeat: Option<Repeat>) -> Vec<Date> {
    let Some(repeat) = repeat else { return vec![first] };
    let mut days = first.series(jiff::Span::new().days(1));
    let all = days
        .by_ref()
        .take_while(|date| repeat.until.is_none_or(|until| *date <= until))
        .filter(|date| repeat.has(*date))
        .take(repeat.count.unwrap_or(SLOTS_MAX + 1));
    let all: Vec<Date> = all.collect();
    if let Some(last) = all.get(SLOTS_MAX) {
        let problem =
            format!("makes more than {SLOTS_MAX} slots; end before {last}, and send the rest as another request");
        fields.problem("repeat.until", problem);
        return Vec::new();
    }
    if all.is_empty() {
        fields.problem("repeat.weekdays", "none of these days is between date and until");
    }
    if let Some(late) = all.iter().find(|date| date.year() > kinds::YEAR_MAX) {
        fields.problem("repeat.count", format!("leads to {late}: {}", kinds::WRONG_YEAR));
    }
    all
}
