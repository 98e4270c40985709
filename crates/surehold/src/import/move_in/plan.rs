//! What the desk will say to commands, found out without it: the same decision, on the same rows, in memory.

use jiff::Timestamp;
use surehold_core::command::Command;
use surehold_core::decide::Stop;
use surehold_core::rows::OrgRules;
use surehold_core::{Fresh, Ledger, Refusal, decide};
use uuid::Uuid;

use super::calendar::Calendar;
use super::roll::Roll;
use crate::desk::own_request;
use crate::import::importer::Importer;
use crate::store::import_rows::PRINCIPAL;
use crate::store::move_in::Here;

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
