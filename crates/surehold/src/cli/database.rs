//! Which database a command uses, and letting go of it at the end.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;

use super::output::program;
use crate::config::{Common, check_folder};
use crate::private_postgres::{self, Attached, PrivatePostgres, attach, attach_or_create};
use crate::store::connect::connect;
use crate::store::migrate::{check_version, migrate};
use crate::store::{Store, StoreError, StoreOptions, session};

/// A database that a command may use.
pub struct Database {
    /// How to connect to it.
    pub url: SecretString,
    server: Server,
}

enum Server {
    /// Somebody else's, by URL.
    Given,
    /// The private one, run by this process for as long as it lasts.
    Ours(PrivatePostgres),
    /// The private one, for a tool.
    Attached(Attached),
}

impl Database {
    /// For `serve`: the given database, or the private one, started and migrated.
    pub async fn for_server(
        common: &Common,
        url: Option<SecretString>,
        migrate_given: bool,
    ) -> anyhow::Result<Database> {
        if let Some(url) = url {
            common.check_url(&url)?;
            let database = Database { url, server: Server::Given };
            if migrate_given {
                database.migrate(common).await?;
            } else {
                database.check().await?;
            }
            return Ok(database);
        }
        check_folder(&common.data_dir)?;
        let server = PrivatePostgres::start(&common.private_postgres()).await.map_err(flags_named)?;
        let url = SecretString::from(server.connection_string());
        let database = Database { url, server: Server::Ours(server) };
        match database.migrate(common).await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// For tools: the given database, or the private one, running or not. It has to have its tables.
    pub async fn for_tool(common: &Common) -> anyhow::Result<Database> {
        let database = Database::open(common, false).await?;
        match database.check().await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// For `migrate` and for the first organisation: the private cluster is made if there is none.
    pub async fn open(common: &Common, create: bool) -> anyhow::Result<Database> {
        if let Some(url) = common.database_url() {
            common.check_url(&url)?;
            return Ok(Database { url, server: Server::Given });
        }
        check_folder(&common.data_dir)?;
        let options = common.private_postgres();
        let attached = if create { attach_or_create(&options).await } else { attach(&options).await };
        let attached = attached.map_err(flags_named)?;
        Ok(Database { url: SecretString::from(attached.connection_string()), server: Server::Attached(attached) })
    }

    /// Pools of connections as the app role. One connection is tried before: of what is wrong with the
    /// server, the pools would only say that they got no connection.
    pub async fn store(&self, options: &StoreOptions) -> anyhow::Result<Store> {
        let client = connect(self.url.expose_secret(), "surehold").await?;
        session::prepare(&client, &options.app_role, options.allow_unsafe).await.map_err(|error| match &error {
            StoreError::Query(query)
                if matches!(
                    query.code(),
                    Some(&SqlState::INVALID_PARAMETER_VALUE | &SqlState::INSUFFICIENT_PRIVILEGE)
                ) =>
            {
                anyhow::anyhow!(
                    "this login cannot work as the role {}: {error}. Run `{} migrate` as the owner, with the \
                     same --app-role",
                    options.app_role,
                    program()
                )
            }
            _ => error.into(),
        })?;
        Ok(Store::new(options)?)
    }

    /// Lets go of it: a private server that was started here is stopped.
    pub async fn close(self) {
        let stopped = match self.server {
            Server::Given => Ok(()),
            Server::Ours(server) => server.stop().await,
            Server::Attached(attached) => attached.detach().await,
        };
        if let Err(error) = stopped {
            tracing::warn!("{error}");
        }
    }

    async fn check(&self) -> anyhow::Result<()> {
        let client = connect(self.url.expose_secret(), "surehold").await?;
        Ok(check_version(&client).await?)
    }

    async fn migrate(&self, common: &Common) -> anyhow::Result<()> {
        let report = migrate(self.url.expose_secret(), &common.app_role).await?;
        for name in &report.applied {
            tracing::info!("applied migration {name}");
        }
        Ok(())
    }
}

/// The same error in terms of the command line.
fn flags_named(error: private_postgres::Error) -> anyhow::Error {
    match error {
        private_postgres::Error::BadBinaryFolder { problem } => anyhow::anyhow!(
            "--pg-bin (or SUREHOLD_PG_BIN) cannot be used: {problem}. It takes the folder that holds `postgres` and \
             `initdb` of PostgreSQL 15 or newer; without it the usual places are searched"
        ),
        error => error.into(),
    }
}

/// Runs a tool on its database and lets go of the database whatever comes of it, ^C included.
pub async fn with<T>(database: Database, work: impl AsyncFnOnce(&Database) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let result = tokio::select! {
        result = work(&database) => result,
        signal = super::server::stop_signal() => Err(anyhow::anyhow!("stopped by {signal}")),
    };
    database.close().await;
    result
}
