//! What every handler can reach.

use std::sync::Arc;

use uuid::Uuid;

use surehold_core::command::{Command, Key, Request};
use surehold_core::outcome::{Answer, Outcome};

use super::access::Acting;
use super::contact_lookup::ContactLookup;
use super::directory::Directory;
use super::error::ApiError;
use super::limits::Limits;
use super::options::HttpOptions;
use crate::cashier::Cashier;
use crate::desk::Desk;
use crate::mirror::Mirror;
use crate::store::Store;

/// What every handler can reach.
pub struct App {
    /// Plain reads.
    pub store: Store,
    /// Commands.
    pub desk: Desk,
    /// Payments.
    pub cashier: Cashier,
    /// HubSpot.
    pub mirror: Mirror,
    /// Settings.
    pub options: HttpOptions,
    pub(super) directory: Directory,
    pub(super) limits: Limits,
    pub(super) contacts: ContactLookup,
}

impl App {
    /// Puts the parts together.
    pub fn new(store: Store, desk: Desk, options: HttpOptions) -> Arc<App> {
        Arc::new(App {
            directory: Directory::new(store.clone(), options.directory_max_age),
            limits: Limits::new(&options),
            contacts: ContactLookup::new(store.clone()),
            cashier: Cashier::new(store.clone(), desk.clone(), options.stripe.clone()),
            mirror: Mirror::new(store.clone(), desk.clone(), options.hubspot.clone(), options.mirror),
            store,
            desk,
            options,
        })
    }

    /// Reads what is needed to answer from HubSpot alone, should the database go away before anybody asks. Without a
    /// portal that is nothing.
    pub async fn warm_up(&self) {
        if self.options.hubspot.is_empty() {
            return;
        }
        let Ok(orgs) = self.directory.orgs().await else { return };
        for org in orgs.iter().filter(|org| self.mirror.portal(org).is_some()) {
            if let Err(error) = self.directory.catalogue(org.id).await {
                tracing::warn!(org = org.slug, %error, "the catalogue cannot be read yet");
            }
        }
        // Nobody has asked yet, so nobody has to put up with what may be a moment old.
        self.directory.forget_orgs();
    }

    /// Hands a command to the desk.
    pub(super) async fn submit(
        &self,
        acting: &Acting,
        on_behalf_of: Option<String>,
        key: Key,
        command: Command,
    ) -> Result<Outcome, ApiError> {
        Ok(self.desk.submit(acting.org.id, self.request(acting, on_behalf_of, key, command)).await?)
    }

    /// A command with who asks for it.
    pub(super) fn request(&self, acting: &Acting, on_behalf_of: Option<String>, key: Key, command: Command) -> Request {
        Request {
            command_id: Uuid::now_v7(),
            principal: acting.principal.clone(),
            on_behalf_of,
            key,
            stripe_event: None,
            command,
        }
    }
}

/// Takes the answer of the expected sort out of an outcome. Another sort is a bug in the desk.
macro_rules! expect_answer {
    ($outcome:expr, $variant:ident) => {
        match $outcome.answer {
            surehold_core::Answer::$variant(answer) => Ok(answer),
            ref other => Err($crate::http::app::unexpected(other)),
        }
    };
}
pub(super) use expect_answer;

pub(super) fn unexpected(answer: &Answer) -> ApiError {
    ApiError::internal(format!("the desk answered something else than was asked: {answer:?}"))
}
