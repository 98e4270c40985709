//! A server from its first check to its last connection; `serve` and `demo` both run it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connections;
use super::database::Database;
use crate::config::{Common, ServerOptions};
use crate::counters::{CounterOptions, Counters};
use crate::desk::{ChangedSlots, Desk, DeskOptions};
use crate::http;
use crate::hubspot::Portals;
use crate::store::{Store, orgs};
use crate::workers::{counters, expired_holds, hubspot, payments, session_cancellation};

/// How long requests in flight may take to finish once the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A server that is ready to run.
pub struct Server {
    listener: TcpListener,
    /// The address it listens on; never port 0.
    pub address: SocketAddr,
    /// The database.
    pub database: Database,
    /// Its pools.
    pub store: Store,
    /// Its desk.
    pub desk: Desk,
    http: http::HttpOptions,
    reconcile_every: Duration,
    mirror_every: Duration,
    counters: Option<Counters>,
}

impl Server {
    /// Takes the port, then the database. The port first: it fails at once if another server has it.
    pub async fn prepare(
        common: &Common,
        options: &ServerOptions,
        url: Option<SecretString>,
        migrate_given: bool,
    ) -> anyhow::Result<Server> {
        // Settings that cannot be are said before anything is started.
        let http = http_options(options)?;
        let counters = counters_of(options)?;
        let listener = listen(&options.listen).await?;
        let address = listener.local_addr()?;
        let database = Database::for_server(common, url, migrate_given).await?;
        let store = match database.store(&options.store(common, &database.url)).await {
            Ok(store) => store,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };
        if let Err(error) = check_orgs(&store, &http.hubspot, counters.as_ref()).await {
            store.close();
            database.close().await;
            return Err(error);
        }
        let changed_slots = counters.as_ref().map(|counters| counters.changed_slots.clone());
        let desk = Desk::new(store.clone(), DeskOptions { changed_slots, ..options.desk() });
        let reconcile_every = Duration::from_secs(u64::from(options.reconcile_every));
        let mirror_every = options.hubspot.hubspot_sync_every;
        Ok(Server { listener, address, database, store, desk, http, reconcile_every, mirror_every, counters })
    }

    /// The address for people and for curl on this machine.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
                IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            });
        }
        format!("http://{address}")
    }

    /// Serves until ^C or SIGTERM; then finishes what is in flight and lets go of the database. A second
    /// signal ends that at once: the private database is told to stop, but not waited for. Nothing that was
    /// acknowledged is lost.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let (stop, stopped) = watch::channel(false);
        tokio::select! {
            result = self.serve(stopped) => result.map(|()| ExitCode::SUCCESS),
            signal = two_signals(stop) => {
                eprintln!("surehold: {signal} again: stopping at once");
                Ok(ExitCode::from(130))
            }
        }
    }

    async fn serve(self, stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
        let Server { listener, database, store, desk, http, reconcile_every, mirror_every, counters, .. } = self;
        let app = http::App::new(store.clone(), desk.clone(), http);
        app.warm_up().await;
        let mut workers = JoinSet::new();
        workers.spawn(session_cancellation::resume(store.clone(), desk.clone(), asked(stopped.clone())));
        workers.spawn(expired_holds::run(store.clone(), desk, asked(stopped.clone())));
        let cashier = || app.cashier.clone();
        workers.spawn(payments::send_refunds(store.clone(), cashier(), asked(stopped.clone())));
        workers.spawn(payments::settle_ending(store.clone(), cashier(), asked(stopped.clone())));
        workers.spawn(payments::reconcile(store.clone(), cashier(), reconcile_every, asked(stopped.clone())));
        if app.mirror.is_configured() {
            let mirror = || app.mirror.clone();
            workers.spawn(hubspot::sync(mirror(), mirror_every, asked(stopped.clone())));
            workers.spawn(hubspot::pull_wanted(mirror(), asked(stopped.clone())));
            workers.spawn(hubspot::measure(mirror(), asked(stopped.clone())));
        }

        if let Some(kept) = counters {
            workers.spawn(counters::run(store.clone(), kept, asked(stopped.clone())));
        }

        let serving = connections::serve(listener, http::router(app), asked(stopped.clone()));
        let grace = async {
            asked(stopped).await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = serving => {}
            () = grace => tracing::warn!("some requests took longer than {} s and were cut off", GRACE.as_secs()),
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), workers.join_all()).await;
        store.close();
        database.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use by another program (another surehold, perhaps). \
             Stop that one, or choose another port with --listen, such as --listen 127.0.0.1:0 for a free one"
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "this account may not listen on {address}: ports below 1024 need special rights. Choose another with --listen"
        ),
        ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("{address} is not an address of this machine. Choose another with --listen")
        }
        _ => anyhow::anyhow!("cannot listen on {address:?} (--listen takes ADDRESS:PORT): {error}"),
    })
}

fn http_options(options: &ServerOptions) -> anyhow::Result<http::HttpOptions> {
    Ok(http::HttpOptions {
        address_calls_per_minute: options.rate_limit_address,
        student_calls_per_minute: options.rate_limit_student,
        trusted_proxy_hops: usize::from(options.trusted_proxies),
        token_lifetime: options.token_lifetime(),
        stripe: options.stripe.accounts()?,
        hubspot: options.hubspot.portals()?,
        jwt_secrets: http::JwtSecrets::from_environment(options.jwt_secret.clone()),
        pay_seconds: i64::from(options.pay_minutes) * 60,
        cors_origins: options.cors_origins.clone(),
        rest_rows_max: i64::from(options.rest_rows_max),
        ..http::HttpOptions::default()
    })
}

/// The counters in Redis, if there are any.
fn counters_of(options: &ServerOptions) -> anyhow::Result<Option<Counters>> {
    let redises = options.redis.redises()?;
    let has_any = !redises.is_empty();
    let options = CounterOptions::default();
    Ok(has_any.then(|| Counters { redises, changed_slots: ChangedSlots::default(), options }))
}

/// Refuses settings that would mix several organisations up, at HubSpot or in Redis; warns of those that are for nobody.
async fn check_orgs(store: &Store, portals: &Portals, counters: Option<&Counters>) -> anyhow::Result<()> {
    if portals.is_empty() && counters.is_none() {
        return Ok(());
    }
    let known = orgs::open(&**store.read().await?).await?;
    let slugs: Vec<&str> = known.iter().filter(|org| !org.is_test).map(|org| org.slug.as_str()).collect();
    // On the first start there is none at all: that is said elsewhere.
    let is_nobodys = |slug: &&str| !slugs.is_empty() && !slugs.contains(slug);
    for slug in portals.slugs().filter(is_nobodys) {
        tracing::warn!(slug, "a HubSpot portal is set for an organisation that does not exist");
    }
    portals.check_orgs(&slugs)?;
    let Some(Counters { redises, .. }) = counters else { return Ok(()) };
    for slug in redises.slugs().filter(is_nobodys) {
        tracing::warn!(slug, "a Redis is set for an organisation that does not exist");
    }
    redises.check_orgs(&slugs)
}

/// Waits for ^C or SIGTERM and says which it was.
pub async fn stop_signal() -> &'static str {
    match Signals::new() {
        Some(mut signals) => signals.next().await,
        // Without handlers the signals end the process, as they do by default.
        None => std::future::pending().await,
    }
}

/// Tells to stop at the first signal, and returns at the second.
async fn two_signals(stop: watch::Sender<bool>) -> &'static str {
    let Some(mut signals) = Signals::new() else { return std::future::pending().await };
    let signal = signals.next().await;
    tracing::info!("{signal}: finishing what is in flight");
    let _ = stop.send(true);
    signals.next().await
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Option<Signals> {
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        Some(Signals { interrupt, terminate: signal(SignalKind::terminate()).ok()? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminate",
        }
    }
}

async fn asked(mut stop: watch::Receiver<bool>) {
    // The sender going away means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
