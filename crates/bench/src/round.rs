//! One round: one contestant, one workload, a fresh copy of the database.

use std::time::Duration;

use anyhow::Context;
use surehold::store::laws;
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::backlog;
use crate::cluster::Cluster;
use crate::contestant::{Contestant, Server};
use crate::hubspot::HubSpot;
use crate::load::{self, End, Pace, Tally, Traffic};
use crate::measure::{
    BATCH, DEADLOCKS, FAILED, Figures, HOT_UPDATES, LOAD_CPU, MEMORY, OVERSOLD, P50, P99, PER_SECOND, POSTGRES_CPU,
    READ_P50, READ_P50_IDLE, READ_P99, READ_P99_IDLE, ROUND_TRIPS, SERVER_CPU, SOLD_OUT, WAL, WAL_AFTER,
};
use crate::requests::{self, Route};
use crate::seed::trips::TRANSACTION_FAILED;
use crate::snapshot::{Snapshot, Spent};
use crate::trips::{self, SLOTS_OF_TRIP};
use crate::workload::{CONNECTIONS, Kind, Place, Target, Workload};
use crate::world::{SEATS_FEW, World};

/// The database of a round.
pub const DATABASE: &str = "bench_round";
/// Connections that read while others book.
const READERS: usize = 16;

/// What all rounds share.
pub struct Stage<'a> {
    /// PostgreSQL.
    pub cluster: &'a Cluster,
    /// One school.
    pub school: World,
    /// Many small ones.
    pub small_orgs: World,
    /// A large one, where a workload needs it.
    pub large: Option<World>,
    /// A marketplace, where a workload needs it.
    pub market: Option<World>,
    /// A school that HubSpot mirrors, where a workload needs it.
    pub mirrored: Option<World>,
    /// How long is measured.
    pub time: Duration,
    /// How long the same traffic runs before.
    pub warm_up: Duration,
}

/// A round in which something is not as it has to be.
#[derive(Debug)]
pub struct Void(pub String);

impl std::fmt::Display for Void {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Void {}

impl Stage<'_> {
    /// Runs a round. `hot_rate`: the median of `hot`, in bookings a second, where that is known.
    ///
    /// # Errors
    ///
    /// [`Void`] when the round does not count: a law is broken, or what was acknowledged is not there. Else
    /// whatever kept it from running.
    pub async fn round(
        &self,
        workload: &Workload,
        contestant: Contestant,
        round: u64,
        hot_rate: Option<f64>,
    ) -> anyhow::Result<Figures> {
        let (world, database) = match workload.place {
            Place::School => (&self.school, DATABASE),
            Place::SmallOrgs => (&self.small_orgs, DATABASE),
            Place::Market => (self.market.as_ref().context("the marketplace was not filled")?, DATABASE),
            Place::Large => (self.large.as_ref().context("the large database was not filled")?, "bench_large"),
            Place::Mirrored => {
                let world = self.mirrored.as_ref().context("the school that is mirrored was not filled")?;
                (world, world.database)
            }
        };
        // Rounds on the large database follow each other without a checkpoint, as they would in production: after
        // one, each page is written to the log whole when it is first touched, and the first rounds show that.
        let is_copy = !matches!(workload.place, Place::Large | Place::Mirrored);
        if is_copy {
            self.cluster.copy(world.database, DATABASE).await?;
        }
        let before = bookings_in(self.cluster, database).await?;
        let is_backlog = matches!(workload.kind, Kind::Backlog { .. });
        let hubspot = match is_backlog || contestant == Contestant::HubSpotAway {
            true => Some(HubSpot::start().await?),
            false => None,
        };
        if let Some(hubspot) = hubspot.as_ref().filter(|_| is_backlog) {
            backlog::prepare(hubspot, &self.cluster.url(database)).await?;
        }
        let mut flags = Vec::new();
        if let Some(hubspot) = &hubspot {
            hubspot.goes_away();
            flags = hubspot.flags();
            flags.extend(["--hubspot-sync-every".to_owned(), "1".to_owned()]);
        }
        let server = Server::start(contestant, &self.cluster.url(database), &flags).await?;
        let play = Play { stage: self, world, database, server: &server, contestant, round };
        let (mut figures, acknowledged) = match workload.kind {
            Kind::Bookings { target, connections, repeats } => play.bookings(target, connections, repeats).await?,
            Kind::Trips => play.trips().await?,
            Kind::Rush { attempts } => play.rush(attempts).await?,
            Kind::Backlog { bookings } => play.backlog(bookings).await?,
            Kind::Mixed { reads_per_second } => {
                play.mixed(reads_per_second, hot_rate.context("mixed needs the rate of hot")?).await?
            }
        };
        figures.insert(MEMORY, crate::proc::peak_memory_mb(server.pid)?);
        server.stop().await?;

        let after = bookings_in(self.cluster, database).await?;
        if after - before != acknowledged {
            anyhow::bail!(Void(format!("{acknowledged} bookings were acknowledged, {} are there", after - before)));
        }
        if let Some(hubspot) = hubspot.as_ref().filter(|_| is_backlog) {
            figures = backlog::drain(hubspot, self.cluster, database, acknowledged).await?;
        }
        figures.insert(HOT_UPDATES, hot_share(self.cluster, database).await?);
        if workload.kind == Kind::Trips {
            figures.insert(DEADLOCKS, deadlocks(self.cluster, database).await?);
        }
        if workload.place != Place::Large {
            self.check_laws(database).await?;
        }
        if is_copy {
            self.cluster.drop_database(DATABASE).await?;
        }
        Ok(figures)
    }

    /// Checks the laws of a database.
    ///
    /// # Errors
    ///
    /// [`Void`], with the laws that do not hold and the first rows at fault.
    pub async fn check_laws(&self, database: &str) -> anyhow::Result<()> {
        let client = self.cluster.connect(database).await?;
        // The tables have grown since they were last analysed, and the laws join all of them.
        client.batch_execute("ANALYZE").await?;
        let mut broken = Vec::new();
        for report in laws::check(&client, None).await?.into_iter().filter(|report| !report.holds()) {
            let rows =
                report.violations.iter().take(3).map(|row| format!("\n    {} {}: {}", row.table, row.id, row.problem));
            broken.push(format!(
                "law {} ({}) is broken by {} rows:{}",
                report.law,
                report.name,
                report.violated,
                rows.collect::<String>()
            ));
        }
        if broken.is_empty() { Ok(()) } else { anyhow::bail!(Void(broken.join("\n"))) }
    }
}

/// The part of a round in which its server runs.
struct Play<'a> {
    stage: &'a Stage<'a>,
    world: &'a World,
    database: &'a str,
    server: &'a Server,
    contestant: Contestant,
    round: u64,
}

impl Play<'_> {
    /// Bookings in a closed loop. Gives the figures, and the bookings that were acknowledged.
    async fn bookings(&self, target: Target, connections: usize, repeats: f64) -> anyhow::Result<(Figures, u64)> {
        let route = if self.contestant == Contestant::Rpc { Route::Rpc } else { Route::Api };
        let requests = requests::bookings(self.world, target, repeats, self.round, route)?;
        let expected: &[u16] = match route {
            Route::Rpc => &[200],
            Route::Api if repeats > 0.0 => &[200, 201],
            Route::Api => &[201],
        };
        let traffic = |first, time| Traffic {
            requests: requests.clone(),
            first,
            connections,
            pace: Pace::Closed,
            end: End::After(time),
            expected,
            milestone: None,
        };
        let warm = self.run_one(traffic(0, self.stage.warm_up)).await?.0;
        let before = self.snapshot().await?;
        let (tally, load_cpu) = self.run_one(traffic(warm.next, self.stage.time)).await?;
        let spent = self.snapshot().await?.since(&before);
        anyhow::ensure!(tally.answers() > 0, "all requests were used up before the clock started");

        let mut figures = latencies(&tally);
        figures.extend(costs(&spent, load_cpu, tally.created));
        Ok((figures, warm.created + tally.created))
    }

    /// Trips in a closed loop. A request that fails because of others is counted and not sent again; only the seed's
    /// may fail.
    async fn trips(&self) -> anyhow::Result<(Figures, u64)> {
        const SEED: &[u16] = &[200, TRANSACTION_FAILED.as_u16()];
        let requests = trips::requests(self.world, self.round)?;
        let expected: &[u16] = if self.contestant == Contestant::Seed { SEED } else { &[200] };
        let traffic = |first, time| Traffic {
            requests: requests.clone(),
            first,
            connections: CONNECTIONS,
            pace: Pace::Closed,
            end: End::After(time),
            expected,
            milestone: None,
        };
        let warm = self.run_one(traffic(0, self.stage.warm_up)).await?.0;
        let before = self.snapshot().await?;
        let (tally, load_cpu) = self.run_one(traffic(warm.next, self.stage.time)).await?;
        let spent = self.snapshot().await?.since(&before);
        anyhow::ensure!(tally.next < requests.items.len(), "all paid trips were used up before the time was");

        let bookings = |tally: &Tally| tally.created * SLOTS_OF_TRIP as u64;
        let mut figures = latencies(&tally);
        // Only what succeeded, and by the clock: a deadlock at the end would make the last answer late.
        figures.insert(PER_SECOND, tally.in_time as f64 / self.stage.time.as_secs_f64());
        figures.insert(FAILED, (warm.conflict + tally.conflict) as f64);
        figures.extend(costs(&spent, load_cpu, bookings(&tally)));
        Ok((figures, bookings(&warm) + bookings(&tally)))
    }

    /// So many bookings, as fast as they go.
    async fn backlog(&self, bookings: usize) -> anyhow::Result<(Figures, u64)> {
        let traffic = Traffic { end: End::Requests(bookings), ..self.warm_up_on_hot()? };
        let (tally, _) = self.run_one(traffic).await?;
        Ok((Figures::new(), tally.created))
    }

    /// Many attempts at few seats.
    async fn rush(&self, attempts: usize) -> anyhow::Result<(Figures, u64)> {
        let warm = self.run_one(self.warm_up_on_hot()?).await?.0;
        let log = self.stage.cluster.connect(self.database).await?;
        let (reached, mut sold_out) = oneshot::channel();
        let seats = u64::try_from(SEATS_FEW)?;
        let traffic = Traffic {
            requests: requests::rush(self.world, attempts),
            first: 0,
            connections: CONNECTIONS,
            pace: Pace::Closed,
            end: End::Requests(attempts),
            expected: &[201, 409],
            milestone: Some((seats, reached)),
        };
        let mut running = std::pin::pin!(self.run_one(traffic));
        let wal_then = tokio::select! {
            biased;
            Ok(()) = &mut sold_out => wal_position(&log).await?,
            ended = &mut running => {
                ended?;
                anyhow::bail!(Void("the seats were not sold out by as many attempts".to_owned()))
            }
        };
        let (tally, _) = running.await?;
        let wal_after = wal_position(&log).await? - wal_then;
        let sold_out = tally.milestone.context("the seats were sold out")?;

        let mut figures = latencies(&tally);
        figures.insert(SOLD_OUT, sold_out.as_secs_f64() * 1e3);
        figures.insert(OVERSOLD, tally.created as f64 - seats as f64);
        figures.insert(WAL_AFTER, wal_after);
        Ok((figures, warm.created + tally.created))
    }

    /// Reads at a fixed rate, alone and then beside bookings at a fixed rate.
    async fn mixed(&self, reads_per_second: f64, hot_rate: f64) -> anyhow::Result<(Figures, u64)> {
        let warm = self.run_one(self.warm_up_on_hot()?).await?.0;
        let reads = || Traffic {
            requests: requests::list(self.world),
            first: 0,
            connections: READERS,
            pace: Pace::Open(reads_per_second),
            end: End::After(self.stage.time),
            expected: &[200],
            milestone: None,
        };
        let (idle, _) = self.run_one(reads()).await?;
        let writes = Traffic {
            first: warm.next,
            pace: Pace::Open(hot_rate / 2.0),
            end: End::After(self.stage.time),
            ..self.warm_up_on_hot()?
        };
        let mut both = load::run(self.server.address, vec![reads(), writes]).await?.tallies.into_iter();
        let (busy, written) = (both.next().context("two tallies")?, both.next().context("two tallies")?);

        let mut figures = latencies(&written);
        figures.insert(READ_P50_IDLE, idle.quantile_ms(0.5));
        figures.insert(READ_P99_IDLE, idle.quantile_ms(0.99));
        figures.insert(READ_P50, busy.quantile_ms(0.5));
        figures.insert(READ_P99, busy.quantile_ms(0.99));
        Ok((figures, warm.created + written.created))
    }

    fn warm_up_on_hot(&self) -> anyhow::Result<Traffic> {
        Ok(Traffic {
            requests: requests::bookings(self.world, Target::Hot, 0.0, self.round, Route::Api)?,
            first: 0,
            connections: CONNECTIONS,
            pace: Pace::Closed,
            end: End::After(self.stage.warm_up),
            expected: &[201],
            milestone: None,
        })
    }

    async fn run_one(&self, traffic: Traffic) -> anyhow::Result<(Tally, f64)> {
        let outcome = load::run(self.server.address, vec![traffic]).await?;
        let tally = outcome.tallies.into_iter().next().context("one tally")?;
        Ok((tally, outcome.cpu_seconds))
    }

    async fn snapshot(&self) -> anyhow::Result<Snapshot> {
        Snapshot::take(self.stage.cluster, self.server, self.contestant).await
    }
}

fn latencies(tally: &Tally) -> Figures {
    Figures::from([(PER_SECOND, tally.per_second()), (P50, tally.quantile_ms(0.5)), (P99, tally.quantile_ms(0.99))])
}

/// What each of so many bookings cost.
fn costs(spent: &Spent, load_cpu_seconds: f64, bookings: u64) -> Figures {
    let bookings = bookings.max(1) as f64;
    let mut figures = Figures::from([
        (SERVER_CPU, spent.server_cpu_seconds * 1e6 / bookings),
        (POSTGRES_CPU, spent.postgres_cpu_seconds * 1e6 / bookings),
        (LOAD_CPU, load_cpu_seconds * 1e6 / bookings),
        (WAL, spent.wal_bytes / bookings),
    ]);
    figures.extend(spent.mean_batch.map(|commands| (BATCH, commands)));
    figures.extend(spent.round_trips.map(|trips| (ROUND_TRIPS, trips / bookings)));
    figures
}

async fn bookings_in(cluster: &Cluster, database: &str) -> anyhow::Result<u64> {
    let client = cluster.connect(database).await?;
    let count: i64 = client.query_one("SELECT count(*) FROM bookings", &[]).await?.try_get(0)?;
    Ok(u64::try_from(count)?)
}

/// Where PostgreSQL's log ends, in bytes from its beginning.
///
/// # Errors
///
/// No connection.
pub async fn wal_position(client: &Client) -> anyhow::Result<f64> {
    Ok(client.query_one("SELECT (pg_current_wal_insert_lsn() - '0/0')::float8", &[]).await?.try_get(0)?)
}

/// The share of updates of sessions that stayed on their page. The server's connections have ended, so all
/// are counted.
async fn hot_share(cluster: &Cluster, database: &str) -> anyhow::Result<f64> {
    let sql = "SELECT coalesce(n_tup_hot_upd::float8 / nullif(n_tup_upd, 0), 1) FROM pg_stat_user_tables
               WHERE relname = 'slots'";
    Ok(cluster.connect(database).await?.query_one(sql, &[]).await?.try_get(0)?)
}

/// Deadlocks in a database since it was made. The server's connections have ended, so all are counted.
async fn deadlocks(cluster: &Cluster, database: &str) -> anyhow::Result<f64> {
    let sql = "SELECT deadlocks::float8 FROM pg_stat_database WHERE datname = $1";
    Ok(cluster.connect("postgres").await?.query_one(sql, &[&database]).await?.try_get(0)?)
}
