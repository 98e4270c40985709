//! `surehold reconcile`

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::database::{self, Database};
use super::output::say;
use crate::cashier::{Cashier, CashierError, Report};
use crate::config::Common;
use crate::desk::{Desk, DeskOptions};
use crate::stripe::StripeArgs;
use crate::workers::for_each_org;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks Stripe about every open payment, about those that ended without money, and about the refunds of paid ones, and does \
what its answers say: a webhook that was lost is made up for. The server does the same by itself, every few minutes; run \
this after an outage, or to see at once. Safe at any time, and any number of times.\n\n\
Exit code 0: all is known. 1: Stripe did not answer for some, or the log says what else went wrong.\n\n  \
surehold reconcile --hours 72")]
pub struct ReconcileArgs {
    /// How far back to ask about payments that ended, and about refunds of paid ones.
    #[arg(long, env = "SUREHOLD_HOURS", default_value = "72", value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=8_760))]
    hours: u32,
    /// Print JSON: {asked, changed, refunds, flagged, failed}.
    #[arg(long, env = "SUREHOLD_JSON")]
    json: bool,
    #[command(flatten)]
    stripe: StripeArgs,
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let accounts = args.stripe.accounts()?;
    anyhow::ensure!(
        !accounts.is_empty(),
        "there is no Stripe account to ask: set SUREHOLD_STRIPE_SECRET_KEY and SUREHOLD_STRIPE_WEBHOOK_SECRET"
    );
    let since = Timestamp::now() - SignedDuration::from_hours(i64::from(args.hours));
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| {
        let store = database.store(&args.common.store(&database.url)).await?;
        let desk = Desk::new(store.clone(), DeskOptions::default());
        let cashier = Cashier::new(store.clone(), desk, accounts);
        let cashier = &cashier;
        let looks = for_each_org(&store, "reconciliation", |org| async move {
            let report = cashier.reconcile(&org, since).await?;
            let report = report.and(cashier.reconcile_refunds(&org, since).await?);
            Ok::<Report, CashierError>(report.and(cashier.push_refunds(&org).await?))
        });
        let looks = looks.await?;
        store.close();
        let is_all_known = looks.iter().all(|look| look.as_ref().is_ok_and(|report| report.failed == 0));
        let report = looks.into_iter().flatten().fold(Report::default(), Report::and);
        tell(&report, args.json)?;
        Ok(if is_all_known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
    .await
}

fn tell(report: &Report, as_json: bool) -> anyhow::Result<()> {
    let Report { asked, changed, refunds, flagged, failed } = *report;
    if as_json {
        let report = json!({
            "asked": asked, "changed": changed, "refunds": refunds, "flagged": flagged, "failed": failed,
        });
        say(serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    say(format!("Stripe was asked about {asked} payments; {changed} of them stand elsewhere now."));
    say(format!("{refunds} refunds were sent or asked about; {flagged} payments are flagged for you."));
    if failed > 0 {
        say(format!("About {failed} Stripe did not answer. Run this again."));
    }
    Ok(())
}
