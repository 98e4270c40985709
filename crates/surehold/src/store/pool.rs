//! Connections. Commands, plain reads, reports and the REST routes have pools of their own, so that none starves another.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;

use super::{StoreError, session, tls};

/// Reports at once.
const REPORT_CONNECTIONS: usize = 2;
/// Reads of the REST routes at once.
const CALLER_CONNECTIONS: usize = 4;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `postgres://…` or `host=… user=…`. `sslmode=require` asks for TLS, `prefer` for TLS if offered.
    pub url: String,
    /// The role that statements run as. Where the login is another role, each connection does SET ROLE.
    pub app_role: String,
    /// Connections for plain reads.
    pub read_connections: usize,
    /// Connections for commands: the most transactions that are in flight at once.
    pub command_connections: usize,
    /// How long a statement of the REST routes may take.
    pub caller_timeout: Duration,
    /// Accept a database that may lose acknowledged commits (`fsync = off`). Only for tests.
    pub allow_unsafe: bool,
}

impl StoreOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> StoreOptions {
        StoreOptions {
            url: url.into(),
            app_role: "surehold_app".to_owned(),
            read_connections: 8,
            command_connections: 16,
            caller_timeout: Duration::from_secs(5),
            allow_unsafe: false,
        }
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    reads: Pool,
    commands: Pool,
    reports: Pool,
    callers: Pool,
}

impl Store {
    /// Makes the pools; connections are opened when they are needed.
    pub fn new(options: &StoreOptions) -> Result<Store, StoreError> {
        Ok(Store {
            reads: pool(options, options.read_connections, Use::Reads)?,
            commands: pool(options, options.command_connections, Use::Commands)?,
            reports: pool(options, REPORT_CONNECTIONS, Use::Reports)?,
            callers: pool(options, CALLER_CONNECTIONS, Use::Callers)?,
        })
    }

    /// A connection for plain reads.
    pub async fn read(&self) -> Result<Object, StoreError> {
        Ok(self.reads.get().await?)
    }

    /// A connection for a transaction of the desk.
    pub async fn command(&self) -> Result<Object, StoreError> {
        Ok(self.commands.get().await?)
    }

    /// A connection for what may read a whole table: laws, the audit log, searches by name. There are few,
    /// and a statement on them may take a minute.
    pub async fn report(&self) -> Result<Object, StoreError> {
        Ok(self.reports.get().await?)
    }

    /// A connection for reads whose conditions a caller writes: the REST routes. However long they take, students'
    /// reads and bookings have connections of their own.
    pub async fn caller(&self) -> Result<Object, StoreError> {
        Ok(self.callers.get().await?)
    }

    /// Closes all connections.
    pub fn close(&self) {
        self.reads.close();
        self.commands.close();
        self.reports.close();
        self.callers.close();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Use {
    Reads,
    Commands,
    Reports,
    Callers,
}

fn pool(options: &StoreOptions, size: usize, purpose: Use) -> Result<Pool, StoreError> {
    let mut config: tokio_postgres::Config =
        options.url.parse().map_err(|e| StoreError::Unfit(format!("the database URL cannot be read: {e}")))?;
    config.application_name("surehold").connect_timeout(Duration::from_secs(3));
    // A peer that vanished without a word is noticed in half a minute, not in two hours.
    config
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .tcp_user_timeout(Duration::from_secs(30));
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if tls::is_possible(&config) {
        Manager::from_config(config, tls::connector(), recycling)
    } else {
        Manager::from_config(config, NoTls, recycling)
    };
    let (role, allow_unsafe) = (options.app_role.clone(), options.allow_unsafe);
    let caller_timeout = options.caller_timeout;
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        // The connection used last is taken first: few stay busy, with warm caches.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(Duration::from_secs(2)))
        .create_timeout(Some(Duration::from_secs(5)))
        .post_create(Hook::async_fn(move |client, _| {
            let role = role.clone();
            Box::pin(async move {
                let prepared = async {
                    session::prepare(client, &role, allow_unsafe).await?;
                    match purpose {
                        Use::Reads => {}
                        Use::Commands => session::prepare_for_commands(client).await?,
                        Use::Reports => session::prepare_for_reports(client).await?,
                        Use::Callers => session::prepare_for_callers(client, caller_timeout).await?,
                    }
                    Ok::<(), StoreError>(())
                };
                prepared.await.map_err(|e| HookError::message(e.to_string()))
            })
        }))
        .pre_recycle(Hook::async_fn(|client, metrics| {
            Box::pin(async move {
                // A prepared statement keeps the plan that was best when the tables were small. So each
                // connection plans anew after 8, 16, 32 … uses: often while tables grow fast, hardly ever later.
                if metrics.recycle_count >= 8 && metrics.recycle_count.is_power_of_two() {
                    client.batch_execute("DISCARD PLANS").await.map_err(HookError::Backend)?;
                }
                Ok(())
            })
        }))
        .build()
        .map_err(|e| StoreError::Unfit(e.to_string()))
}
