//! The service: what a request may have at one address, and how what came of it is answered and written down.
//!
//! Called by the daemon and by `exec` with the connections of their [listeners](super::listener), and by tests with
//! pipes. What is served at an address are its [`Terms`]; the waiting, and what a connection remembers, is
//! [`super::desk`]'s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::admit::Told;
use super::conn::{self, End, Limits};
use super::crowd::Standing;
use super::desk::Desk;
use super::grant::Grants;
use super::listener::Listener;
use super::neighbours::Found;
use super::terms::{Terms, Under};
use crate::config::azure::PrincipalIds;
use crate::config::{AzureSource, Identity, Peers};
use crate::credential::{Ask, Credential, IdentityName, Now};
use crate::dialect::{Answer, Refusal};
use crate::engine::Engine;
use crate::log::audit::{Audit, Deed, Entry, Known, Peer};
use crate::world::Clock;

/// The names of all identities, usable or not, and what is known of each: what is not among them is unknown.
pub type Names = Arc<BTreeMap<IdentityName, Named>>;

/// What is known of an identity.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// For the audit trail.
    pub known: Known,
    /// By which ids clients may call it, where it is one of Azure.
    pub azure: Option<PrincipalIds>,
    /// What is asked for to see whether it can be had.
    pub ask: Option<Ask>,
}

impl From<Known> for Named {
    fn from(known: Known) -> Self {
        Self { known, azure: None, ask: None }
    }
}

/// What is known of an identity by its definition.
pub fn named(identity: &Identity) -> Named {
    let azure = identity.azure().map(|azure| {
        let of_source = match &azure.source {
            AzureSource::Entra { client_id }
            | AzureSource::Certificate { client_id, .. }
            | AzureSource::Federated { client_id, .. } => Some(client_id.clone()),
            AzureSource::AzureCli { .. } | AzureSource::Azd { .. } => None,
        };
        let client_id = azure.ids.client_id.clone().or(of_source);
        PrincipalIds { client_id, ..azure.ids.clone() }
    });
    Named { known: known(identity), azure, ask: Some(identity.ask()) }
}

/// What the audit trail says of an identity where no credential tells it.
pub fn known(identity: &Identity) -> Known {
    Known { account: identity.account.as_deref().map(Into::into), role: identity.role_arn().map(Into::into) }
}

/// The other end of a connection.
pub(super) struct Visitor {
    /// For the audit trail.
    pub(super) peer: Arc<Peer>,
    /// Where it is.
    pub(super) from: SocketAddr,
    /// The address that it reached.
    pub(super) to: SocketAddr,
    /// Who it is, of the listener's neighbours.
    pub(super) who: Found,
}

/// Answers requests.
pub struct Service {
    pub(super) engine: Engine,
    pub(super) grants: Arc<Grants>,
    pub(super) names: watch::Receiver<Names>,
    pub(super) terms: watch::Receiver<Arc<Terms>>,
    pub(super) audit: Audit,
    pub(super) clock: Arc<dyn Clock>,
}

impl Service {
    /// A service for every connection of a listener at which grants open what they cover.
    pub fn new(
        engine: Engine,
        grants: Arc<Grants>,
        names: watch::Receiver<Names>,
        audit: Audit,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let (_, terms) = watch::channel(Arc::new(Terms::of_grants()));
        Arc::new(Self { engine, grants, names, terms, audit, clock })
    }

    /// The same at an address of other terms, which may change.
    pub fn on(&self, terms: watch::Receiver<Arc<Terms>>) -> Arc<Self> {
        let Self { engine, grants, names, audit, clock, .. } = self;
        let (engine, grants, names) = (engine.clone(), Arc::clone(grants), names.clone());
        Arc::new(Self { engine, grants, names, terms, audit: audit.clone(), clock: Arc::clone(clock) })
    }

    /// Serves every connection of a listener, until `stop` turns true or its other end is dropped.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: watch::Receiver<bool>) {
        let told = stop.clone();
        let serve = |stream, from, to, standing| {
            Arc::clone(&self).serve_connection(stream, from, to, Some(standing), stop.clone())
        };
        listener.run(told, serve).await;
    }

    /// Serves one connection to its end: the client is at `from`, and reached us at `to`. Its `standing` with the
    /// listener, where it has one, is proven by its first proof that opens something. `stop` is that of [`conn::serve`].
    pub async fn serve_connection<I>(
        self: Arc<Self>,
        io: I,
        from: SocketAddr,
        to: SocketAddr,
        standing: Option<Standing>,
        stop: watch::Receiver<bool>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let who = {
            let terms = Arc::clone(&self.terms.borrow());
            match &terms.neighbours {
                Some(neighbours) => neighbours.at(from.ip()).await,
                None => Found::Nobody,
            }
        };
        let visitor = Visitor { peer: Arc::new(Peer::new(from, to)), from, to, who };
        self.serve_visitor(io, visitor, standing, stop).await;
    }

    /// The same where it is known who it is.
    pub(super) async fn serve_visitor<I>(
        self: Arc<Self>,
        io: I,
        visitor: Visitor,
        standing: Option<Standing>,
        stop: watch::Receiver<bool>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let peer = Arc::clone(&visitor.peer);
        let desk = Desk::new(Arc::clone(&self), visitor, standing);
        if conn::serve(io, desk, Limits::default(), stop).await == End::Unreadable {
            // Not a word of it: what is no request may be anything, a token included.
            let terms = Arc::clone(&self.terms.borrow());
            let deed = Told::at("", None, &terms).deed(&terms, "unreadable", None);
            self.audit.note(&self.audit.entry(deed), &peer, self.clock.now(), 0);
        }
    }

    /// The answer to what came of a request that arrived at `since`, written down. What is no whole credential any more
    /// is a refusal here, whoever handed it over.
    pub(super) fn settle(
        &self,
        terms: &Terms,
        told: &Told,
        outcome: Result<&Credential, Refusal>,
        peer: &Arc<Peer>,
        since: Now,
    ) -> (Answer, Entry) {
        let now = self.clock.now();
        let (answer, deed) = match told.write(terms, outcome, now) {
            Ok((answer, Some(credential))) => (answer, told.deed(terms, "issued", Some(told.handed(credential)))),
            Ok((answer, None)) => (answer, told.deed(terms, "described", None)),
            Err(refusal) => {
                if let Refusal::Bug(reason) = refusal {
                    tracing::error!(reason, identity = told.identity(terms).as_deref(), "a fault of ours");
                }
                let mut deed = told.deed(terms, refusal.word(), None);
                if let Refusal::UnknownIdentity(name) = &refusal {
                    deed.identity = self.audit.stranger(deed.grant.as_ref(), name, now);
                }
                (told.refuse(terms, &refusal, now), deed)
            }
        };
        let entry = self.entry(deed, terms, peer);
        self.audit.note(&entry, peer, now, whole_ms(now.boot.saturating_sub(since.boot)));
        (answer, entry)
    }

    /// An answer that needs no credential, written down in one word.
    pub(super) fn said(&self, terms: &Terms, told: &Told, word: &'static str, peer: &Arc<Peer>, since: Now) -> Entry {
        let now = self.clock.now();
        let entry = self.entry(told.deed(terms, word, None), terms, peer);
        self.audit.note(&entry, peer, now, whole_ms(now.boot.saturating_sub(since.boot)));
        entry
    }

    /// A container that nobody wrote down has no other name than its address.
    fn entry(&self, mut deed: Deed, terms: &Terms, peer: &Peer) -> Entry {
        let stranger = matches!(terms.peers, Peers::Nobody | Peers::Untold) && !matches!(terms.under, Under::Ended);
        if stranger && deed.container.is_none() {
            deed.container = Some(peer.address().to_string().into());
        }
        self.audit.entry(deed)
    }
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
