//! One Redis, as counters use it.

use std::time::Duration;

use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, Script};
use uuid::Uuid;

use crate::store::counters::SeatCount;

/// How long it may take to reach Redis.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a counter lives when nobody refreshes it.
const TIME_TO_LIVE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long the note lives that says how far the counters are. Without it every counter is written again, which also
/// refreshes what is left of the week.
const NOTE_TIME_TO_LIVE: Duration = Duration::from_secs(6 * 60 * 60);
/// Counters that one call sets: Redis does nothing else meanwhile.
const AT_ONCE: usize = 200;

/// One Redis. A connection is opened when it is needed, and given up at the first error.
pub struct Redis {
    client: Client,
    connection: Option<MultiplexedConnection>,
    answer_time_max: Duration,
    script: Script,
}

/// What became of counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Got a newer number.
    pub news: u64,
    /// Had been changed by somebody else, and are right again.
    pub corrected: u64,
    /// Have a newer number already.
    pub newer: u64,
}

impl Redis {
    /// A Redis that has to answer in this time.
    pub fn new(client: Client, answer_time_max: Duration) -> Redis {
        Redis { client, connection: None, answer_time_max, script: Script::new(include_str!("set.lua")) }
    }

    /// Sets the counters of sessions, unless a newer number is there.
    ///
    /// # Errors
    ///
    /// Redis does not answer, or says no. Some counters may have been set.
    pub async fn set(&mut self, counts: &[SeatCount]) -> RedisResult<Written> {
        let mut written = Written::default();
        let counters: Vec<_> = counts.iter().flat_map(|count| ids(count).map(move |id| (id, count))).collect();
        for some in counters.chunks(AT_ONCE) {
            for answer in self.set_some(some).await? {
                match answer {
                    0 => written.newer += 1,
                    2 => written.news += 1,
                    3 => written.corrected += 1,
                    _ => {}
                }
            }
        }
        Ok(written)
    }

    async fn set_some(&mut self, counters: &[(String, &SeatCount)]) -> RedisResult<Vec<u8>> {
        let mut connection = self.take().await?;
        let answers = {
            let mut call = self.script.arg(millis(TIME_TO_LIVE));
            for (id, count) in counters {
                let counter = format!("exam:{id}:bookings");
                call.key(&counter).key(format!("{counter}:version")).arg(count.in_use).arg(count.version);
            }
            call.invoke_async(&mut connection).await?
        };
        self.connection = Some(connection);
        Ok(answers)
    }

    /// Up to which moment, by the database's clock, every change of an organisation is in its counters. `None`: they
    /// have to be filled.
    ///
    /// # Errors
    ///
    /// As [`Redis::set`].
    pub async fn is_right_up_to(&mut self, org_id: Uuid) -> RedisResult<Option<Timestamp>> {
        let text: Option<String> = self.query(Cmd::new().arg("GET").arg(note(org_id))).await?;
        let moment =
            text.and_then(|text| text.parse().ok()).and_then(|micros| Timestamp::from_microsecond(micros).ok());
        Ok(moment.map(|moment| moment.max(Timestamp::UNIX_EPOCH)))
    }

    /// Notes that counters are being filled.
    ///
    /// # Errors
    ///
    /// As [`Redis::set`].
    pub async fn begins_anew(&mut self, org_id: Uuid) -> RedisResult<()> {
        let mut set = Cmd::new();
        set.arg("SET").arg(note(org_id)).arg(0).arg("PX").arg(millis(NOTE_TIME_TO_LIVE));
        self.query(&set).await
    }

    /// Notes how far the counters are, unless all was lost meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Redis::set`].
    pub async fn was_right_at(&mut self, org_id: Uuid, at: Timestamp) -> RedisResult<()> {
        let mut set = Cmd::new();
        set.arg("SET").arg(note(org_id)).arg(at.as_microsecond()).arg("XX").arg("KEEPTTL");
        self.query::<Option<String>>(&set).await.map(drop)
    }

    async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        let mut connection = self.take().await?;
        let answer = command.query_async(&mut connection).await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// The connection, to be put back when all went well. One that failed, or was left in the middle of a call, is not.
    async fn take(&mut self) -> RedisResult<MultiplexedConnection> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME_MAX))
            .set_response_timeout(Some(self.answer_time_max));
        self.client.get_multiplexed_async_connection_with_config(&limits).await
    }
}

/// What programs know a session as.
fn ids(count: &SeatCount) -> impl Iterator<Item = String> {
    std::iter::once(count.slot_id.to_string()).chain(count.hubspot_id.clone())
}

fn note(org_id: Uuid) -> String {
    format!("surehold:counters:{org_id}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
