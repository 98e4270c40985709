//! HubSpot's official Node client, unchanged, against the simulator.

use super::support::*;

/// Not skipped where Node or the client is missing: then nobody would know that it never runs.
#[tokio::test]
async fn hubspots_own_client_works_unchanged() {
    let crm = Crm::open().await;
    let settings = [("SIMULATOR_URL", crm.simulator.base_url()), ("TOKEN", TOKEN), ("CLIENT_SECRET", CLIENT_SECRET)];
    node("@hubspot/api-client", "hubspot_client.mjs", &settings).await;
    assert_eq!(crm.simulator.records("contacts").len(), 3);
}
