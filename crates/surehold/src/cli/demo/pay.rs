//! The demo's stand-in for Stripe: trips can be booked and paid in a browser without an account and without money.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use surehold_simulators::stripe::{Options, Simulator};
use uuid::Uuid;

use crate::stripe::StripeArgs;

/// A stand-in that listens on this machine only. It forgets everything when it stops.
pub struct Till {
    simulator: Simulator,
    /// Its secret key.
    pub key: String,
    /// What signs its webhooks.
    pub webhook_secret: String,
}

impl Till {
    /// Starts it and makes it the server's account, unless an account was given.
    pub async fn start(args: &mut StripeArgs) -> anyhow::Result<Option<Till>> {
        if args.is_given() {
            return Ok(None);
        }
        // Nobody else on this machine shall pay with it.
        let key = format!("sk_test_{}", Uuid::new_v4().simple());
        let webhook_secret = format!("whsec_{}", Uuid::new_v4().simple());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = Options { listen, secret_key: key.clone(), ..Options::default() };
        let simulator = Simulator::start(options).await.context("cannot start the stand-in for Stripe")?;
        args.use_account(&key, &webhook_secret, simulator.base_url());
        Ok(Some(Till { simulator, key, webhook_secret }))
    }

    /// Tells it where the server is.
    pub fn serve(&self, server_url: &str) {
        self.simulator.set_webhook(format!("{server_url}/functions/v1/webhook-stripe"), self.webhook_secret.clone());
    }

    /// Where its API and its pages are.
    pub fn url(&self) -> &str {
        self.simulator.base_url()
    }
}
