//! One of everything that callers read: a student's booking with its key, and a paid trip.

use surehold_core::Answer;
use surehold_core::outcome::TripHeld;
use uuid::Uuid;

use super::School;
use super::marketplace::{at_price, hold};
use super::school::{slot_of, times_on};

/// The views that callers read, by the schema of an SQL reader's.
pub const VIEWS: [(&str, &str); 8] = [
    ("hubspot_sync", "hubspot_contact_credits"),
    ("hubspot_sync", "hubspot_mock_exams"),
    ("hubspot_sync", "hubspot_bookings"),
    ("marketplace", "experience_slots"),
    ("marketplace", "bookings"),
    ("marketplace", "trips"),
    ("marketplace", "payments"),
    ("marketplace", "audit_logs"),
];

/// What there is in an organisation.
pub struct Scene {
    pub student: Uuid,
    pub exam: Uuid,
    pub booking: Uuid,
    pub traveller: Uuid,
    pub slot: Uuid,
    pub trip: TripHeld,
}

impl Scene {
    /// The student's ID is the organisation's mark, and so is the beginning of the booking's key.
    pub async fn of(school: &School, mark: &str) -> Scene {
        let student = school.student(mark, &[("cs_credits", 3)]).await;
        let exam = school.session("Clinical Skills", 5).await;
        let key = format!("{mark}-key");
        let booking = match school.book_with_key(&key, student, exam).await.expect("a booking").answer {
            Answer::Booked(booked) => booked.booking_id,
            other => panic!("unexpected {other:?}"),
        };
        let walk = school.add_experience(school.org_id, "City walk", at_price(5000)).await;
        let slot = slot_of(walk, times_on(jiff::civil::date(2030, 6, 1)), 8);
        let slot = school.open_slot(school.org_id, slot).await;
        let traveller = Uuid::new_v4();
        let trip = school.hold_at(&school.desk, hold(traveller, &[slot])).await.expect("a hold");
        school.settle(&trip).await.expect("it is paid");
        Scene { student, exam, booking, traveller, slot, trip }
    }
}
