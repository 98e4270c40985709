//! The demo's stand-in for HubSpot: the school is mirrored within seconds, and a student who is known only there can
//! log in.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use surehold_simulators::hubspot::{Limits, Options, Simulator, Webhook};
use tokio_postgres::Client;
use uuid::Uuid;

use super::SLUG;
use super::crm_records::CrmRecords;
use crate::cli::server::Server;
use crate::config::ServerOptions;
use crate::hubspot::{Mapping, Object};
use crate::mirror::{Mirror, MirrorOptions};
use crate::store::demo;
use crate::store::offerings::catalogue;
use crate::store::orgs::OrgRow;

/// How often the demo mirrors, unless it was told otherwise.
const SYNC_EVERY: Duration = Duration::from_secs(3);
/// What the setting says if nobody says otherwise.
const USUAL_SYNC_EVERY: Duration = Duration::from_secs(2 * 60 * 60);

/// A stand-in that listens on this machine only. It forgets everything when it stops.
pub struct Crm {
    simulator: Simulator,
    /// Its access token, for the sample school only.
    pub token: String,
    /// What signs its webhooks.
    pub client_secret: String,
}

impl Crm {
    /// Starts it and makes it the server's portal, unless a portal was given.
    pub async fn start(options: &mut ServerOptions) -> anyhow::Result<Option<Crm>> {
        let args = &mut options.hubspot;
        if args.is_given() {
            return Ok(None);
        }
        let token = format!("pat-test-{}", Uuid::new_v4());
        let client_secret = Uuid::new_v4().to_string();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // More than the server takes by itself, so that setting up can never be what meets the limit.
        let limits = Limits::professional();
        let simulator = Simulator::start(Options { listen, token: token.clone(), limits, ..Options::default() }).await;
        let simulator = simulator.context("cannot start the stand-in for HubSpot")?;
        // Other organisations in the same folder have none.
        args.use_portal(&format!("{SLUG}={token}"), &format!("{SLUG}={client_secret}"), simulator.base_url());
        // Names of another portal would not be those of the stand-in.
        args.hubspot_mapping = None;
        if args.hubspot_sync_every == USUAL_SYNC_EVERY {
            args.hubspot_sync_every = SYNC_EVERY;
        }
        Ok(Some(Crm { simulator, token, client_secret }))
    }

    /// Makes it the portal of the sample school: with our properties, records of its own, and webhooks. What was mirrored
    /// to the stand-in of last time is mirrored anew.
    pub async fn serve(
        &self,
        client: &Client,
        server: &Server,
        options: &ServerOptions,
        org: &OrgRow,
    ) -> anyhow::Result<()> {
        let portals = options.hubspot.portals()?;
        let mirror = Mirror::new(server.store.clone(), server.desk.clone(), portals, MirrorOptions::default());
        mirror.set_up(org, false).await.context("cannot set the stand-in for HubSpot up")?;
        let records = CrmRecords::of(org, &catalogue(client, org.id).await?)?;
        demo::mirror_anew(client, org.id, &records.contact_ids(), &records.session_ids()).await?;
        records.bring(&self.simulator)?;
        let mapping = Mapping::default();
        let credits = mapping.contacts.credits.values().map(|names| names.property.clone());
        self.simulator.set_webhook(Some(Webhook {
            object_types: vec![mapping.object_type(Object::Contact).to_owned()],
            properties: credits.collect(),
            ..Webhook::new(format!("{}/webhooks/hubspot/{SLUG}", server.url()), self.client_secret.clone())
        }));
        Ok(())
    }

    /// Where its API and its page are.
    pub fn url(&self) -> &str {
        self.simulator.base_url()
    }
}
