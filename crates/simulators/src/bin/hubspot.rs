//! The `surehold-hubspot-simulator` command.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use surehold_simulators::hubspot::{Limits, Options, Simulator, Webhook};

/// A stand-in for HubSpot's CRM: no account, no network.
#[derive(Debug, Parser)]
#[command(name = "surehold-hubspot-simulator", version)]
struct Arguments {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:12112", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// The token that callers have to send.
    #[arg(long, env = "HUBSPOT_SIMULATOR_TOKEN", default_value = "pat-na1-simulator", value_name = "TOKEN")]
    token: String,

    /// Which limits hold.
    #[arg(long, value_enum, default_value_t = Edition::Starter)]
    limits: Edition,

    /// How late the search learns of changes, in milliseconds.
    #[arg(long, default_value_t = 2000, value_name = "MILLISECONDS")]
    search_delay: u64,

    /// Where events go: an http:// address. Without it there are none.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,

    /// The secret that signs events.
    #[arg(
        long,
        env = "HUBSPOT_SIMULATOR_CLIENT_SECRET",
        default_value = "00000000-0000-0000-0000-000000000000",
        value_name = "SECRET"
    )]
    client_secret: String,

    /// Where the chance of faults, and of the order of results, starts.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
}

/// Editions of HubSpot, by their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Edition {
    /// 100 calls in ten seconds.
    Starter,
    /// 190 calls in ten seconds.
    Professional,
    /// 190 calls in ten seconds, more in a day.
    Enterprise,
    /// 250 calls in ten seconds.
    AddOn,
    /// An app of the marketplace: 110 calls in ten seconds.
    Marketplace,
    /// No limits.
    None,
}

impl Edition {
    fn limits(self) -> Limits {
        match self {
            Edition::Starter => Limits::starter(),
            Edition::Professional => Limits::professional(),
            Edition::Enterprise => Limits::enterprise(),
            Edition::AddOn => Limits::with_add_on(),
            Edition::Marketplace => Limits::marketplace(),
            Edition::None => Limits::none(),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let listen = arguments.listen;
    let options = Options {
        listen,
        token: arguments.token,
        limits: arguments.limits.limits(),
        search_delay: Duration::from_millis(arguments.search_delay),
        webhook: arguments.webhook_url.map(|url| Webhook::new(url, arguments.client_secret)),
        seed: arguments.seed,
        ..Options::default()
    };
    match Simulator::start(options).await {
        Ok(simulator) => {
            println!("HubSpot simulator at {}", simulator.base_url());
            let _ = tokio::signal::ctrl_c().await;
            simulator.shutdown().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("surehold-hubspot-simulator: cannot listen on {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}
