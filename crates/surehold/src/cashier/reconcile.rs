//! Looks for payments of which Stripe knows more than we do: webhooks get lost.

use jiff::{SignedDuration, Timestamp};
use surehold_core::command::{Command, FlagPayment};
use surehold_core::rows::{Payment, Refund, RefundStatus};

use super::{Cashier, CashierError};
use crate::desk::DeskError;
use crate::store::orgs::OrgRow;
use crate::store::payments;
use crate::stripe::Account;

/// A transfer that takes longer than this is looked at by an operator.
const PROCESSING_MAX: SignedDuration = SignedDuration::from_hours(10 * 24);

/// What a look at an organisation's payments found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Payments that Stripe was asked about.
    pub asked: usize,
    /// Payments that stand elsewhere now.
    pub changed: usize,
    /// Refunds that were sent or asked about.
    pub refunds: usize,
    /// Payments that an operator has to look at, newly.
    pub flagged: usize,
    /// Payments and refunds about which Stripe did not answer.
    pub failed: usize,
}

impl Report {
    /// Both together.
    pub fn and(self, other: Report) -> Report {
        Report {
            asked: self.asked + other.asked,
            changed: self.changed + other.changed,
            refunds: self.refunds + other.refunds,
            flagged: self.flagged + other.flagged,
            failed: self.failed + other.failed,
        }
    }
}

impl Cashier {
    /// Asks about the payments whose session cannot be paid any more while their seats are still held: one that was
    /// paid in its last moment keeps them.
    pub async fn settle_ending(&self, org: &OrgRow) -> Result<Report, CashierError> {
        let Some(account) = self.account(org) else { return Ok(Report::default()) };
        let ending = payments::ending(&*self.store.read().await?, org.id).await?;
        self.ask_about(org, &account, &ending).await
    }

    /// Asks about every open payment, and about those that ended without money since then.
    pub async fn reconcile(&self, org: &OrgRow, since: Timestamp) -> Result<Report, CashierError> {
        let Some(account) = self.account(org) else { return Ok(Report::default()) };
        let doubtful = payments::doubtful(&*self.store.read().await?, org.id, since).await?;
        let mut report = self.ask_about(org, &account, &doubtful).await?;
        report.flagged += self.flag_stuck(org).await?;
        Ok(report)
    }

    /// Asks about the refunds of every payment with money that was made since then: those that were made in Stripe's
    /// dashboard, too.
    pub async fn reconcile_refunds(&self, org: &OrgRow, since: Timestamp) -> Result<Report, CashierError> {
        let Some(account) = self.account(org) else { return Ok(Report::default()) };
        let mut report = Report::default();
        // Not in the head of the loop: the connection would be kept for as long as Stripe is asked.
        let paid = payments::paid_since(&*self.store.read().await?, org.id, since).await?;
        for payment in paid {
            let Some(intent) = payment.stripe_payment_intent.clone() else { continue };
            report.asked += 1;
            match self.see_refunds(org.id, &account, &payment, &intent, None).await {
                Ok(saved) => report.changed += usize::from(saved.changed),
                Err(error) => report.note(&payment, &error),
            }
        }
        Ok(report)
    }

    /// Sends what was requested, and asks about what Stripe has not brought to an end.
    pub async fn push_refunds(&self, org: &OrgRow) -> Result<Report, CashierError> {
        self.push_open_refunds(org, |_| true).await
    }

    /// The same, if there is one that Stripe has not heard of. What Stripe has not brought to an end can wait for the
    /// reconciliation.
    pub async fn push_requested_refunds(&self, org: &OrgRow) -> Result<Report, CashierError> {
        self.push_open_refunds(org, |open| open.iter().any(|refund| refund.status == RefundStatus::Requested)).await
    }

    async fn push_open_refunds(
        &self,
        org: &OrgRow,
        are_due: impl FnOnce(&[Refund]) -> bool,
    ) -> Result<Report, CashierError> {
        let Some(account) = self.account(org) else { return Ok(Report::default()) };
        let mut report = Report::default();
        let open = payments::open_refunds(&*self.store.read().await?, org.id).await?;
        if !are_due(&open) {
            return Ok(report);
        }
        for refund in open {
            report.refunds += 1;
            match self.push_refund(org.id, &account, &refund).await {
                Ok(()) => {}
                // Stripe is away: the others would wait for nothing, too.
                Err(CashierError::Unavailable(error)) => {
                    tracing::warn!(org = %org.id, refund = %refund.id, %error, "a refund has to wait");
                    report.failed += 1;
                    break;
                }
                Err(error) => {
                    tracing::warn!(org = %org.id, refund = %refund.id, %error, "a refund was not finished");
                    report.failed += 1;
                }
            }
        }
        Ok(report)
    }

    async fn ask_about(&self, org: &OrgRow, account: &Account, all: &[Payment]) -> Result<Report, CashierError> {
        let mut report = Report::default();
        for payment in all {
            report.asked += 1;
            if let Err(error) = self.learn_from(org.id, account, payment).await {
                report.note(payment, &error);
                if matches!(error, CashierError::Unavailable(_)) {
                    break;
                }
                continue;
            }
            let now = self.payment(org.id, payment.id).await?;
            report.changed += usize::from(now.is_some_and(|now| now.status != payment.status));
        }
        Ok(report)
    }

    async fn flag_stuck(&self, org: &OrgRow) -> Result<usize, CashierError> {
        let stuck = payments::stuck(&*self.store.read().await?, org.id, PROCESSING_MAX).await?;
        for payment in &stuck {
            tracing::warn!(org = %org.id, payment = %payment.id, "money has been on its way for over ten days");
            let flag = Some("PROCESSING_TOO_LONG".to_owned());
            let command = FlagPayment { payment_id: payment.id, flag, stripe_dispute_id: None };
            self.submit(org.id, Command::FlagPayment(command)).await?;
        }
        Ok(stuck.len())
    }
}

impl Report {
    fn note(&mut self, payment: &Payment, error: &CashierError) {
        // Refusals of the desk: the money came meanwhile, by another way.
        if !matches!(error, CashierError::Desk(DeskError::Refused(_))) {
            tracing::warn!(payment = %payment.id, %error, "could not find out how a payment stands");
            self.failed += 1;
        }
    }
}
