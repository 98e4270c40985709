//! Random histories: few people, few seats, every command, many batches. After each step the model
//! agrees, and after each batch the constraints and laws hold on what was written.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::rows::*;
use surehold_core::{Fresh, Outcome, Request, decide};
use uuid::Uuid;

use crate::database::Database;
use crate::model::{Claim, Model, Room};
use crate::world::*;

/// What somebody asks, with people, sessions and bookings still to be chosen among those there are.
#[derive(Debug, Clone)]
enum Wish {
    Book {
        who: Index,
        slot: Index,
        guests: i32,
        pay: Pay,
    },
    Cancel {
        booking: Index,
        by_student: bool,
        return_credit: bool,
    },
    Move {
        booking: Index,
        to: Index,
    },
    Mark {
        booking: Index,
        attendance: Option<Attendance>,
    },
    Refund {
        booking: Index,
        kind: Option<&'static str>,
    },
    Adjust {
        who: Index,
        kind: &'static str,
        delta: i64,
        stop_at_zero: bool,
    },
    AddContact {
        number: u8,
        opening: i64,
    },
    ChangeContact {
        who: Index,
        number: u8,
    },
    Open {
        offering: Uuid,
        day: i8,
        capacity: i32,
        withheld: i32,
    },
    Change {
        slot: Index,
        edit: Edit,
    },
    Withhold {
        slot: Index,
        seats: i32,
    },
    /// An earlier request once more, because its answer was lost.
    Again {
        request: Index,
    },
}

#[derive(Debug, Clone)]
enum Edit {
    Capacity(i32),
    Status(SlotStatus),
    Blocked(bool),
    Day(i8),
    SeenAtVersion(i64),
}

#[derive(Debug, Clone)]
struct Step {
    wish: Wish,
    key: Option<u8>,
    minutes_later: i64,
}

fn wishes() -> impl Strategy<Value = Wish> {
    let kind = || select(vec!["sj_credits", "shared_mock_credits"]);
    let pay = prop_oneof![
        4 => Just(Pay::Credit { only: None }),
        1 => kind().prop_map(|kind| Pay::Credit { only: Some(kind.into()) }),
        1 => Just(Pay::Override),
    ];
    let attendance = select(vec![None, Some(Attendance::Yes), Some(Attendance::No)]);
    let status = prop_oneof![
        4 => Just(SlotStatus::Active),
        2 => Just(SlotStatus::Scheduled),
        1 => Just(SlotStatus::Inactive),
        1 => Just(SlotStatus::Cancelled),
    ];
    let edit = prop_oneof![
        2 => (0..4).prop_map(Edit::Capacity),
        3 => status.prop_map(Edit::Status),
        2 => any::<bool>().prop_map(Edit::Blocked),
        1 => (0..3i8).prop_map(Edit::Day),
        1 => (1..4i64).prop_map(Edit::SeenAtVersion),
    ];
    let one = any::<Index>;
    prop_oneof![
        9 => (one(), one(), 1..3, pay).prop_map(|(who, slot, guests, pay)| Wish::Book { who, slot, guests, pay }),
        5 => (one(), any::<bool>(), prop::bool::weighted(0.7))
            .prop_map(|(booking, by_student, return_credit)| Wish::Cancel { booking, by_student, return_credit }),
        4 => (one(), one()).prop_map(|(booking, to)| Wish::Move { booking, to }),
        2 => (one(), attendance).prop_map(|(booking, attendance)| Wish::Mark { booking, attendance }),
        3 => (one(), prop::option::of(kind())).prop_map(|(booking, kind)| Wish::Refund { booking, kind }),
        2 => (one(), kind(), -3..4i64, any::<bool>())
            .prop_map(|(who, kind, delta, stop_at_zero)| Wish::Adjust { who, kind, delta, stop_at_zero }),
        1 => (0..4u8, 0..3i64).prop_map(|(number, opening)| Wish::AddContact { number, opening }),
        1 => (one(), 0..4u8).prop_map(|(who, number)| Wish::ChangeContact { who, number }),
        1 => (select(vec![SJ, TOUR]), 0..3i8, 1..4, 0..2)
            .prop_map(|(offering, day, capacity, withheld)| Wish::Open { offering, day, capacity, withheld }),
        4 => (one(), edit).prop_map(|(slot, edit)| Wish::Change { slot, edit }),
        2 => (one(), -2..3).prop_map(|(slot, seats)| Wish::Withhold { slot, seats }),
        1 => one().prop_map(|request| Wish::Again { request }),
    ]
}

/// Batches of steps.
fn histories() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = (wishes(), prop::option::weighted(0.15, 0..4u8), 0..80i64).prop_map(|(wish, key, minutes_later)| Step {
        wish,
        key,
        minutes_later,
    });
    prop::collection::vec(prop::collection::vec(step, 1..7), 1..26)
}

/// The database, the model of it, and everything that was asked so far.
struct Life {
    database: Database,
    model: Model,
    asked: Vec<Request>,
    now: Timestamp,
    next_id: u128,
}

fn day(number: i8) -> jiff::civil::Date {
    jiff::civil::date(2026, 10, 2 + number)
}

impl Life {
    /// Four sessions of two seats: two of a day, one of the next day, and a tour, on which Ben holds a seat.
    fn begin() -> Life {
        let mut life = Life {
            database: Database::default(),
            model: Model::default(),
            asked: Vec::new(),
            now: at("2026-10-01T12:00:00Z"),
            next_id: 0x1_0000,
        };
        for (number, (offering, date)) in
            [(SJ, day(0)), (SJ, day(0)), (SJ, day(1)), (TOUR, day(1))].into_iter().enumerate()
        {
            let id = Uuid::from_u128(0xe0 + number as u128);
            life.database.slots.insert(id, Slot { capacity: 2, ..slot(id, offering, date) });
            life.model.rooms.insert(id, Room { offering, day: date, capacity: 2, withheld: 0 });
        }
        for contact in [student(ANN, "1", "1@example.org"), student(BEN, "2", "2@example.org")] {
            for (kind, _) in KINDS {
                life.database.balances.insert((contact.id, kind.into()), 0);
                life.model.pots.insert((contact.id, kind.into()), 0);
            }
            life.database.contacts.insert(contact.id, contact);
        }
        life.ben_holds_a_seat();
        let gift = [("sj_credits", 2), ("shared_mock_credits", 2)];
        let gifts = [ANN, BEN].map(|who| life.request(None, adjust(who, &gift).command()));
        life.run(&gifts, &[0, 0], &mut |_| {});
        life
    }

    fn ben_holds_a_seat(&mut self) {
        let (id, tour) = (Uuid::from_u128(0xb0), Uuid::from_u128(0xe3));
        let slot = self.database.slots.get_mut(&tour).expect("the tour");
        slot.held = 1;
        let hold = Booking { status: BookingStatus::PendingPayment, ..booking(id, BEN, slot, self.now) };
        self.database.bookings.insert(id, hold);
        let claim = Claim { contact: BEN, slot: tour, guests: 1, paid: None, live: true, returned: false };
        self.model.claims.insert(id, claim);
        self.database.journal.push(JournalRow {
            id,
            command_id: id,
            principal: "system:test".into(),
            on_behalf_of: None,
            stripe_event_id: None,
            event: "booking.held",
            entity: Entity::Booking,
            entity_id: id,
            before: None,
            after: None,
            idempotency: None,
        });
    }

    fn live_through(&mut self, history: &[Vec<Step>], hears: &mut dyn FnMut(&Result<Outcome, Stop>)) {
        for batch in history {
            let requests: Vec<Request> = batch.iter().map(|step| self.choose(step)).collect();
            let minutes: Vec<i64> = batch.iter().map(|step| step.minutes_later).collect();
            self.run(&requests, &minutes, hears);
        }
    }

    /// One batch: load, decide one after the other, write.
    fn run(&mut self, requests: &[Request], minutes: &[i64], hears: &mut dyn FnMut(&Result<Outcome, Stop>)) {
        let mut ledger = self.database.load(requests);
        for (request, minutes) in requests.iter().zip(minutes) {
            self.now += SignedDuration::from_mins(*minutes);
            let before = ledger.writes().clone();
            let mut fresh_id = || {
                self.next_id += 1;
                Uuid::from_u128(self.next_id)
            };
            let result = decide(&mut ledger, request, &mut Fresh { now: self.now, id: &mut fresh_id });
            let wrote = *ledger.writes() != before;
            self.model.hears(request, &result, wrote);
            self.model.agrees_with(&ledger);
            hears(&result);
        }
        self.database.commit(&ledger);
        self.asked.extend(requests.iter().cloned());
    }

    fn request(&mut self, key: Option<u8>, command: surehold_core::Command) -> Request {
        self.next_id += 1;
        let command_id = Uuid::from_u128(self.next_id);
        let key = key.map_or_else(|| Key::Made(format!("made-{command_id}")), |key| Key::Given(format!("key {key}")));
        Request { command_id, principal: PORTAL.into(), on_behalf_of: None, key, stripe_event: None, command }
    }

    /// Who, what and which, among those that exist before the batch.
    fn choose(&mut self, step: &Step) -> Request {
        let one = |index: &Index, ids: Vec<&Uuid>| ids.get(index.index(ids.len().max(1))).map_or(NOBODY, |id| **id);
        let who = |index| one(index, self.database.contacts.keys().collect());
        let slot = |index| one(index, self.database.slots.keys().collect());
        let booking = |index| {
            // Live ones are chosen more often, or most histories would be about the dead.
            let live = self.database.bookings.values().filter(|b| b.status.is_live()).map(|b| &b.id);
            one(index, live.clone().chain(live.clone()).chain(live).chain(self.database.bookings.keys()).collect())
        };
        let identity = |number: u8| (number.to_string(), format!("{number}@example.org"));
        let command = match &step.wish {
            Wish::Book { who: contact, slot: on, guests, pay } => {
                Book { guests: *guests, pay: pay.clone(), ..book(who(contact), slot(on)) }.command()
            }
            Wish::Cancel { booking: id, by_student, return_credit } => {
                Cancel { by_student: *by_student, return_credit: *return_credit, ..cancel(booking(id)) }.command()
            }
            Wish::Move { booking: id, to } => move_to(slot(to), booking(id)).command(),
            Wish::Mark { booking: id, attendance } => mark(booking(id), *attendance).command(),
            Wish::Refund { booking: id, kind } => {
                RefundCredit { kind: kind.map(Into::into), ..refund(booking(id)) }.command()
            }
            Wish::Adjust { who: contact, kind, delta, stop_at_zero } => {
                AdjustCredits { stop_at_zero: *stop_at_zero, ..adjust(who(contact), &[(*kind, *delta)]) }.command()
            }
            Wish::AddContact { number, opening } => {
                let (student_id, email) = identity(*number);
                AddContact { opening: credits(&[("sj_credits", *opening)]), ..add_contact(&student_id, &email) }
                    .command()
            }
            Wish::ChangeContact { who: contact, number } => {
                let (student_id, email) = identity(*number);
                // Sometimes one half only.
                let email = number.is_multiple_of(2).then_some(email);
                ChangeContact { student_id: Some(student_id), email, ..change_contact(who(contact)) }.command()
            }
            Wish::Open { offering, day: number, capacity, withheld } => {
                OpenSlot { capacity: *capacity, withheld: *withheld, ..open(*offering, day(*number)) }.command()
            }
            Wish::Change { slot: id, edit } => {
                let mut request = change(slot(id));
                match edit {
                    Edit::Capacity(capacity) => request.capacity = Some(*capacity),
                    Edit::Status(status) => request.status = Some(*status),
                    Edit::Blocked(blocked) => request.blocked = Some(blocked.then(|| "repairs".to_owned())),
                    Edit::Day(number) => request.times = Some(morning_of(day(*number))),
                    Edit::SeenAtVersion(version) => {
                        request.expected_version = Some(*version);
                        request.name = Some(format!("changed at {version}"));
                    }
                }
                if request.status == Some(SlotStatus::Scheduled) {
                    request.activates_at = Some(self.now + SignedDuration::from_hours(6));
                }
                request.command()
            }
            Wish::Withhold { slot: id, seats } => withhold(slot(id), *seats).command(),
            Wish::Again { request } => return self.asked[request.index(self.asked.len())].clone(),
        };
        self.request(step.key, command)
    }
}

fn config() -> ProptestConfig {
    let asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked_for { ProptestConfig::default().cases } else { 120 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn laws_hold_in_every_history(history in histories()) {
        Life::begin().live_through(&history, &mut |_| {});
    }
}

/// The histories above prove nothing of what never happens in them.
#[test]
fn histories_meet_every_answer_and_refusal() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..80 {
        let history = histories().new_tree(&mut runner).expect("a history").current();
        Life::begin().live_through(&history, &mut |result| {
            let what = match result {
                Ok(outcome) if outcome.replayed => "replay".to_owned(),
                Ok(outcome) => format!("{:?}", outcome.answer).split('(').next().expect("a name").to_owned(),
                Err(Stop::Refused(refusal)) => refusal.code().to_owned(),
                Err(Stop::ResolveAgain) => "resolve again".to_owned(),
            };
            *met.entry(what).or_default() += 1;
        });
    }
    for what in [
        "Booked",
        "Cancelled",
        "Moved",
        "AttendanceMarked",
        "Refunded",
        "CreditsAdjusted",
        "ContactAdded",
        "ContactChanged",
        "SlotOpened",
        "SlotChanged",
        "replay",
        "IDEMPOTENCY_MISMATCH",
        "EXAM_NOT_ACTIVE",
        "EXAM_PAST",
        "SLOT_BLOCKED",
        "DUPLICATE_BOOKING",
        "EXAM_FULL",
        "INSUFFICIENT_CREDITS",
        "CANCEL_TOO_LATE",
        "BOOKING_NOT_ACTIVE",
        "BOOKING_ACTIVE",
        "ALREADY_REFUNDED",
        "NOTHING_TO_REFUND",
        "EXAM_TYPE_MISMATCH",
        "CAPACITY_TOO_LOW",
        "RELEASE_EXCEEDS_WITHHELD",
        "EXAM_CANCELLED",
        "EXAM_HAS_BOOKINGS",
        "CONTACT_EXISTS",
        "VALIDATION_ERROR",
        "VERSION_CONFLICT",
    ] {
        assert!(met.contains_key(what), "{what} is not among {met:?}");
    }
}
