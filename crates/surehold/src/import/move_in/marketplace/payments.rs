//! `payments`: money that came, with what of it has gone back.
//!
//! A payment is recorded money here: its session is not ours to ask about, but its payment intent is known, so a refund
//! goes back by Stripe, and what Stripe says of its refunds is followed.

use std::collections::{HashMap, HashSet};

use surehold_core::command::{Command, ImportPayment, ImportedRefund, SeeRefunds, SeenRefund};
use surehold_core::rows::{Booking, Payment, Refund, RefundStatus};
use uuid::Uuid;

use super::money::Money;
use super::step::Step;
use crate::currency;
use crate::import::importer::Importer;
use crate::import::move_in::cells::{Cells, problem};
use crate::import::move_in::record::{Record, instant};
use crate::import::move_in::tables::TableReport;
use crate::import::table::{Lines, Problem};
use crate::import::values;

const AMOUNT_MAX: i64 = 99_999_999;

/// Where a payment stands there; what is best for its bookings comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The money came; a part of it may have gone back.
    Paid,
    /// All of it went back.
    PaidBack,
    /// No money came.
    Failed,
}

impl State {
    /// Whether the money came.
    pub fn has_money(self) -> bool {
        self != State::Failed
    }
}

/// What can be told of a payment that may pay for bookings.
#[derive(Debug, Clone, Copy)]
pub struct PaymentFacts {
    /// Its id.
    pub id: Uuid,
    /// The booking that it names.
    pub booking_id: Option<Uuid>,
    /// In minor units.
    pub amount_minor: i64,
    /// Where it stands.
    pub state: State,
}

/// What can be told of payments. Those that may still be paid there are not among them.
pub fn facts(records: &[Record]) -> Vec<PaymentFacts> {
    let facts = |record: &Record| {
        let amount_minor = record.text(&["amount"]).parse().ok().filter(|amount| (1..=AMOUNT_MAX).contains(amount))?;
        let state = match status(&record.text(&["status"])).ok()? {
            false => State::Failed,
            true if refunded(record, amount_minor) == amount_minor => State::PaidBack,
            true => State::Paid,
        };
        let id = record.text(&["id"]).parse().ok()?;
        Some(PaymentFacts { id, booking_id: record.text(&["booking_id"]).parse().ok(), amount_minor, state })
    };
    records.iter().filter_map(facts).collect()
}

/// Whether its money came.
fn status(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "succeeded" | "refunded" | "partially_refunded" => Ok(true),
        "failed" | "cancelled" | "canceled" => Ok(false),
        "pending" | "processing" => Err("no money came yet: it is settled where its checkout was made".to_owned()),
        "" => Err("is missing".to_owned()),
        _ => Err("is no status of a payment".to_owned()),
    }
}

/// What of it has gone back, never more than came. There it was added up, sometimes twice.
fn refunded(record: &Record, amount_minor: i64) -> i64 {
    let written = record.text(&["refund_amount"]).parse::<i64>().unwrap_or(0).clamp(0, amount_minor);
    if written == 0 && record.text(&["status"]).eq_ignore_ascii_case("refunded") { amount_minor } else { written }
}

/// What payments are about.
pub struct World<'a> {
    pub importer: &'a Importer,
    /// What is paid with them.
    pub money: &'a Money,
    /// Whose each booking is, there.
    pub users: &'a HashMap<Uuid, Uuid>,
    /// Payments that are here.
    pub here: HashMap<Uuid, &'a Payment>,
    /// Refunds that are here.
    pub refunds: &'a [Refund],
    /// Bookings that are here.
    pub bookings: &'a HashMap<Uuid, &'a Booking>,
}

impl World<'_> {
    /// The payments that can be understood, as what is to be done about them: those that are new, and those that are
    /// here. The others are in the report.
    pub fn read_all(&self, records: &[Record], into: &mut TableReport) -> (Lines<Step>, Lines<Step>) {
        let mut sessions: HashSet<String> = self.here.values().filter_map(|p| p.stripe_session_id.clone()).collect();
        let refund_ids = self.refunds.iter().filter_map(|refund| refund.stripe_refund_id.clone());
        let mut refund_ids: HashSet<String> = refund_ids.collect();
        let (mut new, mut known) = (Vec::new(), Vec::new());
        for (line, record) in (1..).zip(records) {
            let (mut payment, mut notes) = match self.read(record) {
                Ok(read) => read,
                Err(problems) => {
                    into.tally.refused += 1;
                    into.report.refuse(line, problems);
                    continue;
                }
            };
            if let Some(here) = self.here.get(&payment.id) {
                known.push((line, self.change(here, &payment, notes)));
                continue;
            }
            let twice = |column, id: &str| problem(column, id, "is of another payment, too; left out");
            if let Some(id) = payment.stripe_session_id.take_if(|id| !sessions.insert(id.clone())) {
                notes.push(twice("stripe_checkout_session_id", &id));
            }
            let refund_id = payment
                .refund
                .as_mut()
                .and_then(|refund| refund.stripe_refund_id.take_if(|id| !refund_ids.insert(id.clone())));
            notes.extend(refund_id.map(|id| twice("refund_id", &id)));
            let name = payment.stripe_payment_intent.clone().unwrap_or_default();
            new.push((line, Step::add(Command::ImportPayment(payment), "stripe_payment_intent_id", name, notes)));
        }
        (new, known)
    }

    fn read(&self, record: &Record) -> Result<(ImportPayment, Vec<Problem>), Vec<Problem>> {
        let mut cells = Cells::of(record);
        let id = cells.value("id", &["id"], |text| values::id(text)?.ok_or_else(|| "is missing".to_owned()));
        let is_paid = cells.value("status", &["status"], status);
        let amount = cells.value("amount", &["amount"], |text| values::whole(text, 1, AMOUNT_MAX));
        let usual = &self.importer.org.currency;
        let currency = cells.value("currency", &["currency"], |text| match text {
            "" => Ok(usual.clone()),
            _ => currency::parse(text).ok_or_else(|| "is no currency, such as usd".to_owned()),
        });
        let text = |columns: &[&str]| Some(record.text(columns)).filter(|text| !text.is_empty());
        let intent = text(&["stripe_payment_intent_id", "stripe_payment_intent"]);
        let refunded_at = cells.or_left_out("refunded_at", instant);
        let created_at = cells.or_left_out("created_at", instant);
        let contact_id = id.and_then(|id| self.user(id, record));
        if contact_id.is_none() {
            let reason = "is no booking of a trip here, so nobody knows who paid";
            cells.problems.push(problem("booking_id", &record.text(&["booking_id"]), reason));
        }
        if let Some(problem) = id.and_then(|id| self.came_too_late(id, intent.as_deref())) {
            cells.problems.push(problem);
        }
        let Cells { problems, mut notes, .. } = cells;
        let payment = (|| {
            let (id, is_paid, amount_minor) = (id?, is_paid?, amount?);
            let back_minor = if is_paid { refunded(record, amount_minor) } else { 0 };
            let refund = (back_minor > 0).then(|| ImportedRefund {
                stripe_refund_id: text(&["refund_id", "stripe_refund_id"]),
                amount_minor: back_minor,
                booking_id: self.refunded_booking(id),
                at: refunded_at,
            });
            Some(ImportPayment {
                id,
                contact_id: contact_id?,
                amount_minor,
                currency: currency?,
                is_paid,
                stripe_payment_intent: intent,
                stripe_session_id: text(&["stripe_checkout_session_id", "stripe_session_id"]),
                refund,
                created_at,
            })
        })();
        let payment = payment.filter(|_| problems.is_empty()).ok_or(problems)?;
        notes.extend(self.remarks(record, &payment));
        Ok((payment, notes))
    }

    /// What somebody may want to know of it.
    fn remarks(&self, record: &Record, payment: &ImportPayment) -> Option<Problem> {
        let written = record.text(&["refund_amount"]);
        let back = payment.refund.as_ref().map_or(0, |refund| refund.amount_minor);
        if !written.is_empty() && written != back.to_string() {
            return Some(problem("refund_amount", &written, &format!("cannot be: it comes as {back}")));
        }
        if payment.is_paid && self.money.bookings_of(payment.id).is_empty() {
            let reason = "pays for no booking that could be found: it comes as money with which a trip can be booked";
            return Some(problem("booking_id", &record.text(&["booking_id"]), reason));
        }
        None
    }

    /// Who paid: whoever travels on what it pays for.
    fn user(&self, id: Uuid, record: &Record) -> Option<Uuid> {
        let named = record.text(&["booking_id"]).parse().ok();
        let of = |booking: &Uuid| self.users.get(booking).copied();
        let of_bookings = || self.money.bookings_of(id).iter().find_map(of);
        let here = || self.here.get(&id).map(|payment| payment.contact_id);
        named
            .as_ref()
            .and_then(of)
            .or_else(of_bookings)
            .or_else(|| record.text(&["user_id"]).parse().ok())
            .or_else(here)
    }

    /// The one booking that its refund can be for.
    fn refunded_booking(&self, payment_id: Uuid) -> Option<Uuid> {
        match self.money.bookings_of(payment_id) {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Money that is here already, in other words: it must not count twice.
    fn came_too_late(&self, id: Uuid, intent: Option<&str>) -> Option<Problem> {
        if self.here.contains_key(&id) {
            return None;
        }
        let of_intent = |payment: &&&Payment| intent.is_some() && payment.stripe_payment_intent.as_deref() == intent;
        if let Some(other) = self.here.values().find(of_intent) {
            let reason = format!("is the money of payment {} here", other.id);
            return Some(problem("stripe_payment_intent_id", intent.unwrap_or_default(), &reason));
        }
        let paid_otherwise = |booking: &Uuid| {
            let purchase = self.bookings.get(booking).and_then(|booking| booking.purchase);
            purchase.is_some_and(|purchase| purchase.payment_id != id)
        };
        let booking = self.money.bookings_of(id).iter().find(|booking| paid_otherwise(booking))?;
        let reason =
            "came before this payment had its money, and brought along what it cost; refund it at Stripe if need be";
        Some(problem("booking_id", &booking.to_string(), reason))
    }

    /// What went back there since.
    fn change(&self, here: &Payment, there: &ImportPayment, mut notes: Vec<Problem>) -> Step {
        let intent = there.stripe_payment_intent.clone().unwrap_or_default();
        if there.is_paid && here.received_minor.is_none() {
            let reason = "succeeded there since it came as failed: nothing was changed here";
            notes.push(problem("status", "succeeded", reason));
            return Step::unchanged(notes);
        }
        let Some(refund) = there.refund.as_ref().filter(|refund| refund.amount_minor > here.refunded_minor) else {
            return Step::unchanged(notes);
        };
        let Some(id) = refund.stripe_refund_id.clone() else {
            let reason = "grew there, but nobody says Stripe's id of the refund: surehold reconcile asks Stripe";
            notes.push(problem("refund_amount", &refund.amount_minor.to_string(), reason));
            return Step::unchanged(notes);
        };
        let others: i64 = (self.refunds.iter())
            .filter(|other| other.payment_id == here.id && other.status != RefundStatus::Failed)
            .filter(|other| other.stripe_refund_id.as_ref() != Some(&id))
            .map(|other| other.amount_minor)
            .sum();
        let seen = SeenRefund {
            stripe_refund_id: id,
            refund_id: None,
            amount_minor: refund.amount_minor - others,
            status: RefundStatus::Succeeded,
        };
        if seen.amount_minor < 1 {
            return Step::unchanged(notes);
        }
        let command = Command::SeeRefunds(SeeRefunds { payment_id: here.id, refunds: vec![seen] });
        Step::change(command, "stripe_payment_intent_id", intent, notes)
    }
}
