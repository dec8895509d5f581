//! [`Supplier`]: a daemon that supplies, and what of it: all but what it refuses and what it could not make.
//!
//! Called by [`super::Supply`], which makes its sources and decides when it is asked again.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::super::recipes::Instead;
use super::pace::may_be_able_again;
use crate::control::{Client, wire};
use crate::credential::IdentityName;
use crate::source::daemon::HandedBack;

/// A daemon that supplies.
pub(in crate::app) struct Supplier {
    /// The connection on which the job is announced.
    pub(super) client: Client,
    /// Which of its sources are in use.
    pub(super) generation: u64,
    pub(super) sources: BTreeMap<IdentityName, Instead>,
    /// What it refused when the job was announced last.
    pub(super) announced: BTreeSet<IdentityName>,
    /// What it will not supply for now: that, and what its fetches found since.
    pub(super) refused: BTreeSet<IdentityName>,
    /// What it could not make where it runs, and when that was found: left to our own sources for a while.
    unable: BTreeMap<IdentityName, Instant>,
}

impl Supplier {
    /// A daemon to which the job was announced. Its sources are to be made yet.
    pub(super) fn new(client: Client, refused: BTreeSet<IdentityName>) -> Self {
        let (sources, unable) = (BTreeMap::new(), BTreeMap::new());
        Self { client, generation: 0, sources, announced: refused.clone(), refused, unable }
    }

    /// A command begins that wants this one: what failed a while ago is tried again.
    pub(in crate::app) async fn forgive(&mut self, name: &IdentityName) {
        let reset = wire::Reset { identity: Some(name.to_string()) };
        if let Err(error) = self.client.reset(&reset).await {
            tracing::debug!(reason = %error, "the daemon forgets no failures");
        }
    }

    pub(super) fn supplies(&self, name: &IdentityName) -> bool {
        !self.refused.contains(name) && !self.unable.contains_key(name)
    }

    /// Drops the sources of what it does not supply any more.
    pub(super) fn drop_sources(&mut self) {
        let Self { sources, refused, unable, .. } = self;
        sources.retain(|name, _| !refused.contains(name) && !unable.contains_key(name));
    }

    /// The last time it was found that it could not make something; `None`: it makes all that it does not refuse.
    pub(super) fn unable_since(&self) -> Option<Instant> {
        self.unable.values().max().copied()
    }

    /// Has it asked again for what it could not make, if that is a while ago for all of it: sources are turned once for
    /// them together. `true`: it is.
    pub(super) fn try_again(&mut self, now: Instant) -> bool {
        let again = self.unable_since().is_some_and(|since| may_be_able_again(now, since));
        if again {
            self.unable.clear();
        }
        again
    }

    /// Other definitions, which it may be able to make.
    pub(super) fn means_other(&mut self) {
        self.unable.clear();
    }

    /// A fetch found that the daemon does not supply something; `false`: it supplies nothing any more.
    pub(super) fn hands_back(&mut self, found: HandedBack, now: Instant) -> bool {
        match found {
            HandedBack::Away { why } => {
                tracing::info!(reason = %why, "the daemon went away: we go on without it");
                false
            }
            HandedBack::Differs { identity, why } => {
                tracing::info!(identity = &*identity, reason = %why, "the daemon does not supply it any more");
                self.refused.insert(identity);
                true
            }
            HandedBack::Unable { identity, why } => {
                tracing::info!(identity = &*identity, reason = %why, "the daemon cannot make it; we try ourselves");
                self.unable.insert(identity, now);
                true
            }
        }
    }
}
