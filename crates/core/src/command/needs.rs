//! Which rows a command needs, known before anything is locked.

use jiff::civil;
use uuid::Uuid;

use super::*;

/// A (student ID, email) to look for. What is not given is that of the contact, read after its lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedIdentity {
    /// Upper case.
    pub student_id: Option<String>,
    /// Lower case.
    pub email: Option<String>,
    /// Whose, where a part is not given.
    pub of_contact: Option<Uuid>,
}

/// A local date and start of an offering, whose slot matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedStart {
    /// Of which offering.
    pub offering_id: Uuid,
    /// Local date.
    pub local_date: civil::Date,
    /// Local start.
    pub local_start: civil::Time,
}

/// The rows that a command needs, known before anything is locked.
#[derive(Debug, Default)]
pub struct Needs {
    /// Slots to lock.
    pub slots: Vec<Uuid>,
    /// Contacts to lock.
    pub contacts: Vec<Uuid>,
    /// Bookings whose slot, contact and payment have to be found first; the first two are locked.
    pub bookings: Vec<Uuid>,
    /// Offerings to read, besides those of the slots.
    pub offerings: Vec<Uuid>,
    /// Contacts to look for by (student ID, email).
    pub identities: Vec<WantedIdentity>,
    /// Slots whose existence matters, not their seats: read without a lock.
    pub slots_to_see: Vec<Uuid>,
    /// Payments, whose contact and slots have to be found first, and locked.
    pub payments: Vec<Uuid>,
    /// Trips to read, with their payments.
    pub trips: Vec<Uuid>,
    /// Contacts whose open payments are to be read.
    pub travellers: Vec<Uuid>,
    /// Recorded payments to look for by reference.
    pub references: Vec<String>,
    /// Offerings to lock, before the slots.
    pub offerings_to_lock: Vec<Uuid>,
    /// Offerings to look for by name.
    pub offering_names: Vec<String>,
    /// Slots to look for by date and start, under the lock of their offering; they are not locked themselves.
    pub starts: Vec<WantedStart>,
}

impl Command {
    /// The rows that this command needs.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            Command::Book(c) => {
                needs.slots.push(c.slot_id);
                needs.contacts.push(c.contact_id);
            }
            Command::ImportBooking(c) => {
                needs.slots.push(c.slot_id);
                needs.contacts.push(c.contact_id);
                needs.bookings.push(c.id);
            }
            Command::ImportTrip(c) => {
                needs.contacts.push(c.contact_id);
                needs.trips.push(c.id);
            }
            Command::ImportPayment(c) => {
                needs.contacts.push(c.contact_id);
                needs.payments.push(c.id);
            }
            Command::ImportTripBooking(c) => {
                needs.slots.push(c.slot_id);
                needs.contacts.push(c.contact_id);
                needs.bookings.push(c.id);
                needs.trips.push(c.trip_id);
                needs.payments.extend(c.payment_id);
            }
            Command::Cancel(c) => needs.bookings.push(c.booking_id),
            Command::Move(c) => {
                needs.bookings.push(c.booking_id);
                needs.slots.push(c.to_slot_id);
            }
            Command::MarkAttendance(c) => needs.bookings.push(c.booking_id),
            Command::RefundCredit(c) => needs.bookings.push(c.booking_id),
            Command::AdjustCredits(c) => needs.contacts.push(c.contact_id),
            Command::AddContact(c) => {
                needs.contacts.extend(c.id);
                needs.identities.push(WantedIdentity {
                    student_id: Some(c.student_id.clone()),
                    email: Some(c.email.clone()),
                    of_contact: None,
                });
            }
            Command::ChangeContact(c) => {
                needs.contacts.push(c.contact_id);
                if c.student_id.is_some() || c.email.is_some() {
                    needs.identities.push(WantedIdentity {
                        student_id: c.student_id.clone(),
                        email: c.email.clone(),
                        of_contact: Some(c.contact_id),
                    });
                }
            }
            Command::OpenSlot(c) => {
                needs.slots.extend(c.id);
                if c.one_per_start {
                    // The offering's row is the lock of its starts: two that open the same one meet there.
                    needs.offerings_to_lock.push(c.offering_id);
                    needs.starts.push(WantedStart {
                        offering_id: c.offering_id,
                        local_date: c.times.local_date,
                        local_start: c.times.local_start,
                    });
                } else {
                    needs.offerings.push(c.offering_id);
                }
                needs.slots_to_see.extend(&c.prerequisites);
            }
            Command::ChangeSlot(c) => {
                needs.slots.push(c.slot_id);
                needs.slots_to_see.extend(c.prerequisites.iter().flatten());
            }
            Command::Withhold(c) => needs.slots.push(c.slot_id),
            Command::HoldTrip(c) => {
                needs.slots.extend(c.items.iter().map(|item| item.slot_id));
                needs.contacts.push(c.contact_id);
                needs.travellers.push(c.contact_id);
                needs.trips.extend(c.trip_id);
            }
            Command::BookTrip(c) => {
                needs.slots.extend(c.items.iter().map(|item| item.slot_id));
                needs.contacts.push(c.contact_id);
                needs.payments.push(c.payment_id);
                needs.trips.push(c.trip_id);
            }
            Command::RecordPayment(c) => {
                needs.contacts.push(c.contact_id);
                needs.references.push(c.reference.clone());
            }
            Command::AttachCheckout(AttachCheckout { payment_id, .. })
            | Command::Settle(Settle { payment_id, .. })
            | Command::AwaitPayment(AwaitPayment { payment_id, .. })
            | Command::ReleasePayment(ReleasePayment { payment_id, .. })
            | Command::ExpireHold(ExpireHold { payment_id })
            | Command::FlagPayment(FlagPayment { payment_id, .. })
            | Command::SeeRefunds(SeeRefunds { payment_id, .. })
            | Command::FailRefund(FailRefund { payment_id, .. }) => needs.payments.push(*payment_id),
            Command::RefundBooking(c) => needs.bookings.push(c.booking_id),
            Command::AddOffering(c) => {
                needs.offerings.extend(c.id);
                needs.offering_names.push(c.name.clone());
            }
            Command::ChangeOffering(c) => {
                needs.offerings_to_lock.push(c.offering_id);
                needs.offering_names.extend(c.name.clone());
            }
            Command::AddNotes(_) => {}
        }
        needs
    }
}
