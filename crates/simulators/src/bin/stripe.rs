//! The `surehold-stripe-simulator` command.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use surehold_simulators::stripe::{Options, Simulator, WebhookEndpoint};

/// A stand-in for Stripe: no account, no network, no money.
#[derive(Debug, Parser)]
#[command(name = "surehold-stripe-simulator", version)]
struct Arguments {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:12111", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// The key that callers have to send.
    #[arg(long, env = "STRIPE_SIMULATOR_SECRET_KEY", default_value = "sk_test_simulator", value_name = "KEY")]
    secret_key: String,

    /// Where events go: an http:// address. Without it they are only recorded.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,

    /// The secret that signs events; twice while a secret is rolled.
    #[arg(
        long = "webhook-secret",
        env = "STRIPE_SIMULATOR_WEBHOOK_SECRET",
        default_value = "whsec_simulator",
        value_name = "SECRET"
    )]
    webhook_secrets: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { listen, secret_key, webhook_url, webhook_secrets: secrets } = Arguments::parse();
    let webhooks = webhook_url.map(|url| WebhookEndpoint { url, secrets }).into_iter().collect();
    match Simulator::start(Options { listen, secret_key, webhooks, ..Options::default() }).await {
        Ok(simulator) => {
            println!("Stripe simulator at {}", simulator.base_url());
            let _ = tokio::signal::ctrl_c().await;
            simulator.shutdown().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("surehold-stripe-simulator: cannot listen on {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}
