//! A small exam school, and what people do there.
//!
//! Every request of every test passes [`World::decide`], which also checks that a refusal and a replay
//! write nothing.

use std::sync::Arc;

use jiff::civil::{Date, Time, date};
use jiff::{Timestamp, ToSpan};
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Fresh, Ledger, Outcome, Refusal, Request, decide};
use uuid::Uuid;

pub use crate::requests::*;

pub const SJ: Uuid = Uuid::from_u128(0x51);
pub const CS: Uuid = Uuid::from_u128(0x52);
pub const MINI: Uuid = Uuid::from_u128(0x53);
pub const DISCUSSION: Uuid = Uuid::from_u128(0x54);
/// Not an exam: no rule of one a day, `BK-` codes, paid with shared credits.
pub const TOUR: Uuid = Uuid::from_u128(0x55);

pub const ANN: Uuid = Uuid::from_u128(0xa1);
pub const BEN: Uuid = Uuid::from_u128(0xb1);
pub const NOBODY: Uuid = Uuid::from_u128(0xdead);

/// What the school's portal is known as; it asks for all students.
pub const PORTAL: &str = "key:portal";

pub const KINDS: [(&str, &str); 5] = [
    ("sj_credits", "Situational Judgment Token"),
    ("cs_credits", "Clinical Skills Token"),
    ("sjmini_credits", "Mini-mock Token"),
    ("mock_discussion_token", "Mock Discussion Token"),
    ("shared_mock_credits", "Shared Token"),
];

pub struct World {
    pub ledger: Ledger,
    pub now: Timestamp,
    next_id: u128,
}

/// The exam school at noon (UTC) of 1 October 2026. Ann and Ben study there and have no credits.
pub fn world() -> World {
    let mut world = World { ledger: Ledger::new(org()), now: at("2026-10-01T12:00:00Z"), next_id: 0x1_0000 };
    for offering in offerings() {
        world.ledger.load_offering(Arc::new(offering));
    }
    for contact in [student(ANN, "1599999", "ann@example.org"), student(BEN, "1600000", "ben@example.org")] {
        for (kind, _) in KINDS {
            world.ledger.load_balance(contact.id, kind, 0);
        }
        world.ledger.load_contact(contact);
    }
    world
}

pub fn org() -> OrgRules {
    OrgRules {
        slot_capacity_max: 100,
        credit_kinds: KINDS.iter().map(|(kind, label)| ((*kind).into(), (*label).to_owned())).collect(),
        currency: "usd".to_owned(),
    }
}

pub fn offerings() -> [Offering; 5] {
    let exam = |id, name: &str, policy: &[&str]| Offering {
        id,
        family: Family::MockExam,
        name: name.to_owned(),
        credit_policy: policy.iter().map(|kind| CreditKind::from(*kind)).collect(),
        one_per_day: true,
        needs_dominant_hand: false,
        needs_attending_location: false,
        code_style: CodeStyle::TypeStudentDate,
        cancel_cutoff_minutes: 0,
        price_minor: None,
        guests_max: 10,
        booking_cutoff_minutes: 120,
        free_cancel_minutes: 1440,
        late_refund_percent: 0,
        is_active: true,
        version: 1,
    };
    [
        Offering {
            needs_attending_location: true,
            ..exam(SJ, "Situational Judgment", &["sj_credits", "shared_mock_credits"])
        },
        Offering { needs_dominant_hand: true, ..exam(CS, "Clinical Skills", &["cs_credits", "shared_mock_credits"]) },
        Offering { needs_attending_location: true, ..exam(MINI, "Mini-mock", &["sjmini_credits"]) },
        Offering { family: Family::MockDiscussion, ..exam(DISCUSSION, "Mock Discussion", &["mock_discussion_token"]) },
        Offering {
            family: Family::Experience,
            one_per_day: false,
            code_style: CodeStyle::Bk,
            ..exam(TOUR, "Tour", &["shared_mock_credits"])
        },
    ]
}

pub fn student(id: Uuid, student_id: &str, email: &str) -> Contact {
    Contact {
        id,
        student_id: student_id.to_owned(),
        email: email.to_owned(),
        first_name: "Given".to_owned(),
        last_name: "Family".to_owned(),
        ndecc_exam_date: None,
        version: 1,
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The day of most sessions here.
pub fn the_day() -> Date {
    date(2026, 10, 23)
}

/// From nine to one, in Vancouver.
pub fn morning_of(day: Date) -> SlotTimes {
    let (start, end) = (Time::constant(9, 0, 0, 0), Time::constant(13, 0, 0, 0));
    let instant = |time: Time| day.to_datetime(time).in_tz("America/Vancouver").expect("a bundled zone").timestamp();
    SlotTimes {
        starts_at: instant(start),
        ends_at: instant(end),
        local_date: day,
        local_start: start,
        local_end: end,
        time_zone: "America/Vancouver".to_owned(),
    }
}

/// An active session with ten seats.
pub fn slot(id: Uuid, offering_id: Uuid, day: Date) -> Slot {
    let times = morning_of(day);
    Slot {
        id,
        offering_id,
        name: "Session".to_owned(),
        starts_at: times.starts_at,
        ends_at: times.ends_at,
        local_date: times.local_date,
        local_start: times.local_start,
        local_end: times.local_end,
        time_zone: times.time_zone,
        location: Some("Vancouver".to_owned()),
        mock_set: Some("A".to_owned()),
        capacity: 10,
        taken: 0,
        held: 0,
        withheld: 0,
        status: SlotStatus::Active,
        activates_at: None,
        is_blocked: false,
        blocked_reason: None,
        prerequisites: Vec::new(),
        price_minor: None,
        version: 1,
        edit_version: 1,
    }
}

/// A confirmed booking that cost nothing.
pub fn booking(id: Uuid, contact_id: Uuid, slot: &Slot, created_at: Timestamp) -> Booking {
    Booking {
        id,
        contact_id,
        slot_id: slot.id,
        offering_id: slot.offering_id,
        booked_slot_id: slot.id,
        status: BookingStatus::Confirmed,
        guests: 1,
        code: format!("code of {id}"),
        exclusive_date: (slot.offering_id != TOUR).then_some(slot.local_date),
        paid_by: PaidBy::Override,
        credit_kind: None,
        token_used: Some("Admin Override".to_owned()),
        attending_location: None,
        dominant_hand: None,
        attendance: None,
        cancelled_at: None,
        cancelled_by: None,
        credit_returned_at: None,
        returned_kind: None,
        refunded_by: None,
        purchase: None,
        expires_at: None,
        version: 1,
        created_at,
    }
}

impl World {
    pub fn fresh_id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(self.next_id)
    }

    // What there is.

    /// A session on [`the_day`].
    pub fn session(&mut self, offering_id: Uuid) -> Uuid {
        self.session_on(offering_id, the_day())
    }

    pub fn session_on(&mut self, offering_id: Uuid, day: Date) -> Uuid {
        let id = self.fresh_id();
        self.ledger.load_slot(slot(id, offering_id, day));
        id
    }

    /// The session is otherwise than usual.
    pub fn where_session(&mut self, id: Uuid, differs: impl FnOnce(&mut Slot)) {
        let mut slot = self.slot(id);
        differs(&mut slot);
        self.ledger.load_slot(slot);
    }

    /// The offering has other rules than usual.
    pub fn where_offering(&mut self, id: Uuid, differs: impl FnOnce(&mut Offering)) {
        let mut offering = Offering::clone(self.ledger.offering(id).expect("a known offering"));
        differs(&mut offering);
        self.ledger.load_offering(Arc::new(offering));
    }

    /// The booking is in a state that no command of these tests leads to.
    pub fn where_booking(&mut self, id: Uuid, differs: impl FnOnce(&mut Booking)) {
        let mut booking = self.booking(id);
        differs(&mut booking);
        self.ledger.load_booking(booking);
    }

    /// The contact has a confirmed booking, made by an override; whatever would speak against it now.
    pub fn is_booked(&mut self, contact_id: Uuid, slot_id: Uuid) -> Uuid {
        let slot = self.slot(slot_id);
        let booking = booking(self.fresh_id(), contact_id, &slot, self.now);
        let id = booking.id;
        self.where_session(slot_id, |s| s.taken += 1);
        self.ledger.load_booking(booking);
        id
    }

    pub fn has_credits(&mut self, contact_id: Uuid, kind: &str, amount: i64) {
        self.ledger.load_balance(contact_id, kind, amount);
    }

    /// The portal has used this key for something else.
    pub fn has_used_key(&mut self, key: &str) {
        let answer = Answer::ContactChanged(ContactSaved { contact_id: BEN, balances: Balances::new() });
        let command_id = self.fresh_id();
        let other = Remembered { command_id, fingerprint: [7; 32], answer, booking_status: None };
        self.ledger.load_remembered(PORTAL.into(), key.to_owned(), other);
    }

    // What people ask.

    /// The portal asks, without an `Idempotency-Key`.
    pub fn ask(&mut self, command: impl Ask) -> Result<Outcome, Stop> {
        let request = self.request(PORTAL, None, command);
        self.decide(&request)
    }

    /// The portal asks, with an `Idempotency-Key`.
    pub fn ask_with_key(&mut self, key: &str, command: impl Ask) -> Result<Outcome, Stop> {
        let request = self.request(PORTAL, Some(key), command);
        self.decide(&request)
    }

    pub fn request(&mut self, principal: &str, key: Option<&str>, command: impl Ask) -> Request {
        let command_id = self.fresh_id();
        let key = key.map_or_else(|| Key::Made(format!("made-{command_id}")), |key| Key::Given(key.to_owned()));
        Request {
            command_id,
            principal: principal.into(),
            on_behalf_of: None,
            key,
            stripe_event: None,
            command: command.command(),
        }
    }

    pub fn decide(&mut self, request: &Request) -> Result<Outcome, Stop> {
        let before = self.ledger.writes().clone();
        let mut next_id = self.next_id;
        let mut fresh_id = || {
            next_id += 1;
            Uuid::from_u128(next_id)
        };
        let result = decide(&mut self.ledger, request, &mut Fresh { now: self.now, id: &mut fresh_id });
        self.next_id = next_id;
        if result.as_ref().map_or(true, |outcome| outcome.replayed) {
            assert_eq!(*self.ledger.writes(), before, "a refusal and a replay leave no trace: {result:?}");
        }
        result
    }

    // What people see afterwards.

    pub fn slot(&self, id: Uuid) -> Slot {
        self.ledger.slot(id).expect("a known session").clone()
    }

    pub fn booking(&self, id: Uuid) -> Booking {
        self.ledger.booking(id).expect("a known booking").clone()
    }

    pub fn credits(&self, contact_id: Uuid, kind: &str) -> i64 {
        self.ledger.balance(contact_id, kind)
    }

    /// The keys that are remembered, oldest first.
    pub fn keys(&self) -> Vec<String> {
        self.ledger.writes().journal.iter().filter_map(|row| Some(row.idempotency.as_ref()?.key.clone())).collect()
    }

    pub fn events(&self) -> Vec<&'static str> {
        self.ledger.writes().journal.iter().map(|row| row.event).collect()
    }
}

// Answers.

pub fn code(result: Result<Outcome, Stop>) -> &'static str {
    refusal(result).code()
}

#[track_caller]
pub fn refusal(result: Result<Outcome, Stop>) -> Refusal {
    match result {
        Err(Stop::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[track_caller]
pub fn booked(result: Result<Outcome, Stop>) -> Booked {
    match answer(result) {
        Answer::Booked(booked) => booked,
        other => panic!("expected a booking, got {other:?}"),
    }
}

#[track_caller]
pub fn cancelled(result: Result<Outcome, Stop>) -> Cancelled {
    match answer(result) {
        Answer::Cancelled(cancelled) => cancelled,
        other => panic!("expected a cancellation, got {other:?}"),
    }
}

#[track_caller]
pub fn saved(result: Result<Outcome, Stop>) -> SlotSaved {
    match answer(result) {
        Answer::SlotOpened(saved) | Answer::SlotChanged(saved) => saved,
        other => panic!("expected a saved session, got {other:?}"),
    }
}

#[track_caller]
fn answer(result: Result<Outcome, Stop>) -> Answer {
    result.expect("it can be done").answer
}

pub fn minutes_before(instant: Timestamp, minutes: i64) -> Timestamp {
    instant - minutes.minutes()
}
