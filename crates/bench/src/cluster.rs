//! The PostgreSQL of the benchmark: the product's own private one, on a disk, for all contestants.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use surehold::private_postgres::{Options, PrivatePostgres};
use surehold::store::connect::connect;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A private PostgreSQL in a folder of its own.
pub struct Cluster {
    data_dir: PathBuf,
    /// `None` only while it is being restarted.
    server: Option<PrivatePostgres>,
    url: String,
}

impl Cluster {
    /// Starts it, in an empty folder.
    ///
    /// # Errors
    ///
    /// PostgreSQL does not start.
    pub async fn start(data_dir: &Path) -> anyhow::Result<Cluster> {
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("the folder {} cannot be made", data_dir.display()))?;
        let server = PrivatePostgres::start(&Options { data_dir: data_dir.to_owned(), pg_bin: None }).await?;
        let url = server.connection_string();
        Ok(Cluster { data_dir: data_dir.to_owned(), server: Some(server), url })
    }

    /// How to connect to a database, as its owner.
    pub fn url(&self, database: &str) -> String {
        let server = self.url.rsplit_once(" dbname=").map_or(self.url.as_str(), |(server, _)| server);
        format!("{server} dbname={database}")
    }

    /// A connection as the owner.
    ///
    /// # Errors
    ///
    /// No connection.
    pub async fn connect(&self, database: &str) -> anyhow::Result<Client> {
        Ok(connect(&self.url(database), "surehold-bench").await?)
    }

    /// Makes an empty database.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub async fn create(&self, database: &str) -> anyhow::Result<()> {
        self.execute(&format!("CREATE DATABASE {database}")).await
    }

    /// Makes a database that is a copy of another, file by file, and writes it all to the disk, so that no
    /// round pays for what was before it.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub async fn copy(&self, template: &str, database: &str) -> anyhow::Result<()> {
        self.execute(&format!("CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY")).await?;
        self.execute("CHECKPOINT").await
    }

    /// Removes a database, whoever is still connected.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub async fn drop_database(&self, database: &str) -> anyhow::Result<()> {
        self.execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await
    }

    /// Runs a statement that is about the whole cluster.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let client = self.connect("postgres").await?;
        // A connection that was closed a moment ago may still count as a user of the template.
        for _ in 0..50 {
            match client.batch_execute(sql).await {
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                done => return done.with_context(|| format!("PostgreSQL refused: {sql}")),
            }
        }
        anyhow::bail!("a database is still in use after 5 s: {sql}")
    }

    /// The process id of the server.
    ///
    /// # Errors
    ///
    /// No connection, or no `/proc`.
    pub async fn pid(&self) -> anyhow::Result<i32> {
        let client = self.connect("postgres").await?;
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        crate::proc::parent(backend)
    }

    /// Stops it and starts it again, so that settings made by ALTER SYSTEM take effect.
    ///
    /// # Errors
    ///
    /// It does not stop, or not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(server) = self.server.take() {
            server.stop().await?;
        }
        *self = Cluster::start(&self.data_dir).await?;
        Ok(())
    }

    /// Stops it and removes its folder, unless that is to be kept.
    ///
    /// # Errors
    ///
    /// It does not stop, or its folder cannot be removed.
    pub async fn end(self, keep: bool) -> anyhow::Result<()> {
        if let Some(server) = self.server {
            server.stop().await?;
        }
        if keep { Ok(()) } else { remove(&self.data_dir) }
    }
}

/// Refuses a folder in memory.
///
/// # Errors
///
/// The folder lies in memory, where no commit waits for a disk.
pub fn must_be_on_disk(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let kind = statfs(folder).context("the file system cannot be looked at")?.filesystem_type();
    anyhow::ensure!(
        kind != TMPFS_MAGIC,
        "{} lies in memory, where commits cost nothing. Give a folder on a disk with --work-dir",
        folder.display()
    );
    Ok(())
}

/// Removes a data folder, and the cluster also where the folder holds only a link to it.
///
/// # Errors
///
/// A file that cannot be removed.
pub fn remove(data_dir: &Path) -> anyhow::Result<()> {
    let link = data_dir.join("postgres");
    if link.is_symlink()
        && let Ok(elsewhere) = link.canonicalize()
    {
        std::fs::remove_dir_all(&elsewhere).with_context(|| format!("{} cannot be removed", elsewhere.display()))?;
        if let Some(home) = elsewhere.parent() {
            let _ = std::fs::remove_dir(home); // only if nothing else is in it
        }
    }
    match std::fs::remove_dir_all(data_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", data_dir.display()))
        }
        _ => Ok(()),
    }
}
