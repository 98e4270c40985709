//! How many SQL statements and round trips a booking takes, by `pg_stat_statements`. In rounds of their own, at
//! the end, because counting costs time itself.

use std::time::Duration;

use anyhow::Context;

use crate::cluster::Cluster;
use crate::contestant::{Contestant, Server};
use crate::load::{self, End, Pace, Traffic};
use crate::measure::{Figures, ROUND_TRIPS, STATEMENTS};
use crate::requests::{self, Route};
use crate::round::DATABASE;
use crate::scrape::Scrape;
use crate::workload::{CONNECTIONS, Target};
use crate::world::World;

/// What was counted for a contestant.
pub struct Counted {
    /// Who.
    pub contestant: Contestant,
    /// Statements and round trips for a booking.
    pub figures: Figures,
}

/// Counts for each contestant, on one session. Nothing if this PostgreSQL has no `pg_stat_statements`.
///
/// # Errors
///
/// PostgreSQL does not start again, or a round that does not run.
pub async fn count(cluster: &mut Cluster, school: World, time: Duration) -> anyhow::Result<Vec<Counted>> {
    let client = cluster.connect("postgres").await?;
    let there = client.query_opt("SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'", &[]).await?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    client.batch_execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'").await?;
    drop(client);
    cluster.restart().await?;
    let client = cluster.connect("postgres").await?;
    client.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    // With those inside of functions.
    client.batch_execute("ALTER SYSTEM SET pg_stat_statements.track = 'all'").await?;
    client.batch_execute("SELECT pg_reload_conf()").await?;
    let mut counted = Vec::new();
    for contestant in Contestant::ALL {
        counted.push(one(cluster, &school, *contestant, time).await?);
    }
    Ok(counted)
}

async fn one(cluster: &Cluster, school: &World, contestant: Contestant, time: Duration) -> anyhow::Result<Counted> {
    cluster.copy(school.database, DATABASE).await?;
    let server = Server::start(contestant, &cluster.url(DATABASE), &[]).await?;
    let client = cluster.connect("postgres").await?;
    let requests = requests::bookings(school, Target::Hot, 0.0, 0, Route::Api)?;
    let traffic = |first| Traffic {
        requests: requests.clone(),
        first,
        connections: CONNECTIONS,
        pace: Pace::Closed,
        end: End::After(time),
        expected: &[201],
        milestone: None,
    };
    let warm = load::run(server.address, vec![traffic(0)]).await?.tallies.remove(0);
    let trips_before = round_trips(&server, contestant).await?;
    client.batch_execute("SELECT pg_stat_statements_reset()").await?;
    let bookings = load::run(server.address, vec![traffic(warm.next)]).await?.tallies.remove(0).created;
    let sql = "SELECT coalesce(sum(calls), 0)::float8, coalesce(sum(calls) FILTER (WHERE toplevel), 0)::float8
               FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1";
    let row = client.query_one(sql, &[&DATABASE]).await?;
    let (all, top): (f64, f64) = (row.try_get(0)?, row.try_get(1)?);
    let trips_after = round_trips(&server, contestant).await?;
    server.stop().await?;
    cluster.drop_database(DATABASE).await?;

    anyhow::ensure!(bookings > 0, "nothing was booked");
    let trips = match contestant {
        // Each call of the function is one.
        Contestant::Seed => Some(top),
        _ => trips_after.map(|after| after - trips_before.unwrap_or(0.0)),
    };
    let mut figures = Figures::from([(STATEMENTS, all / bookings as f64)]);
    figures.extend(trips.map(|trips| (ROUND_TRIPS, trips / bookings as f64)));
    Ok(Counted { contestant, figures })
}

async fn round_trips(server: &Server, contestant: Contestant) -> anyhow::Result<Option<f64>> {
    match contestant {
        Contestant::Seed => Ok(None),
        _ => {
            let scrape = Scrape::of(server.address).await.context("/metrics")?;
            Ok(scrape.sum("surehold_database_round_trips_total"))
        }
    }
}
