//! A school whose portal is a stand-in for HubSpot.

use std::time::Duration;

use clap::Parser;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold::hubspot::{HubSpotArgs, Portals};
use surehold::mirror::{Mirror, MirrorOptions};
use surehold::store::orgs::{self, OrgRow};
use surehold_simulators::hubspot::{Limits, Options, Retry, Simulator};

use super::api::{Api, unlimited};

pub const TOKEN: &str = "pat-test-of-the-tests";
pub const CLIENT_SECRET: &str = "00000000-0000-0000-0000-000000000000";
pub const CRON_SECRET: &str = "cron-secret-of-the-tests";

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
        let school = MirroredSchool::with(&[], |_| {}).await;
        assert!(school.mirror.set_up(&school.org, false).await.unwrap().misfits.is_empty());
        school
    }

    /// A school whose portal is as HubSpot gives it; with more flags, and settings of the service as `change` leaves them.
    pub async fn with(more: &[&str], change: impl FnOnce(&mut HttpOptions)) -> MirroredSchool {
        let hubspot = Simulator::start(hubspot_options()).await.unwrap();
        // An HTTP client of our own needs it; another test may have done so.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let portals = portals_at(&hubspot, more);
        let mut http = HttpOptions { hubspot: portals.clone(), ..unlimited() };
        change(&mut http);
        let api = Api::with(DeskOptions::default(), http).await;
        let (store, desk) = (api.school.store.clone(), api.school.desk.clone());
        let org = orgs::by_slug(&*store.read().await.unwrap(), "school").await.unwrap().unwrap();
        let mirror = Mirror::new(store, desk, portals, MirrorOptions::default());
        MirroredSchool { api, hubspot, mirror, org }
    }
}
