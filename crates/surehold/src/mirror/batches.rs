//! What waits, a call's worth at a time: first rows whose record we know, then those without one. They go out by
//! different calls, and so each call is full.

use std::vec::IntoIter;

use futures::Stream;
use futures::stream::try_unfold;
use uuid::Uuid;

use super::calls::Calls;
use super::push::Ready;
use super::{MirrorError, properties};
use crate::hubspot::{BATCH_MAX, Object};
use crate::store::mirror::rows::{self, ContactRow, Mirrored, Which};

/// Rows that are read at once: some calls' worth.
const PAGE: usize = 8 * BATCH_MAX;

/// Batches of rows of one kind that wait, each row once, in the order of their ids.
pub(super) struct Batches<'a> {
    calls: &'a Calls<'a>,
    object: Object,
    /// What is still to be read; the first of it is being read.
    left: &'static [Which],
    after: Uuid,
    page: IntoIter<Ready>,
}

impl<'a> Batches<'a> {
    pub fn new(calls: &'a Calls<'a>, object: Object) -> Batches<'a> {
        let left = &[Which::DueWithRecord, Which::DueWithout];
        Batches { calls, object, left, after: Uuid::nil(), page: Vec::new().into_iter() }
    }

    /// Batches of up to [`BATCH_MAX`] rows, which all have a record that we know, or none.
    pub fn stream(self) -> impl Stream<Item = Result<Vec<Ready>, MirrorError>> + Send {
        try_unfold(self, |mut batches| async move {
            let batch = batches.next().await?;
            Ok(batch.map(|batch| (batch, batches)))
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<Ready>>, MirrorError> {
        while let [which, then @ ..] = self.left {
            if self.page.len() == 0 {
                self.page = self.read(*which).await?.into_iter();
            }
            match self.page.as_slice().last() {
                Some(last) => {
                    self.after = last.id;
                    return Ok(Some(self.page.by_ref().take(BATCH_MAX).collect()));
                }
                None => (self.left, self.after) = (then, Uuid::nil()),
            }
        }
        Ok(None)
    }

    async fn read(&self, which: Which) -> Result<Vec<Ready>, MirrorError> {
        let (mapping, org_id, after) = (&self.calls.portal.mapping, self.calls.org.id, self.after);
        let client = self.calls.mirror.store.read().await?;
        Ok(match self.object {
            Object::Contact => {
                let write = Uuid::now_v7();
                let with_credits = |row: &Mirrored<ContactRow>| {
                    let mut all = properties::of_contact(mapping, row);
                    all.extend(properties::of_credits(mapping, &row.row, write));
                    Ready::new(row, all)
                };
                let page = rows::contacts(&client, org_id, which, after, PAGE).await?;
                page.iter().map(with_credits).collect()
            }
            Object::Session => {
                let page = rows::sessions(&client, org_id, which, after, PAGE).await?;
                page.iter().map(|row| Ready::new(row, properties::of_session(mapping, row))).collect()
            }
            Object::Booking => {
                let page = rows::bookings(&client, org_id, which, after, PAGE).await?;
                page.iter().map(|row| Ready::new(row, properties::of_booking(mapping, row))).collect()
            }
        })
    }
}
