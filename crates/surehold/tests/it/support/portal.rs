//! A school whose portal is a stand-in for HubSpot.

use std::time::Duration;

use clap::Parser;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold::hubspot::shape::Shape;
use surehold::hubspot::{HubSpotArgs, Mapping, Object, Portals};
use surehold::mirror::MirrorOptions;
use surehold::store::orgs::{self, OrgRow};
use surehold_simulators::hubspot::{CONTACTS, Limits, Options, Property, PropertyKind, Simulator};

use super::api::{Api, Student, unlimited};

pub const TOKEN: &str = "pat-test-of-the-tests";
pub const CLIENT_SECRET: &str = "client-secret-of-the-tests";

/// Calls, as the stand-in counts them.
pub const SEARCH: &str = "POST /crm/objects/{type}/search";
pub const READ: &str = "GET /crm/objects/{type}/{id}";

/// A school, its service, and its HubSpot.
pub struct MirroredSchool {
    pub api: Api,
    pub hubspot: Simulator,
}

impl MirroredSchool {
    pub async fn open() -> MirroredSchool {
        MirroredSchool::with(|_| {}).await
    }

    /// With settings of the service as `change` leaves them.
    pub async fn with(change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        let hubspot = hubspot().await;
        let url = hubspot.base_url().to_owned();
        MirroredSchool::reached_at(&url, hubspot, change).await
    }

    /// A school that finds its HubSpot at another address, where something stands in between. HubSpot may take its time,
    /// however slow this machine is.
    pub async fn reached_at(url: &str, hubspot: Simulator, change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        let mirror = MirrorOptions { lookup_time_max: Duration::from_secs(60), ..MirrorOptions::default() };
        let mut options = HttpOptions { portals: portals(url), mirror, ..unlimited() };
        change(&mut options);
        let api = Api::with(DeskOptions::default(), options).await;
        MirroredSchool { api, hubspot }
    }

    /// Somebody whom only HubSpot knows so far; `values` are the credits and whatever else there is. Also says what
    /// HubSpot calls the student.
    pub fn newcomer(&self, student_id: &str, values: &[(&str, &str)]) -> (Student, String) {
        let email = format!("{}@example.org", student_id.to_lowercase());
        let names = [("student_id", student_id), ("email", &email), ("firstname", "Test"), ("lastname", student_id)];
        let record = self.hubspot.create(CONTACTS, &[&names[..], values].concat()).unwrap();
        // What has an id is who we know; a newcomer has none yet.
        (Student { id: uuid::Uuid::nil(), student_id: student_id.to_owned(), email }, record.id())
    }

    /// How often HubSpot was searched, and how often a record was read there.
    pub fn lookups(&self) -> (u64, u64) {
        (self.hubspot.request_count(SEARCH), self.hubspot.request_count(READ))
    }

    /// The school's row.
    pub async fn org(&self) -> OrgRow {
        orgs::by_slug(&self.api.school.db.owner().await, "school").await.unwrap().unwrap()
    }
}

/// A stand-in for HubSpot with all properties that we need, whose search knows everything at once.
pub async fn hubspot() -> Simulator {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        token: TOKEN.to_owned(),
        limits: Limits::none(),
        search_delay: Duration::ZERO,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.unwrap();
    let mapping = Mapping::default();
    for object in Object::ALL {
        for planned in mapping.properties(object) {
            let property = match planned.shape {
                Shape::Text => Property::text(&planned.name),
                Shape::Unique => Property::unique(&planned.name),
                Shape::Number => Property::of_kind(&planned.name, PropertyKind::Number),
                Shape::Date => Property::of_kind(&planned.name, PropertyKind::Date),
                Shape::DateTime => Property::of_kind(&planned.name, PropertyKind::DateTime),
                Shape::Bool => Property::of_kind(&planned.name, PropertyKind::Bool),
            };
            let is_theirs = ["email", "firstname", "lastname"].contains(&planned.name.as_str());
            if object != Object::Contact || !is_theirs {
                simulator.define(mapping.object_type(object), property).unwrap();
            }
        }
    }
    simulator
}

/// One portal for the only organisation.
pub fn portals(api_base: &str) -> Portals {
    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        hubspot: HubSpotArgs,
    }
    let mut settings = Settings::parse_from(["tests"]);
    settings.hubspot.use_portal(TOKEN, CLIENT_SECRET, api_base);
    settings.hubspot.portals().unwrap()
}
