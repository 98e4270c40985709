//! `surehold-bench serve-seed`: the seed's way behind the product's HTTP, as a process of its own.

use std::io::Write;

use surehold::cli::connections;
use surehold::desk::{Desk, DeskOptions};
use surehold::http::{App, HttpOptions};
use surehold::store::{Store, StoreOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::route;

/// What the seed's server is told.
#[derive(Debug, clap::Args)]
pub struct SeedArgs {
    /// The database, migrated and with the function in it.
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: String,
}

/// Serves until SIGTERM or ^C.
///
/// # Errors
///
/// A database or an address that cannot be used.
pub async fn serve(args: &SeedArgs) -> anyhow::Result<()> {
    // As the product's, at the level at which it is measured.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let listener = TcpListener::bind(&args.listen).await?;
    let options = StoreOptions::new(&args.database_url);
    let pool = route::pool(&args.database_url, &options.app_role, options.allow_unsafe)?;
    // Of the product's parts only the plain reads are used: API keys, and what a session is called.
    let store = Store::new(&options)?;
    let desk = Desk::new(store.clone(), DeskOptions::default());
    let app = App::new(store.clone(), desk, HttpOptions::default());
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    writeln!(std::io::stdout(), "The seed's server listens on http://{}", listener.local_addr()?)?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    connections::serve(listener, route::router(app, pool.clone()), stop).await;
    pool.close();
    store.close();
    Ok(())
}
