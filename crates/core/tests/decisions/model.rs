//! The world as a clerk with a notebook sees it: seats, claims on them, pots of credits, and which key
//! was used for what. It learns only from requests and answers, never from rows, and says whether an
//! answer can be right.

use std::collections::BTreeMap;

use jiff::civil::Date;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::*;
use surehold_core::rows::CreditKind;
use surehold_core::{Answer, Command, Ledger, Outcome, Refusal, Request};
use uuid::Uuid;

use crate::world::TOUR;

#[derive(Default)]
pub struct Model {
    pub rooms: BTreeMap<Uuid, Room>,
    pub claims: BTreeMap<Uuid, Claim>,
    pub pots: BTreeMap<(Uuid, CreditKind), i64>,
    done: BTreeMap<Uuid, Answer>,
    keys: BTreeMap<String, (String, Answer)>,
}

pub struct Room {
    pub offering: Uuid,
    pub day: Date,
    pub capacity: i32,
    pub withheld: i32,
}

pub struct Claim {
    pub contact: Uuid,
    pub slot: Uuid,
    pub guests: i32,
    pub paid: Option<CreditKind>,
    pub live: bool,
    pub returned: bool,
}

impl Model {
    /// Checks an answer and takes note of it. `wrote`: whether there is something to write.
    pub fn hears(&mut self, request: &Request, result: &Result<Outcome, Stop>, wrote: bool) {
        let done = self.done.get(&request.command_id);
        let known = match &request.key {
            Key::Given(key) => self.keys.get(key),
            Key::Made(_) => None,
        };
        let asked = format!("{:?}", request.command);
        match result {
            Ok(outcome) if done.is_some() => {
                assert_eq!((Some(&outcome.answer), outcome.replayed, wrote), (done, false, false));
            }
            Ok(outcome) if outcome.replayed => {
                assert!(!wrote);
                self.check_replay(request, outcome, known, &asked);
            }
            Ok(outcome) => {
                assert!(known.is_none(), "a known key is a replay or refused");
                self.note(&request.command, &outcome.answer, wrote);
                if wrote {
                    self.done.insert(request.command_id, outcome.answer.clone());
                    if let Key::Given(key) = &request.key {
                        self.keys.insert(key.clone(), (asked, outcome.answer.clone()));
                    }
                }
            }
            Err(Stop::Refused(refusal)) => {
                let differs = known.is_some_and(|(before, _)| *before != asked);
                assert_eq!(*refusal == Refusal::IdempotencyMismatch, differs, "{refusal:?}");
                assert!(!wrote && done.is_none() && (known.is_none() || differs));
                assert!(self.is_justified(&request.command, refusal), "{refusal:?}");
            }
            Err(Stop::ResolveAgain) => panic!("everything needed is locked"),
        }
    }

    fn check_replay(&self, request: &Request, outcome: &Outcome, known: Option<&(String, Answer)>, asked: &str) {
        if let Some((before, answer)) = known {
            assert_eq!((before.as_str(), answer), (asked, &outcome.answer));
        } else {
            let Command::Book(book) = &request.command else { panic!("a replay without a key") };
            let Answer::Booked(booked) = &outcome.answer else { panic!("{outcome:?}") };
            let claim = &self.claims[&booked.booking_id];
            assert!(claim.live && (claim.contact, claim.slot) == (book.contact_id, book.slot_id));
        }
        if let Answer::Booked(Booked { booking_id, .. }) | Answer::Cancelled(Cancelled { booking_id, .. }) =
            &outcome.answer
        {
            let is_live = outcome.booking_status.map(|status| status.is_live());
            assert_eq!(is_live, Some(self.claims[booking_id].live), "the present status");
        }
    }

    /// Takes note of what was done, if anything was to be done.
    fn note(&mut self, command: &Command, answer: &Answer, wrote: bool) {
        let changes = match (command, answer) {
            (Command::Book(c), Answer::Booked(a)) => {
                assert!(self.free(c.slot_id) >= c.guests, "oversold");
                assert_eq!(self.clash(c.contact_id, c.slot_id, None), None);
                assert_eq!(a.credit_kind.is_none(), c.pay == Pay::Override);
                if let Some(kind) = &a.credit_kind {
                    let left = self.pay(c.contact_id, kind, -i64::from(c.guests));
                    assert_eq!(a.balance, Some(left));
                }
                let paid = a.credit_kind.clone();
                let claim = Claim {
                    contact: c.contact_id,
                    slot: c.slot_id,
                    guests: c.guests,
                    paid,
                    live: true,
                    returned: false,
                };
                assert!(self.claims.insert(a.booking_id, claim).is_none(), "a new booking");
                true
            }
            (Command::Cancel(c), Answer::Cancelled(a)) => {
                let claim = self.claims.get_mut(&c.booking_id).expect("a known booking");
                assert_eq!(a.already, !claim.live);
                let returns = claim.live && c.return_credit && !claim.returned && claim.paid.is_some();
                claim.live = false;
                claim.returned |= returns;
                let (contact, guests, kind) = (claim.contact, i64::from(claim.guests), claim.paid.clone());
                assert_eq!(a.credits_returned, if returns { guests } else { 0 });
                if let Some(kind) = kind.filter(|_| returns) {
                    assert_eq!(
                        (a.returned_kind.as_ref(), a.balance),
                        (Some(&kind), Some(self.pay(contact, &kind, guests)))
                    );
                }
                !a.already
            }
            (Command::Move(c), Answer::Moved(a)) => {
                let claim = &self.claims[&c.booking_id];
                let (from, to) = (claim.slot, c.to_slot_id);
                assert!(claim.live && a.from_slot_id == from);
                if from != to {
                    assert_eq!(self.rooms[&from].offering, self.rooms[&to].offering);
                    assert_eq!(self.clash(claim.contact, to, Some(c.booking_id)), None);
                    assert!(self.free(to) >= claim.guests, "oversold");
                    self.claims.get_mut(&c.booking_id).expect("a known booking").slot = to;
                }
                from != to
            }
            (Command::MarkAttendance(c), Answer::AttendanceMarked(_)) => {
                assert!(self.claims[&c.booking_id].live);
                wrote
            }
            (Command::RefundCredit(c), Answer::Refunded(a)) => {
                let claim = self.claims.get_mut(&c.booking_id).expect("a known booking");
                assert!(!claim.returned, "a second return");
                claim.returned = true;
                let (contact, guests) = (claim.contact, i64::from(claim.guests));
                assert_eq!(Some(&a.kind), c.kind.as_ref().or(claim.paid.as_ref()));
                assert!(claim.paid.is_some());
                assert_eq!((a.credits, a.balance), (guests, self.pay(contact, &a.kind, guests)));
                true
            }
            (Command::AdjustCredits(c), Answer::CreditsAdjusted(a)) => {
                for (kind, applied) in &a.applied {
                    assert!(*applied == c.deltas[kind] || c.stop_at_zero && *applied > c.deltas[kind]);
                    assert_eq!(self.pay(c.contact_id, kind, *applied), a.balances[kind]);
                }
                a.applied.values().any(|applied| *applied != 0)
            }
            (Command::AddContact(_), Answer::ContactAdded(a)) => {
                self.pots.extend(a.balances.iter().map(|(kind, amount)| ((a.contact_id, kind.clone()), *amount)));
                true
            }
            (Command::OpenSlot(c), Answer::SlotOpened(a)) => {
                let (day, capacity, withheld) = (c.times.local_date, c.capacity, c.withheld);
                self.rooms.insert(a.slot_id, Room { offering: c.offering_id, day, capacity, withheld });
                true
            }
            (Command::ChangeSlot(c), Answer::SlotChanged(a)) => {
                let room = self.rooms.get_mut(&c.slot_id).expect("a known session");
                room.capacity = c.capacity.unwrap_or(room.capacity);
                room.day = c.times.as_ref().map_or(room.day, |times| times.local_date);
                assert_eq!((a.withheld, a.available), (room.withheld, self.free(c.slot_id)));
                a.changed
            }
            (Command::Withhold(c), Answer::SlotChanged(a)) => {
                self.rooms.get_mut(&c.slot_id).expect("a known session").withheld += c.seats;
                assert_eq!((a.withheld, a.available), (self.rooms[&c.slot_id].withheld, self.free(c.slot_id)));
                true
            }
            (Command::ChangeContact(_), Answer::ContactChanged(_)) => wrote,
            _ => panic!("{answer:?} is no answer to {command:?}"),
        };
        // Under a given key an answer is remembered even when nothing changed.
        assert!(wrote || !changes, "{answer:?}");
    }

    /// Whether a refusal says the truth, as far as a notebook can tell.
    fn is_justified(&self, command: &Command, refusal: &Refusal) -> bool {
        match (command, refusal) {
            (
                Command::Book(Book { slot_id, .. }) | Command::Withhold(Withhold { slot_id, .. }),
                Refusal::Full { requested, available },
            ) => self.free(*slot_id) == *available && available < requested,
            (Command::Move(c), Refusal::Full { requested, available }) => {
                self.free(c.to_slot_id) == *available && available < requested
            }
            (Command::Book(c), Refusal::DuplicateBooking { booking_id, .. }) => {
                self.clash(c.contact_id, c.slot_id, None) == Some(*booking_id)
            }
            (Command::Move(c), Refusal::DuplicateBooking { booking_id, .. }) => {
                let contact = self.claims[&c.booking_id].contact;
                self.clash(contact, c.to_slot_id, Some(c.booking_id)) == Some(*booking_id)
            }
            (
                Command::Book(Book { contact_id, .. }) | Command::AdjustCredits(AdjustCredits { contact_id, .. }),
                Refusal::InsufficientCredits { needed, kinds, .. },
            ) => kinds.iter().all(|kind| self.pots[&(*contact_id, kind.clone())] < *needed),
            (Command::RefundCredit(c), Refusal::AlreadyRefunded { .. }) => self.claims[&c.booking_id].returned,
            (Command::RefundCredit(c), Refusal::BookingActive) => self.claims[&c.booking_id].live,
            (Command::RefundCredit(c), Refusal::NothingToRefund) => self.claims[&c.booking_id].paid.is_none(),
            (Command::Withhold(c), Refusal::ReleaseExceedsWithheld { withheld }) => {
                self.rooms[&c.slot_id].withheld == *withheld && -c.seats > *withheld
            }
            (Command::ChangeSlot(c), Refusal::CapacityTooLow { in_use }) => {
                self.rooms[&c.slot_id].capacity - self.free(c.slot_id) == *in_use && c.capacity < Some(*in_use)
            }
            (Command::ChangeSlot(c), Refusal::SlotHasBookings { bookings }) => {
                *bookings > 0 && self.booked(c.slot_id) == *bookings && c.times.is_some()
            }
            (_, Refusal::ContactNotFound | Refusal::SlotNotFound) => false, // all that are asked for exist
            (_, Refusal::BookingNotFound) => self.claims.is_empty(),
            _ => true,
        }
    }

    /// Compares the rows of a batch with the notebook.
    pub fn agrees_with(&self, ledger: &Ledger) {
        for (id, room) in &self.rooms {
            let Some(slot) = ledger.slot(*id) else { continue };
            assert_eq!((slot.capacity, slot.withheld), (room.capacity, room.withheld));
            assert_eq!((slot.taken + slot.held, slot.available()), (self.booked(*id), self.free(*id)));
            assert!(slot.available() >= 0 && slot.taken >= 0 && slot.held >= 0 && slot.withheld >= 0);
        }
        for ((contact_id, kind), amount) in &self.pots {
            assert!(*amount >= 0);
            if ledger.contact(*contact_id).is_some() {
                assert_eq!(ledger.balance(*contact_id, kind), *amount);
            }
        }
        for (id, claim) in &self.claims {
            let Some(booking) = ledger.booking(*id) else { continue };
            assert_eq!((booking.status.is_live(), booking.slot_id), (claim.live, claim.slot));
            assert_eq!(booking.credit_returned_at.is_some(), claim.returned);
        }
    }

    fn booked(&self, slot: Uuid) -> i32 {
        self.claims.values().filter(|claim| claim.live && claim.slot == slot).map(|claim| claim.guests).sum()
    }

    fn free(&self, slot: Uuid) -> i32 {
        let room = &self.rooms[&slot];
        room.capacity - room.withheld - self.booked(slot)
    }

    /// The live claim, other than `except`, that excludes one on this slot.
    fn clash(&self, contact: Uuid, slot: Uuid, except: Option<Uuid>) -> Option<Uuid> {
        let room = &self.rooms[&slot];
        let excludes = |claim: &Claim| {
            let other = &self.rooms[&claim.slot];
            claim.slot == slot || room.offering != TOUR && (other.offering, other.day) == (room.offering, room.day)
        };
        let mut others = self
            .claims
            .iter()
            .filter(|(id, claim)| claim.live && claim.contact == contact && Some(**id) != except && excludes(claim));
        others.next().map(|(id, _)| *id)
    }

    fn pay(&mut self, contact: Uuid, kind: &CreditKind, amount: i64) -> i64 {
        let pot = self.pots.get_mut(&(contact, kind.clone())).expect("every pot exists");
        *pot += amount;
        assert!(*pot >= 0, "paid with credits that are not there");
        *pot
    }
}
