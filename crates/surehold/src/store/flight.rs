//! Statements that travel together: sent one after the other without waiting, so that they cost one
//! round trip in all.

use std::pin::Pin;

use deadpool_postgres::Object;
use futures::future::{BoxFuture, FutureExt, MaybeDone, join_all, maybe_done, try_join_all};
use futures::poll;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::StoreError;

/// A statement's parameters.
pub type Params<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// A statement with its parameters.
pub struct Step<'a> {
    /// One of few distinct texts: each is prepared once per connection.
    pub sql: &'a str,
    /// In the order of `$1`, `$2` …
    pub params: Params<'a>,
}

/// Statements in the order in which they are sent and carried out.
#[derive(Default)]
pub struct Flight<'a>(Vec<Step<'a>>);

/// What went wrong, and with which statement, if with one.
pub type ReadError = (Option<Place>, StoreError);

/// Where the rows of a statement of a [`Flight`] will be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place(Option<usize>);

impl<'a> Flight<'a> {
    /// Adds a statement.
    pub fn push(&mut self, sql: &'a str, params: Params<'a>) -> Place {
        self.0.push(Step { sql, params });
        Place(Some(self.0.len() - 1))
    }

    /// Adds a statement if it has anything to do.
    pub fn push_if(&mut self, needed: bool, sql: &'a str, params: impl FnOnce() -> Params<'a>) -> Place {
        if needed { self.push(sql, params()) } else { Place(None) }
    }

    /// Prepares what this connection has not prepared yet; from then on that costs no round trip.
    pub async fn prepare(&self, client: &Object) -> Result<Vec<Statement>, StoreError> {
        let mut statements = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            statements.push(client.prepare_cached(step.sql).await?);
        }
        Ok(statements)
    }

    /// Sends `first` (if any), then the statements; gives the rows of each. An error says which statement it
    /// is about, if one.
    pub async fn read(&self, client: &Object, first: Option<&str>) -> Result<Landed, ReadError> {
        let statements = self.prepare(client).await.map_err(|error| (None, error))?;
        // Polled in order, so sent in order: the driver puts a prepared statement on the wire at the
        // first poll.
        let begin = async {
            match first {
                Some(sql) => client.batch_execute(sql).await.map(|()| Vec::new()).map_err(|e| (None, e.into())),
                None => Ok(Vec::new()),
            }
        };
        let mut sent: Vec<BoxFuture<'_, Result<Vec<Row>, ReadError>>> = Vec::with_capacity(self.0.len() + 1);
        sent.push(begin.boxed());
        for (index, (step, statement)) in self.0.iter().zip(&statements).enumerate() {
            let params = borrowed(&step.params);
            let place = Some(Place(Some(index)));
            sent.push(async move { client.query(statement, &params).await.map_err(|e| (place, e.into())) }.boxed());
        }
        count_round_trip();
        let mut rows = try_join_all(sent).await?;
        rows.remove(0);
        Ok(Landed(rows))
    }

    /// Sends the statements, then COMMIT; gives the result of each, COMMIT's at the end. A statement that
    /// the driver cannot even put on the wire (a parameter that cannot be encoded) would be missing from
    /// what is committed: then ROLLBACK is sent instead.
    pub async fn commit(&self, client: &Object, statements: &[Statement]) -> Vec<Result<(), Error>> {
        let mut sent: Vec<MaybeDone<BoxFuture<'_, Result<(), Error>>>> = Vec::with_capacity(self.0.len() + 1);
        let mut all_sent = true;
        for (step, statement) in self.0.iter().zip(statements) {
            let params = borrowed(&step.params);
            let mut future = maybe_done(async move { client.execute(statement, &params).await.map(drop) }.boxed());
            if poll!(&mut future).is_ready() {
                all_sent &= matches!(Pin::new(&mut future).output_mut(), Some(Ok(())));
            }
            sent.push(future);
        }
        let last = client.batch_execute(if all_sent { "COMMIT" } else { "ROLLBACK" });
        sent.push(maybe_done(last.boxed()));
        count_round_trip();
        join_all(sent.iter_mut()).await;
        sent.iter_mut().filter_map(|future| Pin::new(future).take_output()).collect()
    }
}

/// The rows of a flight's statements.
pub struct Landed(Vec<Vec<Row>>);

impl Landed {
    /// The rows of one statement; none if it had nothing to do.
    pub fn rows(&self, place: Place) -> &[Row] {
        place.0.map_or(&[], |index| &self.0[index])
    }
}

/// Counts a wait for the database on the way to an answer.
pub fn count_round_trip() {
    metrics::counter!("surehold_database_round_trips_total").increment(1);
}

fn borrowed<'p>(params: &'p Params<'_>) -> Vec<&'p (dyn ToSql + Sync)> {
    params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect()
}
