//! What is there after the storm: the office's view of slots and payments, the shop's of checkouts, Stripe's of money.

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use uuid::Uuid;

use super::super::api::Api;
use super::super::stage::AT_ONCE;
use super::simulator::{SessionThere, Simulator, Whole};

/// All that the storm can have changed.
#[derive(Debug, Clone, Default)]
pub struct There {
    pub slots: Vec<SlotThere>,
    /// Of checkouts.
    pub payments: Vec<PaymentThere>,
    /// As Stripe has them.
    pub sessions: Vec<SessionThere>,
}

/// A slot, as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotThere {
    pub id: Uuid,
    pub capacity: i64,
    pub taken: i64,
    pub held: i64,
}

/// A payment of a checkout, as the office sees it, and its bookings, as the traveller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentThere {
    pub id: Uuid,
    pub status: String,
    /// In minor units: what was asked, what came, what went back.
    pub amount: i64,
    pub received: i64,
    pub refunded: i64,
    pub flag: Option<String>,
    pub session: Option<String>,
    pub bookings: Vec<BookingThere>,
}

/// A booking of a trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingThere {
    pub reference: String,
    pub slot: Uuid,
    pub guests: i64,
    pub status: String,
}

impl BookingThere {
    /// Whether it has its seats for good.
    pub fn is_confirmed(&self) -> bool {
        self.status == "confirmed"
    }
}

impl There {
    /// Reads it.
    pub async fn read(ours: &Api, service: &Api, simulator: &Simulator, org_id: &str) -> anyhow::Result<There> {
        let Whole { sessions, .. } = simulator.whole(org_id).await?;
        let slots = ours.pages("/api/admin/slots?limit=500", "list the slots").await?;
        let payments = stream::iter(payments(ours).await?)
            .map(async |mut payment| {
                if let Some(session) = &payment.session {
                    payment.bookings = bookings(service, session).await?;
                }
                anyhow::Ok(payment)
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(There { slots: slots.iter().map(slot).collect::<anyhow::Result<_>>()?, payments, sessions })
    }
}

/// The payments of checkouts, without their bookings.
pub async fn payments(ours: &Api) -> anyhow::Result<Vec<PaymentThere>> {
    let rows = ours.pages("/api/admin/payments?limit=200", "list the payments").await?;
    rows.iter().filter(|row| row["source"] == "checkout").map(payment).collect()
}

fn slot(row: &Value) -> anyhow::Result<SlotThere> {
    let (capacity, taken, held) = (number(row, "capacity")?, number(row, "taken")?, number(row, "held")?);
    Ok(SlotThere { id: uuid(row, "id")?, capacity, taken, held })
}

fn payment(row: &Value) -> anyhow::Result<PaymentThere> {
    let optional = |name: &str| row[name].as_str().map(str::to_owned);
    Ok(PaymentThere {
        id: uuid(row, "id")?,
        status: text(row, "status")?,
        amount: number(row, "amount")?,
        received: row["received"].as_i64().unwrap_or(0),
        refunded: number(row, "refunded")?,
        flag: optional("flag"),
        session: optional("stripeSessionId"),
        bookings: Vec::new(),
    })
}

async fn bookings(service: &Api, session: &str) -> anyhow::Result<Vec<BookingThere>> {
    let reply = service.read(&format!("/functions/v1/checkout/{session}"), "read a checkout").await?;
    let rows = reply.body()["bookings"].as_array().cloned().context("the server's answer has no bookings")?;
    rows.iter().map(booking).collect()
}

/// A booking, as checkouts and create-booking show it.
fn booking(row: &Value) -> anyhow::Result<BookingThere> {
    let (reference, status) = (text(row, "reference")?, text(row, "status")?);
    Ok(BookingThere { reference, slot: uuid(row, "slotId")?, guests: number(row, "guestCount")?, status })
}

fn text(row: &Value, name: &str) -> anyhow::Result<String> {
    let text = row[name].as_str().map(str::to_owned);
    text.with_context(|| format!("the server's answer has no {name}; is it a Surehold server?"))
}

fn number(row: &Value, name: &str) -> anyhow::Result<i64> {
    row[name].as_i64().with_context(|| format!("the server's answer has a {name} that is no number"))
}

fn uuid(row: &Value, name: &str) -> anyhow::Result<Uuid> {
    text(row, name)?.parse().with_context(|| format!("the server's answer has a {name} that is no UUID"))
}
