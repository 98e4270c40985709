//! The distance to the limit: the rows of bookings on one session, written by the product's own bulk statements
//! from one client, without HTTP, without waiting requests and with every decision made before the clock starts.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use surehold::store::load::{Loaded, Locks, Plan, load};
use surehold::store::write::commit;
use surehold::store::{Store, StoreOptions};
use surehold_core::command::{Book, Command, ExpectedSlot, Key, Pay, Request};
use surehold_core::{Fresh, decide};
use uuid::Uuid;

use crate::measure::Summary;
use crate::round::{DATABASE, Stage};
use crate::world::{Org, student_id};

/// Bookings in a transaction: as many as the desk commits together at most.
const BATCH: usize = 256;
/// Transactions that are timed.
const BATCHES: usize = 120;

/// Bookings a second, over some rounds.
///
/// # Errors
///
/// A statement that fails, or a broken law.
pub async fn measure(stage: &Stage<'_>, rounds: u64) -> anyhow::Result<Summary> {
    let mut rates = Vec::new();
    for _ in 0..rounds {
        stage.cluster.copy(stage.school.database, DATABASE).await?;
        let store = Store::new(&StoreOptions::new(stage.cluster.url(DATABASE)))?;
        rates.push(one(&store, &stage.school.orgs[0]).await?);
        store.close();
        stage.check_laws(DATABASE).await?;
        stage.cluster.drop_database(DATABASE).await?;
    }
    Summary::of(rates).context("no rounds")
}

async fn one(store: &Store, org: &Org) -> anyhow::Result<f64> {
    let batches = BATCHES.min(org.students.len() / BATCH);
    let contacts = contacts(store, org, batches * BATCH).await?;
    let client = store.command().await?;
    let mut decided: Vec<Vec<Loaded>> = Vec::with_capacity(batches);
    for batch in contacts.chunks(BATCH) {
        let requests: Vec<Request> = batch.iter().map(|contact_id| request(*contact_id, org.hot)).collect();
        let plan = Plan::of(requests.iter().map(|request| (request, None)));
        let mut loaded = load(&client, &[(org.id, plan)], Locks::Take).await?;
        client.batch_execute("ROLLBACK").await?;
        let Loaded { ledger, now, .. } = &mut loaded[0];
        // The session as the batch before will have left it.
        if let Some(before) = decided.last()
            && let Some(slot) = before[0].ledger.slot(org.hot)
        {
            ledger.load_slot(slot.clone());
        }
        for request in &requests {
            decide(ledger, request, &mut Fresh { now: *now, id: &mut Uuid::now_v7 })
                .map_err(|stop| anyhow::anyhow!("a booking was not decided: {stop:?}"))?;
        }
        decided.push(loaded);
    }
    let start = Instant::now();
    for loaded in &decided {
        client.batch_execute("BEGIN").await?;
        commit(&client, loaded).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    }
    Ok((decided.len() * BATCH) as f64 / start.elapsed().as_secs_f64())
}

async fn contacts(store: &Store, org: &Org, count: usize) -> anyhow::Result<Vec<Uuid>> {
    let students: Vec<String> = org.students.clone().take(count).map(student_id).collect();
    let sql = "SELECT id FROM contacts WHERE org_id = $1 AND student_id = ANY($2)";
    let rows = store.report().await?.query(sql, &[&org.id, &students]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn request(contact_id: Uuid, slot_id: Uuid) -> Request {
    Request {
        command_id: Uuid::now_v7(),
        principal: Arc::from("system:bench"),
        on_behalf_of: Some(format!("student:{contact_id}")),
        key: Key::Made(String::new()),
        stripe_event: None,
        command: Command::Book(Book {
            contact_id,
            slot_id,
            guests: 1,
            pay: Pay::Credit { only: None },
            attending_location: Some("mississauga".to_owned()),
            dominant_hand: None,
            code: None,
            expected: ExpectedSlot::default(),
        }),
    }
}
