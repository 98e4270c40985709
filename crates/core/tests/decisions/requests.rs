//! Requests as most people make them; a test changes the field that it is about.

use std::collections::BTreeMap;

use jiff::civil::Date;
use surehold_core::Command;
use surehold_core::command::*;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::world::morning_of;

pub fn book(contact_id: Uuid, slot_id: Uuid) -> Book {
    Book {
        contact_id,
        slot_id,
        guests: 1,
        pay: Pay::Credit { only: None },
        attending_location: Some("vancouver".to_owned()),
        dominant_hand: Some(Hand::Right),
        code: None,
        expected: ExpectedSlot::default(),
    }
}

/// An operator books for a student, at no cost.
pub fn override_for(contact_id: Uuid, slot_id: Uuid) -> Book {
    Book { pay: Pay::Override, ..book(contact_id, slot_id) }
}

/// A student cancels.
pub fn cancel(booking_id: Uuid) -> Cancel {
    Cancel { booking_id, by_student: true, return_credit: true, reason: None }
}

pub fn cancel_by_operator(booking_id: Uuid) -> Cancel {
    Cancel { by_student: false, ..cancel(booking_id) }
}

pub fn move_to(to_slot_id: Uuid, booking_id: Uuid) -> Move {
    Move { booking_id, to_slot_id }
}

pub fn mark(booking_id: Uuid, attendance: impl Into<Option<Attendance>>) -> MarkAttendance {
    MarkAttendance { booking_id, attendance: attendance.into() }
}

pub fn refund(booking_id: Uuid) -> RefundCredit {
    RefundCredit { booking_id, kind: None }
}

pub fn adjust(contact_id: Uuid, deltas: &[(&str, i64)]) -> AdjustCredits {
    AdjustCredits { contact_id, deltas: credits(deltas), reason: EntryReason::Grant, stop_at_zero: false, note: None }
}

pub fn add_contact(student_id: &str, email: &str) -> AddContact {
    AddContact {
        id: None,
        student_id: student_id.to_owned(),
        email: email.to_owned(),
        first_name: "New".to_owned(),
        last_name: "Student".to_owned(),
        ndecc_exam_date: None,
        opening: BTreeMap::new(),
        hubspot_id: None,
    }
}

pub fn change_contact(contact_id: Uuid) -> ChangeContact {
    ChangeContact { contact_id, ..ChangeContact::default() }
}

pub fn open(offering_id: Uuid, day: Date) -> OpenSlot {
    OpenSlot {
        id: None,
        offering_id,
        name: "Session".to_owned(),
        times: morning_of(day),
        location: None,
        mock_set: None,
        capacity: 10,
        withheld: 0,
        status: SlotStatus::Active,
        activates_at: None,
        prerequisites: Vec::new(),
        price_minor: None,
        one_per_start: false,
        hubspot_id: None,
    }
}

pub fn change(slot_id: Uuid) -> ChangeSlot {
    ChangeSlot { slot_id, ..ChangeSlot::default() }
}

/// Takes seats out of sale; negative puts them back.
pub fn withhold(slot_id: Uuid, seats: i32) -> Withhold {
    Withhold { slot_id, seats, reason: None, on_sale_only: false }
}

pub fn credits(amounts: &[(&str, i64)]) -> Balances {
    amounts.iter().map(|(kind, amount)| (CreditKind::from(*kind), *amount)).collect()
}

/// A struct that is one of the commands.
pub trait Ask {
    fn command(self) -> Command;
}

macro_rules! ask {
    ($($request:ty => $variant:ident),+ $(,)?) => {
        $(impl Ask for $request {
            fn command(self) -> Command {
                Command::$variant(self)
            }
        })+
    };
}

ask! {
    Book => Book, Cancel => Cancel, Move => Move, MarkAttendance => MarkAttendance, RefundCredit => RefundCredit,
    AdjustCredits => AdjustCredits, AddContact => AddContact, ChangeContact => ChangeContact, OpenSlot => OpenSlot,
    ChangeSlot => ChangeSlot, Withhold => Withhold, HoldTrip => HoldTrip, BookTrip => BookTrip,
    RecordPayment => RecordPayment, AttachCheckout => AttachCheckout, Settle => Settle, AwaitPayment => AwaitPayment,
    ReleasePayment => ReleasePayment, ExpireHold => ExpireHold, FlagPayment => FlagPayment,
    RefundBooking => RefundBooking, SeeRefunds => SeeRefunds, FailRefund => FailRefund, AddOffering => AddOffering,
    ChangeOffering => ChangeOffering, ImportBooking => ImportBooking, AddNotes => AddNotes,
    ImportTrip => ImportTrip, ImportPayment => ImportPayment, ImportTripBooking => ImportTripBooking,
}
