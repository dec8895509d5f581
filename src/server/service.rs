//! The service: what a request may have, and how what came of it is answered and written down.
//!
//! Called by the daemon and by `exec` with the connections of their [listeners](super::listener), and by tests with
//! pipes. The waiting, and what a connection remembers, is [`super::desk`]'s.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::conn::{self, End, Limits};
use super::crowd::Standing;
use super::desk::Desk;
use super::gate::{self, Head};
use super::grant::{Grant, Grants};
use super::listener::Listener;
use crate::config::Identity;
use crate::credential::{Ask, Credential, IdentityName, Now};
use crate::dialect::{Answer, Asked, Refusal, ecs};
use crate::engine::Engine;
use crate::log::audit::{Audit, Deed, Entry, Handed, Known, Peer};
use crate::world::Clock;

/// The names of all identities, usable or not, and what is known of each: what is not among them is unknown.
pub type Names = Arc<BTreeMap<IdentityName, Known>>;

/// What the audit trail says of an identity where no credential tells it.
pub fn known(identity: &Identity) -> Known {
    Known { account: identity.account.as_deref().map(Into::into), role: identity.role_arn().map(Into::into) }
}

/// Answers requests.
pub struct Service {
    pub(super) engine: Engine,
    pub(super) grants: Arc<Grants>,
    names: watch::Receiver<Names>,
    pub(super) audit: Audit,
    pub(super) clock: Arc<dyn Clock>,
}

impl Service {
    /// A service for every connection of a listener.
    pub fn new(
        engine: Engine,
        grants: Arc<Grants>,
        names: watch::Receiver<Names>,
        audit: Audit,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self { engine, grants, names, audit, clock })
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
    /// listener, where it has one, is proven by its first token that opens something. `stop` is that of [`conn::serve`].
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
        let peer = Arc::new(Peer::new(from, to));
        let desk = Desk::new(Arc::clone(&self), Arc::clone(&peer), to, standing);
        if conn::serve(io, desk, Limits::default(), stop).await == End::Unreadable {
            // Not a word of it: what is no request may be anything, a token included.
            let deed = Told::default().deed("unreadable", None);
            self.audit.note(&self.audit.entry(deed), &peer, self.clock.now(), 0);
        }
    }

    /// Everything that does not wait: the gate, the token, what is asked for, and whether it may be had. `told` is filled
    /// as far as it goes.
    pub(super) fn admit(&self, parts: &Parts, bound: IpAddr, told: &mut Told) -> Result<Step, Refusal> {
        let head = Head { method: &parts.method, target: &parts.uri, version: parts.version, headers: &parts.headers };
        let token = gate::examine(head, bound)?;
        if parts.uri.path() == "/healthz" {
            return Ok(Step::Health);
        }
        let token = token.filter(|token| !token.is_empty()).ok_or(Refusal::TokenMissing)?;
        let grant = self.grants.admit(token.as_bytes()).ok_or(Refusal::TokenUnknown)?;
        told.grant = Some(Arc::clone(&grant));
        let identity = match ecs::read(parts.uri.path())? {
            Asked::Identity(name) => name.into(),
            Asked::GrantDefault => {
                told.dialect = "pod-identity";
                grant.default_aws.clone().ok_or(Refusal::NoDefault)?
            }
        };
        match self.names.borrow().get(&identity) {
            Some(known) => told.known = known.clone(),
            None => return Err(Refusal::UnknownIdentity(identity.to_string())),
        }
        told.identity = Some(Arc::clone(&identity));
        if !grant.scope.covers(&identity) {
            return Err(Refusal::NotGranted(identity.to_string()));
        }
        Ok(Step::Ask(Ask { identity }))
    }

    /// The answer to what came of a request that arrived at `since`, written down. What is no whole credential any more
    /// is a refusal here, whoever handed it over.
    pub(super) fn settle(
        &self,
        told: &Told,
        outcome: Result<&Credential, Refusal>,
        peer: &Arc<Peer>,
        since: Now,
    ) -> (Answer, Entry) {
        let now = self.clock.now();
        let (answer, deed) = match outcome.and_then(|credential| Ok((ecs::write(credential, now)?, credential))) {
            Ok((answer, credential)) => (answer, told.deed("issued", Some(Handed::of(credential)))),
            Err(refusal) => {
                if let Refusal::Bug(reason) = refusal {
                    tracing::error!(reason, identity = told.identity.as_deref(), "a fault of ours");
                }
                let mut deed = told.deed(refusal.word(), None);
                if let Refusal::UnknownIdentity(name) = &refusal {
                    deed.identity = self.audit.stranger(deed.grant.as_ref(), name, now);
                }
                (ecs::refuse(&refusal), deed)
            }
        };
        let entry = self.audit.entry(deed);
        self.audit.note(&entry, peer, now, whole_ms(now.boot.saturating_sub(since.boot)));
        (answer, entry)
    }
}

fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// What comes after the gate.
pub(super) enum Step {
    /// Somebody wants to know how we are.
    Health,
    /// A credential is asked for, by who may have it.
    Ask(Ask),
}

/// What is known of a request so far: for the audit trail, whatever comes of it.
pub(super) struct Told {
    pub(super) grant: Option<Arc<Grant>>,
    /// One of the configuration.
    pub(super) identity: Option<IdentityName>,
    known: Known,
    pub(super) dialect: &'static str,
}

impl Default for Told {
    fn default() -> Self {
        Self { grant: None, identity: None, known: Known::default(), dialect: "ecs" }
    }
}

impl Told {
    fn deed(&self, outcome: &'static str, issued: Option<Handed>) -> Deed {
        Deed {
            grant: self.grant.as_ref().map(|grant| Arc::clone(&grant.name)),
            identity: self.identity.clone(),
            known: self.known.clone(),
            dialect: self.dialect,
            outcome,
            issued,
        }
    }
}
