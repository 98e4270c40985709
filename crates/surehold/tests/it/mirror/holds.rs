//! Bookings that are not paid yet: nobody's, until they are.

use surehold::mirror::{Mirror, MirrorOptions};
use surehold::store::orgs;
use surehold_simulators::hubspot::Simulator;
use uuid::Uuid;

use crate::support::Marketplace;
use crate::support::portal::{BOOKINGS, hubspot, portals_at};

async fn mirrored(shop: &Marketplace, hubspot: &Simulator) -> (Mirror, orgs::OrgRow) {
    // An HTTP client of our own needs it; another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let org = orgs::by_slug(&shop.store.read().await.unwrap(), "school").await.unwrap().unwrap();
    let portals = portals_at(hubspot, &[]);
    let mirror = Mirror::new(shop.store.clone(), shop.desk.clone(), portals, MirrorOptions::default());
    assert!(mirror.set_up(&org, false).await.unwrap().misfits.is_empty());
    (mirror, org)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_mirrored_once_it_is_paid_and_not_before() {
    let (shop, hubspot) = (Marketplace::open().await, hubspot().await);
    let (mirror, org) = mirrored(&shop, &hubspot).await;
    let slots = shop.slots(2, 9).await;
    // One is there when the first run looks at every row; the other one is told of by the journal.
    let mut trips = Vec::new();
    for _ in 0..2 {
        trips.push(shop.hold(Uuid::now_v7(), &slots).await.unwrap());
        let report = mirror.sync(&org, &()).await.unwrap();
        assert_eq!((report.counts().failed, report.pending), (0, 0), "{report:?}");
        assert!(hubspot.records(BOOKINGS).is_empty());
    }
    for (paid, trip) in (1..).zip(&trips) {
        shop.settle(trip).await.unwrap();
        mirror.sync(&org, &()).await.unwrap();
        assert_eq!(hubspot.find(BOOKINGS, "is_active", "Active").len(), 2 * paid);
    }
    let report = mirror.check(&org, false, &()).await.unwrap();
    assert_eq!((report.drifted, report.pending, report.parked), (0, 0, 0), "{report:?}");
}
