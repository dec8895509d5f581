//! The desk: the service as one connection sees it. What can be answered from memory is, without a wait; the rest waits
//! for the engine, a moment at most.
//!
//! Most clients that keep a connection ask for the same again and again, so the last answer is remembered with all that
//! led to it. Nothing is taken for granted by that: each time the gate looks, the token is compared, the grant asked
//! whether it still lives and the engine whether its answer still holds; only the same bytes are not made twice. They are
//! wiped as soon as one of these says no, and with the connection.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use hyper::body::Incoming;

use super::answer::{Health, Reply, reply};
use super::crowd::Standing;
use super::gate::{self, Head};
use super::grant::Grant;
use super::service::{Service, Step, Told};
use crate::credential::Now;
use crate::dialect::{Answer, Refusal};
use crate::engine::Lease;
use crate::log::audit::{Entry, Peer};
use crate::secret::Secret;

/// The service as one connection sees it.
pub(super) struct Desk {
    service: Arc<Service>,
    peer: Arc<Peer>,
    to: SocketAddr,
    /// Until it was proven.
    standing: Cell<Option<Standing>>,
    recall: RefCell<Option<Recall>>,
}

impl Desk {
    pub(super) fn new(service: Arc<Service>, peer: Arc<Peer>, to: SocketAddr, standing: Option<Standing>) -> Self {
        Self { service, peer, to, standing: Cell::new(standing), recall: RefCell::default() }
    }

    /// The last answer again, if the same is asked with the same token and it still holds.
    fn again(&self, parts: &Parts, now: Now) -> Option<Reply> {
        let recall = self.recall.borrow();
        let recall = recall.as_ref()?;
        let head = Head { method: &parts.method, target: &parts.uri, version: parts.version, headers: &parts.headers };
        let token = gate::examine(head, self.to.ip()).ok()??;
        let same = parts.uri.path() == &*recall.path && recall.token.same_as(token.as_bytes());
        if !same || !recall.grant.lives(now) || !recall.lease.holds(now) {
            return None;
        }
        recall.grant.use_at(now);
        self.service.audit.note(&recall.entry, &self.peer, now, 0);
        Some(reply(&recall.answer))
    }

    fn remember(&self, parts: &Parts, told: Told, lease: Lease, answer: Answer, entry: Entry) {
        let token = parts.headers.get(http::header::AUTHORIZATION).and_then(|token| token.to_str().ok());
        let (Some(token), Some(grant)) = (token, told.grant) else { return };
        let path = parts.uri.path().into();
        self.recall.replace(Some(Recall { token: Secret::new(token), path, grant, lease, answer, entry }));
    }
}

/// An answer, and all that led to it.
struct Recall {
    token: Secret,
    path: Box<str>,
    grant: Arc<Grant>,
    lease: Lease,
    answer: Answer,
    entry: Entry,
}

impl hyper::service::Service<http::Request<Incoming>> for Desk {
    type Response = Reply;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: http::Request<Incoming>) -> Answering {
        // The body is let go of unread: it says nothing to us.
        let (parts, _) = request.into_parts();
        let (service, peer) = (&self.service, &self.peer);
        let since = service.clock.now();
        if let Some(again) = self.again(&parts, since) {
            return Answering::Ready(Some(again));
        }
        self.recall.take();
        let mut told = Told::default();
        let admitted = service.admit(&parts, self.to.ip(), &mut told);
        // what is answered from memory above came through here first
        if told.grant.is_some()
            && let Some(standing) = self.standing.take()
        {
            standing.prove();
        }
        let ask = match admitted {
            Ok(Step::Ask(ask)) => ask,
            Ok(Step::Health) => {
                return Answering::Ready(Some(reply(&Health::of(&service.engine).answer())));
            }
            Err(refusal) => {
                let (answer, _) = service.settle(&told, Err(refusal), peer, since);
                return Answering::Ready(Some(reply(&answer)));
            }
        };
        if let Some(lease) = service.engine.lease(&ask, since) {
            let (answer, entry) = service.settle(&told, Ok(lease.credential()), peer, since);
            let response = reply(&answer);
            if answer.status.is_success() {
                self.remember(&parts, told, lease, answer, entry);
            }
            return Answering::Ready(Some(response));
        }
        let (service, peer) = (Arc::clone(service), Arc::clone(peer));
        Answering::Waiting(Box::pin(async move {
            let outcome = service.engine.get(&ask, service.engine.settings().patience).await;
            let outcome = outcome.as_deref().map_err(|failure| Refusal::Failed(failure.clone()));
            reply(&service.settle(&told, outcome, &peer, since).0)
        }))
    }
}

/// A response that is there, or that the engine is waited for.
pub(super) enum Answering {
    Ready(Option<Reply>),
    Waiting(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

impl Future for Answering {
    type Output = Result<Reply, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // hyper asks no more once it was answered
            Self::Ready(reply) => reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply))),
            Self::Waiting(waiting) => waiting.as_mut().poll(cx).map(Ok),
        }
    }
}
