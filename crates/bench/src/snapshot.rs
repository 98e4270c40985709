//! What has been spent up to a moment; two of them tell what was spent between.

use crate::cluster::Cluster;
use crate::contestant::{Contestant, Server};
use crate::proc;
use crate::round::wal_position;
use crate::scrape::Scrape;

/// What has been spent up to a moment.
pub struct Snapshot {
    server_cpu_seconds: f64,
    postgres_cpu_seconds: f64,
    wal_bytes: f64,
    metrics: Option<Scrape>,
}

/// What was spent between two moments.
pub struct Spent {
    /// CPU time of the server.
    pub server_cpu_seconds: f64,
    /// CPU time of all of PostgreSQL's processes.
    pub postgres_cpu_seconds: f64,
    /// Written to PostgreSQL's log.
    pub wal_bytes: f64,
    /// Commands in a transaction, if the server has batches.
    pub mean_batch: Option<f64>,
    /// Round trips to the database, if the server counts them.
    pub round_trips: Option<f64>,
}

impl Snapshot {
    /// Looks at the processes, the log and the server's metrics.
    ///
    /// # Errors
    ///
    /// One of them is gone.
    pub async fn take(cluster: &Cluster, server: &Server, contestant: Contestant) -> anyhow::Result<Snapshot> {
        let client = cluster.connect("postgres").await?;
        let metrics = match contestant {
            Contestant::Seed => None,
            _ => Some(Scrape::of(server.address).await?),
        };
        Ok(Snapshot {
            server_cpu_seconds: proc::tree_cpu_seconds(server.pid)?,
            postgres_cpu_seconds: proc::tree_cpu_seconds(cluster.pid().await?)?,
            wal_bytes: wal_position(&client).await?,
            metrics,
        })
    }

    /// What was spent since an earlier moment.
    pub fn since(&self, earlier: &Snapshot) -> Spent {
        let grown = |name: &str| {
            let (now, then) = (self.metrics.as_ref()?, earlier.metrics.as_ref()?);
            Some(now.sum(name)? - then.sum(name).unwrap_or(0.0))
        };
        let batches = grown("surehold_batch_commands_count").filter(|count| *count > 0.0);
        Spent {
            server_cpu_seconds: self.server_cpu_seconds - earlier.server_cpu_seconds,
            postgres_cpu_seconds: self.postgres_cpu_seconds - earlier.postgres_cpu_seconds,
            wal_bytes: self.wal_bytes - earlier.wal_bytes,
            mean_batch: batches.and_then(|count| Some(grown("surehold_batch_commands_sum")? / count)),
            round_trips: grown("surehold_database_round_trips_total"),
        }
    }
}
