//! Calls of a run: under its lease, and again where the answer was lost or HubSpot said not now.

use std::future::Future;
use std::time::Duration;

use super::lease::Lease;
use super::{Mirror, MirrorError};
use crate::hubspot::{HubSpot, HubSpotError, Portal, Refusal};
use crate::store::orgs::OrgRow;

/// Tries of one call. HubSpot's hiccups take seconds; what takes longer is left to the next run.
const TRIES_MAX: u32 = 7;
/// A run does not wait longer than this for a limit to be lifted: that of a day takes hours.
const NOT_NOW_MAX: Duration = Duration::from_secs(60);

/// What a run has to call HubSpot with.
pub(super) struct Calls<'a> {
    pub mirror: &'a Mirror,
    pub org: &'a OrgRow,
    pub portal: Portal,
    lease: Lease<'a>,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum Tried<T> {
    Done(T),
    /// HubSpot's definite no, and nothing happened.
    Refused(Refusal),
}

impl<T> Tried<T> {
    /// What the call brought, where nothing can be done without it.
    pub fn needed(self) -> Result<T, MirrorError> {
        match self {
            Tried::Done(answer) => Ok(answer),
            Tried::Refused(refusal) => Err(HubSpotError::Refused(Box::new(refusal)).into()),
        }
    }
}

impl Mirror {
    /// Takes the right to call HubSpot for an organisation. [`Calls::end`] gives it back.
    pub(super) async fn calls<'a>(&'a self, org: &'a OrgRow) -> Result<Calls<'a>, MirrorError> {
        let portal = self.portal_needed(org)?;
        let lease = self.lease(org.id, portal.client.call_time_max()).await?;
        Ok(Calls { mirror: self, org, portal, lease })
    }
}

impl Calls<'_> {
    /// Lets others go ahead.
    pub async fn end(self) {
        // If this fails, the lease ends by itself.
        if let Err(error) = self.lease.give_back().await {
            tracing::debug!(%error, "a lease was not given back");
        }
    }

    /// Makes a call that may be repeated, until its outcome is known.
    pub async fn repeat<'h, T, F: Future<Output = Result<T, HubSpotError>>>(
        &'h self,
        call: impl Fn(&'h HubSpot) -> F,
    ) -> Result<Tried<T>, MirrorError> {
        let mut tries = 0;
        loop {
            self.lease.hold().await?;
            tries += 1;
            let pause = match call(&self.portal.client).await {
                Ok(answer) => return Ok(Tried::Done(answer)),
                Err(HubSpotError::Refused(refusal)) if !refusal.is_access() => return Ok(Tried::Refused(*refusal)),
                // The limiter waits by itself, and stops waiting where that makes no sense.
                Err(HubSpotError::NotNow { after, .. }) if after <= NOT_NOW_MAX && tries < TRIES_MAX => Duration::ZERO,
                Err(HubSpotError::Unknown { .. }) if tries < TRIES_MAX => {
                    self.mirror.options.retry_pause * 2_u32.pow(tries - 1)
                }
                Err(error) => return Err(error.into()),
            };
            tokio::time::sleep(pause).await;
        }
    }
}
