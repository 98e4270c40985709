//! A school with a desk, what tests tell their stories about; and what every organisation has: slots, seats, requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use surehold::desk::{ChangedSlots, CommitMode, Desk, DeskError, DeskOptions};
use surehold::store::provision::{NewOrg, create_org};
use surehold::store::{Store, StoreOptions};
use surehold_core::command::*;
use surehold_core::outcome::{Booked, Cancelled};
use surehold_core::rows::{EntryReason, Hand, SlotStatus};
use surehold_core::{Answer, Outcome, Refusal};
use tokio_postgres::Client;
use uuid::Uuid;

use super::cluster::{APP_ROLE, TestDatabase};
use super::cut::Wire;

const TORONTO: &str = "America/Toronto";

/// A school, open for booking.
pub struct School {
    pub db: Arc<TestDatabase>,
    pub store: Store,
    pub desk: Desk,
    pub org_id: Uuid,
    pub offerings: BTreeMap<String, Uuid>,
}

impl School {
    /// A school whose desk works in lanes.
    pub async fn open() -> School {
        School::with(DeskOptions::default()).await
    }

    /// A school that decides each command in a transaction of its own.
    pub async fn one_by_one() -> School {
        School::with(DeskOptions { mode: CommitMode::PerRequest, ..DeskOptions::default() }).await
    }

    pub async fn with(options: DeskOptions) -> School {
        let db = Arc::new(TestDatabase::new().await);
        let store = store_on(&db.url);
        let desk = Desk::new(store.clone(), DeskOptions { flights_max: 6, ..options });
        School::founded(db, store, desk, "school").await
    }

    /// Another school at the same desk.
    pub async fn neighbour(&self, slug: &str) -> School {
        School::founded(self.db.clone(), self.store.clone(), self.desk.clone(), slug).await
    }

    async fn founded(db: Arc<TestDatabase>, store: Store, desk: Desk, slug: &str) -> School {
        let mut owner = db.owner().await;
        let new = NewOrg {
            slug: slug.to_owned(),
            name: "School".to_owned(),
            time_zone: TORONTO.to_owned(),
            currency: "usd".to_owned(),
            hosts: Vec::new(),
            is_test: false,
        };
        let org_id = create_org(&mut owner, &new).await.expect("a school");
        let rows = owner.query("SELECT name, id FROM offerings WHERE org_id = $1", &[&org_id]).await.unwrap();
        let offerings = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        School { db, store, desk, org_id, offerings }
    }

    /// A second server process on the same database: its own pools, its own desk.
    pub fn second_server(&self) -> Desk {
        server_at(&self.db.url)
    }

    /// The same, and it notes which slots it changed.
    pub fn second_server_noting(&self, changed_slots: &ChangedSlots) -> Desk {
        let changed_slots = Some(changed_slots.clone());
        Desk::new(store_on(&self.db.url), DeskOptions { flights_max: 6, changed_slots, ..DeskOptions::default() })
    }

    /// A server whose way to the database is a wire that can be cut.
    pub fn server_behind(&self, wire: &Wire) -> Desk {
        let (direct, wired) = (self.db.socket_dir.display().to_string(), wire.socket_dir.display().to_string());
        server_at(&self.db.url.replace(&direct, &wired))
    }

    /// A student with some credits.
    pub async fn student(&self, student_id: &str, credits: &[(&str, i64)]) -> Uuid {
        let command = AddContact {
            id: None,
            student_id: student_id.to_owned(),
            email: format!("{}@example.org", student_id.to_lowercase()),
            first_name: "Test".to_owned(),
            last_name: student_id.to_owned(),
            ndecc_exam_date: None,
            opening: credits.iter().map(|(kind, amount)| (Arc::from(*kind), *amount)).collect(),
            hubspot_id: None,
        };
        match self.submit(Command::AddContact(command)).await.expect("a new student").answer {
            Answer::ContactAdded(saved) => saved.contact_id,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Many students with one credit of a kind each.
    pub async fn students(&self, count: usize, kind: &str) -> Vec<Uuid> {
        let added = (0..count).map(|i| async move { self.student(&format!("S{i:05}"), &[(kind, 1)]).await });
        futures::future::join_all(added).await
    }

    /// A session a month from now.
    pub async fn session(&self, mock_type: &str, capacity: i32) -> Uuid {
        self.session_on(mock_type, capacity, date(2030, 5, 4)).await
    }

    /// A session on a day, from nine to noon.
    pub async fn session_on(&self, mock_type: &str, capacity: i32, day: Date) -> Uuid {
        let name = format!("{mock_type} {day}");
        let usual = slot_of(self.offerings[mock_type], times_on(day), capacity);
        self.open_slot(self.org_id, OpenSlot { name, location: Some("Toronto".to_owned()), ..usual }).await
    }

    /// Puts a slot on the calendar of an organisation.
    pub async fn open_slot(&self, org_id: Uuid, slot: OpenSlot) -> Uuid {
        match self.desk.submit(org_id, request(Command::OpenSlot(slot))).await.expect("a new slot").answer {
            Answer::SlotOpened(saved) => saved.slot_id,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Books with credits, as the student would.
    pub async fn book(&self, contact_id: Uuid, slot_id: Uuid) -> Result<Booked, DeskError> {
        booked(self.desk.submit(self.org_id, request(book(contact_id, slot_id))).await)
    }

    /// Books under a key.
    pub async fn book_with_key(&self, key: &str, contact_id: Uuid, slot_id: Uuid) -> Result<Outcome, DeskError> {
        self.desk.submit(self.org_id, with_key(key, book(contact_id, slot_id))).await
    }

    /// Cancels as an operator, with the credit back.
    pub async fn cancel(&self, booking_id: Uuid) -> Result<Cancelled, DeskError> {
        match self.submit(cancel(booking_id)).await?.answer {
            Answer::Cancelled(cancelled) => Ok(cancelled),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Grants or takes credits.
    pub async fn grant(&self, contact_id: Uuid, kind: &str, delta: i64) -> Result<Outcome, DeskError> {
        let command = AdjustCredits {
            contact_id,
            deltas: BTreeMap::from([(Arc::from(kind), delta)]),
            reason: EntryReason::Grant,
            stop_at_zero: false,
            note: None,
        };
        self.submit(Command::AdjustCredits(command)).await
    }

    pub async fn submit(&self, command: Command) -> Result<Outcome, DeskError> {
        self.desk.submit(self.org_id, request(command)).await
    }

    /// What a student has left of a kind.
    pub async fn balance(&self, contact_id: Uuid, kind: &str) -> i64 {
        let sql = "SELECT amount FROM credit_balances WHERE org_id = $1 AND contact_id = $2 AND kind = $3";
        self.db.owner().await.query_one(sql, &[&self.org_id, &contact_id, &kind]).await.unwrap().get(0)
    }

    /// Seats of a slot: taken, and held.
    pub async fn seats(&self, slot_id: Uuid) -> (i32, i32) {
        let sql = "SELECT taken, held FROM slots WHERE id = $1";
        let row = self.db.owner().await.query_one(sql, &[&slot_id]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// Seats taken on a session.
    pub async fn taken(&self, slot_id: Uuid) -> i32 {
        self.seats(slot_id).await.0
    }

    /// One number from the database.
    pub async fn number(&self, sql: &str) -> i64 {
        self.db.owner().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// How many rows there are.
    pub async fn count(&self, table_and_condition: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table_and_condition}")).await
    }

    /// Somebody else's transaction that holds a row's lock until it ends.
    pub async fn somebody_locks(&self, table: &str, id: Uuid) -> Client {
        let somebody = self.db.owner().await;
        let lock = format!("BEGIN; SELECT 1 FROM {table} WHERE id = '{id}' FOR UPDATE");
        somebody.batch_execute(&lock).await.unwrap();
        somebody
    }

    /// Every law holds.
    pub async fn laws_hold(&self) {
        let reports = surehold::store::laws::check(&self.db.owner().await, None).await.expect("the laws are checked");
        assert!(!reports.is_empty());
        for report in reports {
            assert!(report.violations.is_empty(), "law {} is broken: {:?}", report.law, report.violations);
        }
    }
}

fn server_at(url: &str) -> Desk {
    Desk::new(store_on(url), DeskOptions { flights_max: 6, ..DeskOptions::default() })
}

/// A store with few connections, so that many tests fit on one server.
pub fn store_on(url: &str) -> Store {
    store_with(url, 3)
}

/// A store with so many connections for plain reads.
pub fn store_with(url: &str, read_connections: usize) -> Store {
    let options = StoreOptions {
        app_role: APP_ROLE.to_owned(),
        read_connections,
        command_connections: 6,
        ..StoreOptions::new(url)
    };
    Store::new(&options).expect("a store")
}

/// A request of the tests, without a key of its own.
pub fn request(command: Command) -> Request {
    Request {
        command_id: Uuid::now_v7(),
        principal: Arc::from("system:test"),
        on_behalf_of: None,
        key: Key::Made(format!("made_{}", Uuid::now_v7())),
        stripe_event: None,
        command,
    }
}

/// A request under a key.
pub fn with_key(key: &str, command: Command) -> Request {
    Request { key: Key::Given(key.to_owned()), ..request(command) }
}

pub fn book(contact_id: Uuid, slot_id: Uuid) -> Command {
    Command::Book(Book {
        contact_id,
        slot_id,
        guests: 1,
        pay: Pay::Credit { only: None },
        attending_location: Some("mississauga".to_owned()),
        dominant_hand: Some(Hand::Right),
        code: None,
        expected: ExpectedSlot::default(),
    })
}

pub fn cancel(booking_id: Uuid) -> Command {
    Command::Cancel(Cancel { booking_id, by_student: false, return_credit: true, reason: None })
}

pub fn booked(result: Result<Outcome, DeskError>) -> Result<Booked, DeskError> {
    match result?.answer {
        Answer::Booked(booked) => Ok(booked),
        other => panic!("unexpected {other:?}"),
    }
}

/// A slot on sale, as plain as can be.
pub fn slot_of(offering_id: Uuid, times: SlotTimes, capacity: i32) -> OpenSlot {
    OpenSlot {
        id: None,
        offering_id,
        name: "A slot".to_owned(),
        times,
        location: None,
        mock_set: None,
        capacity,
        withheld: 0,
        status: SlotStatus::Active,
        activates_at: None,
        prerequisites: Vec::new(),
        price_minor: None,
        one_per_start: false,
        hubspot_id: None,
    }
}

/// Nine to noon on a day in Toronto.
pub fn times_on(day: Date) -> SlotTimes {
    times_from(day.at(9, 0, 0, 0).in_tz(TORONTO).unwrap().timestamp(), 3)
}

/// So many hours from a moment on, on Toronto's clocks.
pub fn times_from(starts_at: Timestamp, hours: i64) -> SlotTimes {
    let ends_at = starts_at + SignedDuration::from_hours(hours);
    let (start, end) = (starts_at.in_tz(TORONTO).unwrap(), ends_at.in_tz(TORONTO).unwrap());
    SlotTimes {
        starts_at,
        ends_at,
        local_date: start.date(),
        local_start: start.time(),
        local_end: end.time(),
        time_zone: TORONTO.to_owned(),
    }
}

/// Whether a result is a refusal with this code.
pub fn is_refused<T: std::fmt::Debug>(result: &Result<T, DeskError>, code: &str) -> bool {
    matches!(result, Err(DeskError::Refused(refusal)) if refusal.code() == code)
}

/// The refusal of a result.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, DeskError>) -> Refusal {
    match result {
        Err(DeskError::Refused(refusal)) => refusal,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}
