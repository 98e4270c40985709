//! What the desk will say to commands, found out without it: the same decision, on the same rows, in memory.

use std::sync::Arc;

use jiff::Timestamp;
use surehold_core::command::Command;
use surehold_core::decide::Stop;
use surehold_core::rows::{OrgRules, Slot};
use surehold_core::{Fresh, Ledger, Refusal, decide};
use uuid::Uuid;

use super::calendar::Calendar;
use super::roll::Roll;
use crate::desk::own_request;
use crate::import::importer::Importer;
use crate::store::import_rows::PRINCIPAL;
use crate::store::move_in::{Here, TripsHere};

/// The organisation's rows, as they will be after the commands decided so far.
pub struct Plan {
    ledger: Ledger,
    now: Timestamp,
}

impl Plan {
    /// Before any command.
    pub fn of(importer: &Importer, here: &Here, roll: &Roll, calendar: &Calendar) -> Plan {
        let mut ledger = Ledger::new(OrgRules {
            slot_capacity_max: importer.org.slot_capacity_max,
            credit_kinds: importer.catalogue.credit_kinds.clone(),
            currency: importer.org.currency.clone(),
        });
        for offering in &importer.catalogue.offerings {
            ledger.load_offering(offering.clone());
        }
        for slot in calendar.slots.values() {
            ledger.load_slot(slot.clone());
        }
        for contact in roll.contacts.values() {
            ledger.load_contact(contact.clone());
        }
        for known in &here.bookings {
            ledger.load_booking(known.booking.clone());
        }
        Plan { ledger, now: Timestamp::now() }
    }

    /// What a marketplace has besides.
    pub fn load_trips(&mut self, here: &TripsHere) {
        for experience in &here.experiences {
            self.ledger.load_offering_name(experience.name.clone(), experience.id);
            self.ledger.load_offering(Arc::new(experience.clone()));
        }
        here.travellers.iter().for_each(|contact| self.ledger.load_contact(contact.clone()));
        here.trips.iter().for_each(|trip| self.ledger.load_trip(trip.clone()));
        here.payments.iter().for_each(|payment| self.ledger.load_payment(payment.clone()));
        here.refunds.iter().for_each(|refund| self.ledger.load_refund(refund.clone()));
    }

    /// A slot, as it will be.
    pub fn slot(&self, id: Uuid) -> Option<&Slot> {
        self.ledger.slot(id)
    }

    /// Decides a command, after those before it.
    pub fn decide(&mut self, command: Command) -> Result<(), Refusal> {
        let request = own_request(PRINCIPAL, command);
        let mut fresh = Fresh { now: self.now, id: &mut Uuid::now_v7 };
        match decide(&mut self.ledger, &request, &mut fresh) {
            Err(Stop::Refused(refusal)) => Err(refusal),
            // Everything is loaded, so it cannot be: the desk will say.
            Ok(_) | Err(Stop::ResolveAgain) => Ok(()),
        }
    }
}
