//! After the storm: until every payment has come to its end, and Stripe has nothing left to say.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::super::api::Api;
use super::simulator::Simulator;
use super::there;
use crate::cli::progress;

/// How long it may take: refunds are sent every two seconds, lost webhooks come again within half a minute.
const TIME_MAX: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(250);

/// How it ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Settled {
    /// Seconds until nothing was left to wait for, or until nobody waited any more.
    pub seconds: f64,
    /// Payments that are neither paid, failed nor refunded.
    pub payments_open: usize,
    /// Webhooks that the server has not acknowledged.
    pub undelivered: usize,
    /// Webhooks that it has, repetitions too; of all organisations.
    pub acknowledged: u64,
}

impl Settled {
    /// Whether there is nothing left to wait for.
    pub fn is_over(&self) -> bool {
        self.payments_open == 0 && self.undelivered == 0
    }
}

/// Ends what nobody will pay, and waits.
pub async fn settle(ours: &Api, simulator: &Simulator, org_id: &str) -> anyhow::Result<Settled> {
    let begin = Instant::now();
    // Sessions whose answer was lost, which nobody has paid.
    for session in simulator.whole(org_id).await?.sessions.iter().filter(|session| session.is_open) {
        simulator.act(&session.id, "expire").await?;
    }
    let bar = progress::bar(there::payments(ours).await?.len(), "payments settled");
    loop {
        let payments = there::payments(ours).await?;
        let open = payments.iter().filter(|payment| is_open(&payment.status)).count();
        let whole = simulator.whole(org_id).await?;
        let settled = Settled {
            seconds: begin.elapsed().as_secs_f64(),
            payments_open: open,
            undelivered: whole.undelivered,
            acknowledged: whole.acknowledged,
        };
        bar.set_length(payments.len() as u64);
        bar.set_position((payments.len() - open) as u64);
        if settled.is_over() || begin.elapsed() > TIME_MAX {
            bar.finish_and_clear();
            return Ok(settled);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_open(status: &str) -> bool {
    matches!(status, "pending" | "processing" | "refunding")
}
