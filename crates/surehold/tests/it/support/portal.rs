//! A school whose portal is a stand-in for HubSpot.

use std::time::Duration;

use clap::Parser;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold::hubspot::{HubSpotArgs, Portals};
use surehold::mirror::{Mirror, MirrorOptions, SyncReport};
use surehold::store::import_rows;
use surehold::store::orgs::{self, OrgRow};
use surehold_simulators::hubspot::{CONTACTS, Limits, Options, Retry, Simulator};
use uuid::Uuid;

use super::api::{Api, Student, unlimited};

pub const TOKEN: &str = "pat-test-of-the-tests";
pub const CLIENT_SECRET: &str = "00000000-0000-0000-0000-000000000000";
pub const CRON_SECRET: &str = "cron-secret-of-the-tests";

/// The types of the school's objects, besides contacts.
pub const SESSIONS: &str = "2-50158913";
pub const BOOKINGS: &str = "2-50158943";
/// Calls, as the stand-in counts them.
pub const SEARCH: &str = "POST /crm/objects/{type}/search";
pub const READ: &str = "GET /crm/objects/{type}/{id}";

/// A school, its service, its HubSpot, and a mirror of its own between them.
pub struct MirroredSchool {
    pub api: Api,
    pub hubspot: Simulator,
    pub mirror: Mirror,
    pub org: OrgRow,
}

/// How the stand-in for HubSpot runs in tests: on a free port, without limits, with a search that is never late.
pub fn hubspot_options() -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        token: TOKEN.to_owned(),
        limits: Limits::none(),
        search_delay: Duration::ZERO,
        retry: Retry { first: Duration::from_millis(2), longest: Duration::from_millis(50) },
        ..Options::default()
    }
}

/// The portals that a command line names.
pub fn portals(flags: &[&str]) -> Portals {
    // The last of several wins.
    #[derive(Parser)]
    #[command(args_override_self = true)]
    struct Args {
        #[command(flatten)]
        hubspot: HubSpotArgs,
    }
    let args = Args::try_parse_from(std::iter::once("tests").chain(flags.iter().copied())).unwrap();
    args.hubspot.portals().unwrap()
}

/// The flags that name a stand-in as everybody's portal.
pub fn flags(hubspot: &Simulator) -> Vec<String> {
    let flags = [
        ("--hubspot-access-token", TOKEN),
        ("--hubspot-client-secret", CLIENT_SECRET),
        ("--cron-secret", CRON_SECRET),
        ("--hubspot-api-base", hubspot.base_url()),
        ("--hubspot-calls-per-10s", "250"),
    ];
    flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]).collect()
}

/// The portal of everybody: a stand-in, with these flags besides its own.
pub fn portals_at(hubspot: &Simulator, more: &[&str]) -> Portals {
    let flags = flags(hubspot);
    portals(&flags.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
}

impl MirroredSchool {
    /// A school whose portal has everything that it needs.
    pub async fn open() -> MirroredSchool {
        MirroredSchool::open_with(|_| {}).await
    }

    /// The same, with settings of the service as `change` leaves them.
    pub async fn open_with(change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        MirroredSchool::with(&[], change).await.set_up().await
    }

    /// A school whose portal is as HubSpot gives it; with more flags, and settings of the service as `change` leaves them.
    pub async fn with(more: &[&str], change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        let hubspot = hubspot().await;
        let portals = portals_at(&hubspot, more);
        MirroredSchool::over(hubspot, portals, change).await
    }

    /// A school that finds its HubSpot at another address, where something stands in between.
    pub async fn reached_at(url: &str, hubspot: Simulator, change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        let portals = portals_at(&hubspot, &["--hubspot-api-base", url]);
        MirroredSchool::over(hubspot, portals, change).await.set_up().await
    }

    async fn over(hubspot: Simulator, portals: Portals, change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        // An HTTP client of our own needs it; another test may have done so.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // However slow this machine is; and the stand-in needs no time to recover.
        let (lookup_time_max, retry_pause) = (Duration::from_secs(60), Duration::from_millis(2));
        let options = MirrorOptions { lookup_time_max, retry_pause, ..MirrorOptions::default() };
        let mut http = HttpOptions { hubspot: portals.clone(), mirror: options, ..unlimited() };
        change(&mut http);
        let api = Api::with(DeskOptions::default(), http).await;
        let (store, desk) = (api.school.store.clone(), api.school.desk.clone());
        let org = orgs::by_slug(&store.read().await.unwrap(), "school").await.unwrap().unwrap();
        let mirror = Mirror::new(store, desk, portals, options);
        MirroredSchool { api, hubspot, mirror, org }
    }

    /// Makes what the portal lacks, directly at it.
    async fn set_up(self) -> MirroredSchool {
        let portals = portals_at(&self.hubspot, &[]);
        let school = &self.api.school;
        let direct = Mirror::new(school.store.clone(), school.desk.clone(), portals, MirrorOptions::default());
        assert!(direct.set_up(&self.org, false).await.unwrap().misfits.is_empty());
        self
    }

    /// A run to its end.
    pub async fn sync(&self) -> SyncReport {
        self.mirror.sync(&self.org, &()).await.unwrap()
    }

    /// Both sides are the same.
    pub async fn agrees(&self) {
        let report = self.mirror.check(&self.org, false, &()).await.unwrap();
        assert_eq!((report.drifted, report.pending), (0, 0), "{report:#?}");
    }

    /// What HubSpot calls a row: the only record with our id.
    pub fn record_of(&self, object_type: &str, id: Uuid) -> String {
        let records = self.hubspot.find(object_type, "surehold_id", &id.to_string());
        assert_eq!(records.len(), 1, "records of {id}");
        records[0].id()
    }

    /// Our row has been linked with a record, by an import for example.
    pub async fn knows(&self, entity: &str, id: Uuid, hubspot_id: &str) {
        let client = self.api.school.store.command().await.unwrap();
        assert!(import_rows::link(&client, self.org.id, entity, id, hubspot_id).await.unwrap());
    }

    /// Somebody whom only HubSpot knows so far; `values` are the credits and whatever else there is. Also says what
    /// HubSpot calls the student.
    pub fn newcomer(&self, student_id: &str, values: &[(&str, &str)]) -> (Student, String) {
        let email = format!("{}@example.org", student_id.to_lowercase());
        let names = [("student_id", student_id), ("email", &email), ("firstname", "Test"), ("lastname", student_id)];
        let record = self.hubspot.create(CONTACTS, &[&names[..], values].concat()).unwrap();
        // What has an id is who we know; a newcomer has none yet.
        (Student { id: Uuid::nil(), student_id: student_id.to_owned(), email }, record.id())
    }

    /// How often HubSpot was searched, and how often a record was read there.
    pub fn lookups(&self) -> (u64, u64) {
        (self.hubspot.request_count(SEARCH), self.hubspot.request_count(READ))
    }
}

/// A stand-in for HubSpot as it begins.
pub async fn hubspot() -> Simulator {
    Simulator::start(hubspot_options()).await.unwrap()
}
