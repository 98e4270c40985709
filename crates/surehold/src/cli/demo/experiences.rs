//! A few experiences of a trips marketplace, with slots ahead of today. All through the desk.

use jiff::ToSpan;
use jiff::civil::{Date, Time, time};
use surehold_core::Answer;
use surehold_core::Refusal;
use surehold_core::command::{AddOffering, Command, OfferingTerms, OpenSlot};
use surehold_core::rows::SlotStatus;
use tokio_postgres::Client;
use uuid::Uuid;

use super::sample::{submit, unexpected};
use crate::desk::{Desk, DeskError};
use crate::store::experiences::id_by_name;
use crate::store::orgs::OrgRow;
use crate::wall_clock::{slot_times, zone_of};

/// The user for whom the printed examples book.
pub const TRAVELLER: Uuid = Uuid::from_u128(0x7ada_0000_0000_4000_8000_0000_0000_0001);

struct Experience {
    name: &'static str,
    price_minor: i64,
    /// Local start, and hours that it takes.
    start: Time,
    hours: i8,
    seats: i32,
}

const EXPERIENCES: &[Experience] = &[
    Experience { name: "Sunset cruise", price_minor: 7_500, start: time(18, 0, 0, 0), hours: 2, seats: 12 },
    Experience { name: "Rainforest hike", price_minor: 4_000, start: time(9, 0, 0, 0), hours: 4, seats: 8 },
    Experience { name: "Cooking class", price_minor: 6_200, start: time(14, 0, 0, 0), hours: 3, seats: 6 },
];
/// Slots of each experience: this many days ahead.
const DAYS_AHEAD: [i32; 3] = [7, 8, 14];

/// A slot for the printed example.
pub struct SampleSlot {
    /// Its experience.
    pub experience_id: Uuid,
    /// The slot.
    pub slot_id: Uuid,
}

/// Adds what is missing. On the same day, starting again adds nothing.
pub async fn fill(client: &Client, desk: &Desk, org: &OrgRow) -> anyhow::Result<SampleSlot> {
    let mut first = None;
    for (number, experience) in EXPERIENCES.iter().enumerate() {
        let experience_id = add(client, desk, org, experience).await?;
        let today = super::today(&org.time_zone);
        for days in DAYS_AHEAD {
            let slot_id = open(desk, org, experience, experience_id, today, days).await?;
            if number == 0 && first.is_none() {
                first = Some(SampleSlot { experience_id, slot_id });
            }
        }
    }
    first.ok_or_else(|| anyhow::anyhow!("there are no sample experiences"))
}

async fn add(client: &Client, desk: &Desk, org: &OrgRow, experience: &Experience) -> anyhow::Result<Uuid> {
    if let Some(id) = id_by_name(client, org.id, experience.name).await? {
        return Ok(id);
    }
    let terms = OfferingTerms { price_minor: Some(experience.price_minor), ..OfferingTerms::default() };
    let command = Command::AddOffering(AddOffering { id: None, name: experience.name.to_owned(), terms });
    match submit(desk, org.id, format!("demo:experience:{}", experience.name), command).await {
        Ok(Answer::OfferingSaved(saved)) => Ok(saved.offering_id),
        Err(DeskError::Refused(Refusal::OfferingExists { offering_id })) => Ok(offering_id),
        other => unexpected("add a sample experience", other),
    }
}

async fn open(
    desk: &Desk,
    org: &OrgRow,
    experience: &Experience,
    offering_id: Uuid,
    today: Date,
    days: i32,
) -> anyhow::Result<Uuid> {
    let date = today.checked_add(days.days())?;
    let end = experience.start.checked_add(i64::from(experience.hours).hours())?;
    let times = slot_times(zone_of(org, None, None), date, experience.start, end);
    let times = times.map_err(|wrong| anyhow::anyhow!("{}: {}", wrong.field, wrong.problem))?;
    let command = Command::OpenSlot(OpenSlot {
        id: None,
        offering_id,
        name: format!("{}, {}", experience.name, date.strftime("%b %-d, %Y")),
        times,
        location: None,
        mock_set: None,
        capacity: experience.seats,
        withheld: 0,
        status: SlotStatus::Active,
        activates_at: None,
        prerequisites: Vec::new(),
        price_minor: None,
        one_per_start: true,
        hubspot_id: None,
    });
    // One slot per start: a start on another day, whose days overlap, opens nothing twice.
    match submit(desk, org.id, format!("demo:slot:{}:{date}", experience.name), command).await {
        Ok(Answer::SlotOpened(saved)) => Ok(saved.slot_id),
        other => unexpected("open a sample slot", other),
    }
}
