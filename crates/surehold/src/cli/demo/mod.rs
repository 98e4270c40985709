//! `surehold demo`

mod crm;
mod crm_records;
mod env_file;
mod experiences;
mod pay;
mod sample;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;

use super::output::{hint_at, say, shell_path, shell_word};
use super::server::{Server, stop_signal};
use crate::config::{Common, ServerOptions};
use crate::store::api_keys::{self, Role};
use crate::store::demo::next_session;
use crate::store::orgs::{self, OrgRow};
use crate::store::provision::{NewOrg, create_org};
use crm::Crm;
use experiences::SampleSlot;
use pay::Till;

pub use env_file::EnvFile;

/// The slug of the sample organisation.
const SLUG: &str = "demo";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs a private PostgreSQL in --data-dir with a sample school in it: sessions in several cities, a few students \
with credits, two API keys, and a few experiences of a trips marketplace, paid at a stand-in for Stripe that it \
starts too (give --stripe-secret-key to use Stripe itself). The school is mirrored within seconds to a stand-in for \
HubSpot, which holds the records that examples/*.csv are exports of, and whose page lists them (give \
--hubspot-access-token demo=pat-… to use a portal of yours: demo is the school's slug). Starting again on the same \
folder goes on where you left; delete the folder to start afresh. DATABASE_URL is ignored, so that no other database \
gets sample rows; --database-url and SUREHOLD_DATABASE_URL are not.

  surehold demo --data-dir /tmp/demo --listen 127.0.0.1:0")]
pub struct DemoArgs {
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(mut args: DemoArgs) -> anyhow::Result<ExitCode> {
    let till = Till::start(&mut args.server.stripe).await?;
    let crm = Crm::start(&mut args.server).await?;
    args.server.redis.ignore_shared();
    let prepared = async {
        let server = Server::prepare(&args.common, &args.server, args.common.surehold_database_url(), true).await?;
        match set_up(&server, &args, till.as_ref(), crm.as_ref()).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.store.close();
                server.database.close().await;
                Err(error)
            }
        }
    };
    let server = tokio::select! {
        server = prepared => server?,
        signal = stop_signal() => anyhow::bail!("stopped by {signal} before it was ready"),
    };
    server.run().await
}

async fn set_up(server: &Server, args: &DemoArgs, till: Option<&Till>, crm: Option<&Crm>) -> anyhow::Result<()> {
    if let Some(till) = till {
        till.serve(&server.url());
    }
    let mut client = server.store.read().await?;
    let org = organisation(&mut client).await?;
    sample::fill(&client, &server.desk, &org).await?;
    let evening = experiences::fill(&client, &server.desk, &org).await?;
    if let Some(crm) = crm {
        crm.serve(&client, server, &args.server, &org).await?;
    }
    let env = env_file(&client, &org, server, &args.common.data_dir, till, crm).await?;
    let path = EnvFile::path(&args.common.data_dir);
    env.write(&path).with_context(|| format!("cannot write {}", path.display()))?;
    welcome(&client, &org, server, &path, &evening, crm).await
}

async fn organisation(client: &mut Client) -> anyhow::Result<OrgRow> {
    if orgs::by_slug(client, SLUG).await?.is_none() {
        let org = NewOrg {
            slug: SLUG.to_owned(),
            name: "Demo Exams".to_owned(),
            time_zone: "America/Toronto".to_owned(),
            currency: crate::currency::USUAL.to_owned(),
            hosts: Vec::new(),
            is_test: false,
        };
        create_org(client, &org).await?;
    }
    orgs::by_slug(client, SLUG).await?.context("the sample organisation has vanished")
}

/// The keys of last time if they still work, else new ones.
async fn env_file(
    client: &Client,
    org: &OrgRow,
    server: &Server,
    data_dir: &Path,
    till: Option<&Till>,
    crm: Option<&Crm>,
) -> anyhow::Result<EnvFile> {
    let before = EnvFile::read(&EnvFile::path(data_dir)).unwrap_or_default();
    Ok(EnvFile {
        url: Some(server.url()),
        service_key: Some(key(client, org, before.service_key, Role::Service).await?),
        admin_key: Some(key(client, org, before.admin_key, Role::Admin).await?),
        database_url: Some(SecretString::from(env_file::as_url(server.database.url.expose_secret()))),
        stripe_api_base: till.map(|till| till.url().to_owned()),
        stripe_secret_key: till.map(|till| SecretString::from(till.key.clone())),
        stripe_webhook_secret: till.map(|till| SecretString::from(till.webhook_secret.clone())),
        hubspot_api_base: crm.map(|crm| crm.url().to_owned()),
        hubspot_access_token: crm.map(|crm| SecretString::from(format!("{SLUG}={}", crm.token))),
        hubspot_client_secret: crm.map(|crm| SecretString::from(format!("{SLUG}={}", crm.client_secret))),
    })
}

async fn key(client: &Client, org: &OrgRow, known: Option<SecretString>, role: Role) -> anyhow::Result<SecretString> {
    if let Some(text) = known
        && let Some((known_role, id, secret)) = api_keys::parse(text.expose_secret())
        && known_role == role
        && let Some(row) = api_keys::find(client, id).await?
        && row.org_id == org.id
        && row.role == role
        && row.revoked_at.is_none()
        && api_keys::secret_matches(&row, secret)
    {
        return Ok(text);
    }
    Ok(api_keys::create(client, org.id, "demo", role).await?.text)
}

async fn welcome(
    client: &Client,
    org: &OrgRow,
    server: &Server,
    env: &Path,
    evening: &SampleSlot,
    crm: Option<&Crm>,
) -> anyhow::Result<()> {
    let url = server.url();
    let data_dir = env.parent().unwrap_or(env);
    let (storm, doctor) = (hint_at(data_dir, "storm --seats 1 --clients 10"), hint_at(data_dir, "doctor"));
    let trips = hint_at(data_dir, "storm --trips 50");
    let env = shell_path(env);
    let (student_id, email) = sample::FIRST_STUDENT;
    say(format!(
        "\nSurehold runs a sample school, {}. Stop it with ^C.\n\n  \
         API to browse    {url}/docs\n  \
         keys for scripts {env}\n\n\
         To try, in a second terminal:\n\n  \
         . {env}\n\n  \
         # a student logs in\n  \
         curl -s $SUREHOLD_URL/api/user/login -H 'Content-Type: application/json' \\\n    \
         -d '{{\"student_id\":\"{student_id}\",\"email\":\"{email}\"}}'\n\n  \
         # what can be booked\n  \
         curl -s \"$SUREHOLD_URL/api/mock-exams/available?mock_type=Clinical%20Skills&include_capacity=true\"\n",
        org.name
    ));
    if let Some(session) = next_session(client, org.id, "Clinical Skills").await? {
        say(format!(
            "  # book; the same line again gives the same booking, not a second one\n  \
             curl -s $SUREHOLD_URL/api/bookings/create -H 'Content-Type: application/json' \\\n    \
             -d '{{\"student_id\":\"{student_id}\",\"email\":\"{email}\",\"mock_exam_id\":\"{}\",\n         \
             \"mock_type\":\"Clinical Skills\",\"exam_date\":\"{}\",\"dominant_hand\":true}}'\n",
            session.id, session.local_date
        ));
    }
    say(format!(
        "  # a traveller holds two seats of a trip; open the checkoutUrl in a browser, and pay (no real money)\n  \
         curl -s $SUREHOLD_URL/functions/v1/checkout -H \"Authorization: Bearer $SUREHOLD_SERVICE_KEY\" \\\n    \
         -H 'Content-Type: application/json' -d '{{\"userId\":\"{}\",\n         \
         \"tripItems\":[{{\"experienceId\":\"{}\",\"slotId\":\"{}\",\"guestCount\":2}}],\n         \
         \"successUrl\":\"{url}/docs\",\"cancelUrl\":\"{url}/docs\"}}'\n",
        experiences::TRAVELLER,
        evening.experience_id,
        evening.slot_id,
    ));
    if let Some(crm) = crm {
        let (student_id, email) = crm_records::CRM_STUDENT;
        say(format!(
            "  # HubSpot's records, mirrored within seconds: open {crm} in a browser\n\n  \
             # a student whom only HubSpot knows logs in; a second time she is known here\n  \
             curl -s $SUREHOLD_URL/api/user/login -H 'Content-Type: application/json' \\\n    \
             -d '{{\"student_id\":\"{student_id}\",\"email\":\"{email}\"}}'\n\n  \
             # what waits for HubSpot; both sides compared, row by row\n  \
             {status}\n  \
             (set -a; . {env}; {check})\n",
            crm = crm.url(),
            status = hint_at(data_dir, "sync status"),
            check = hint_at(data_dir, "sync --check"),
        ));
    }
    say(format!(
        "  # ten students, one seat\n  {storm}\n\n  \
         # fifty travellers, too few seats, and a Stripe whose webhooks get lost\n  {trips}\n\n  \
         # every law, checked on the live data\n  {doctor}\n"
    ));
    Ok(())
}

/// Today in a time zone.
fn today(time_zone: &str) -> jiff::civil::Date {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    jiff::Timestamp::now().to_zoned(zone).date()
}
