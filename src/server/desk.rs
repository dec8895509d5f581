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
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;
use http::request::Parts;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::admit::{Step, TICKET, Told};
use super::answer::{Reply, reply};
use super::crowd::Standing;
use super::gate::{self, Head, Takes};
use super::health::{Health, Report};
use super::peers::PeerOwner;
use super::right::Right;
use super::service::{Service, Visitor};
use super::terms::{InForce, Terms};
use crate::config::Peers;
use crate::credential::{Ask, Now};
use crate::dialect::azure::{app_service, imds};
use crate::dialect::{Answer, Refusal};
use crate::engine::Lease;
use crate::log::audit::{Entry, Peer};
use crate::secret::Secret;

/// The service as one connection sees it.
pub(super) struct Desk {
    service: Arc<Service>,
    peer: Arc<Peer>,
    owner: PeerOwner,
    /// Until it was proven.
    standing: Cell<Option<Standing>>,
    /// What is served here. What is remembered below rests on it, and goes when it changes.
    terms: RefCell<InForce>,
    recall: RefCell<Option<Recall>>,
    /// How the last session token was written down: who asks for many need not be looked up for each.
    ticket: RefCell<Option<Entry>>,
}

impl Desk {
    pub(super) fn new(service: Arc<Service>, visitor: Visitor, standing: Option<Standing>) -> Self {
        let Visitor { peer, from, to, who } = visitor;
        let owner = PeerOwner::new(from, to);
        let terms = RefCell::new(InForce::new(service.terms.clone(), who));
        Self {
            service,
            peer,
            owner,
            standing: Cell::new(standing),
            terms,
            recall: RefCell::default(),
            ticket: RefCell::default(),
        }
    }

    /// The last answer again, if the same is asked with the same proof and it still holds.
    fn again(&self, parts: &Parts, now: Now) -> Option<Reply> {
        let recall = self.recall.borrow();
        let recall = recall.as_ref()?;
        let head = Head { method: &parts.method, target: &parts.uri, version: parts.version, headers: &parts.headers };
        let takes = Takes { puts: false, ..self.terms.borrow().terms().takes() };
        let proofs = gate::examine(head, self.owner.to().ip(), takes).ok()?;
        let same_proof = match (&recall.proof, recall.right.proof(proofs)) {
            (Some(remembered), Some(shown)) => remembered.same_as(shown),
            // one that is shown where none is needed may be wrong
            (None, None) => {
                let own_tokens = self.terms.borrow().terms().own_tokens;
                proofs.ticket.is_none() && !(own_tokens && proofs.token.is_some())
            }
            _ => false,
        };
        // what is asked for may hold a secret
        let same = recall.asked.same_as(asked(parts).as_bytes()) && same_proof;
        let marked = !recall.marked || imds::is_marked(proofs.mark);
        // who asks for the head alone may be told something else
        let same = same && recall.method == parts.method;
        let relayed = self.terms.borrow().terms().under.lives(now);
        if !same || !marked || !relayed || !recall.right.lives(now) || !recall.lease.holds(now) {
            return None;
        }
        // it says how many seconds are left, and is written anew when that is not true any more
        if recall.left_secs.is_some_and(|secs| secs != left_secs(&recall.lease, now)) {
            return None;
        }
        if let Right::Grant(grant, _) = &recall.right {
            grant.use_at(now);
        }
        self.service.audit.note(&recall.entry, &self.peer, now, 0);
        Some(reply(recall.answer.clone()))
    }

    fn remember(&self, parts: &Parts, told: &Told, lease: Lease, answer: Answer, entry: Entry, now: Now) {
        let headers = &parts.headers;
        let proofs = gate::Proofs {
            token: headers.get(http::header::AUTHORIZATION),
            ticket: headers.get(crate::dialect::ec2::TICKET),
            identity_header: headers.get(app_service::HEADER),
            secret: headers.get(app_service::OLD_HEADER),
            ..gate::Proofs::default()
        };
        let proof = match told.right.proof(proofs).map(std::str::from_utf8) {
            Some(Ok(proof)) => Some(Secret::new(proof)),
            Some(Err(_)) => return,
            None => None,
        };
        let (asked, right, marked) = (Secret::new(asked(parts)), told.right.clone(), told.wants_mark());
        let left_secs = lease.credential().token().map(|_| left_secs(&lease, now));
        let method = parts.method.clone();
        self.recall.replace(Some(Recall { proof, method, asked, marked, right, lease, left_secs, answer, entry }));
    }

    /// What can be answered from memory is, now; the rest waits for the engine.
    fn answer(&self, parts: &Parts, ask: Ask, terms: &Arc<Terms>, told: Told, since: Now) -> Answering {
        let (service, peer) = (&self.service, &self.peer);
        if let Some(lease) = service.engine.lease_with(&ask, told.min_life(), since) {
            let (answer, entry) = service.settle(terms, &told, Ok(lease.credential()), peer, since);
            if answer.status.is_success() {
                self.remember(parts, &told, lease, answer.clone(), entry, since);
            }
            return Answering::Ready(Some(reply(answer)));
        }
        let (service, terms, peer) = (Arc::clone(service), Arc::clone(terms), Arc::clone(peer));
        Answering::Waiting(Box::pin(async move {
            let patience = told.patience(service.engine.settings().patience);
            service.obtain(&ask, &terms, &told, &peer, since, patience).await
        }))
    }

    /// How we are; through a relay, how it stands with what its grant opens. The relay itself is no container, and hears of what.
    fn tell_health(&self, terms: &Terms) -> Answering {
        // a stranger has nothing fetched
        let stranger = matches!(terms.peers, Peers::Nobody | Peers::Untold) && terms.container.is_some();
        let Some(grant) = terms.under.grant().filter(|_| !stranger) else {
            return Answering::Ready(Some(reply(Report::from(Health::of(&self.service.engine)).answer())));
        };
        let names = self.service.names.borrow().clone();
        let covered = names.iter().filter(|(name, _)| grant.scope.covers(name));
        let asks: Vec<Ask> = covered.filter_map(|(_, named)| named.ask.clone()).collect();
        let (engine, is_relay) = (self.service.engine.clone(), terms.container.is_none());
        Answering::Waiting(Box::pin(async move {
            let report = Report::of(&engine, asks).await;
            reply(if is_relay { report } else { report.without_names() }.answer())
        }))
    }

    /// Writes down what was said at once.
    fn note_said(&self, terms: &Terms, told: &Told, word: &'static str, since: Now) {
        if word != TICKET {
            self.service.said(terms, told, word, &self.peer, since);
            return;
        }
        let mut ticket = self.ticket.borrow_mut();
        match &*ticket {
            Some(entry) => self.service.audit.note(entry, &self.peer, since, 0),
            None => *ticket = Some(self.service.said(terms, told, word, &self.peer, since)),
        }
    }

    /// It has shown what opens something: the listener has it stay.
    fn prove(&self) {
        if let Some(standing) = self.standing.take() {
            standing.prove();
        }
    }
}

impl Service {
    /// The answer to an ask for which the engine is waited for.
    async fn obtain(
        &self,
        ask: &Ask,
        terms: &Terms,
        told: &Told,
        peer: &Arc<Peer>,
        since: Now,
        patience: Duration,
    ) -> Reply {
        let outcome = self.engine.answer_with(ask, told.min_life(), patience).await;
        let outcome = outcome.as_deref().map_err(|failure| Refusal::Failed(failure.clone()));
        // it may have been ended meanwhile
        let now = self.clock.now();
        let outcome = match &told.right {
            _ if !terms.under.lives(now) => Err(Refusal::RelayEnded),
            Right::Grant(grant, _) if !grant.lives(now) => Err(Refusal::TokenUnknown),
            _ => outcome,
        };
        reply(self.settle(terms, told, outcome, peer, since).0)
    }
}

/// What is asked for, query and all.
fn asked(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("", |asked| asked.as_str())
}

/// The whole seconds that are left of what was leased.
fn left_secs(lease: &Lease, now: Now) -> u64 {
    lease.credential().remaining(now).as_secs()
}

/// An answer, and all that led to it.
struct Recall {
    proof: Option<Secret>,
    method: Method,
    asked: Secret,
    /// `Metadata: true` must be there each time.
    marked: bool,
    right: Right,
    lease: Lease,
    /// Of a token: what the answer says is left of it.
    left_secs: Option<u64>,
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
        if self.terms.borrow_mut().renew() {
            self.recall.take();
            self.ticket.take();
        }
        if parts.method != Method::PUT
            && let Some(again) = self.again(&parts, since)
        {
            return Answering::Ready(Some(again));
        }
        self.recall.take();
        let in_force = self.terms.borrow();
        let terms = in_force.terms();
        let mut told = Told::at(parts.uri.path(), parts.uri.query(), terms);
        let admitted = service.admit(&parts, terms, &self.owner, since, &mut told);
        // what is answered from memory above came through here first
        if !matches!(told.right, Right::Nothing) || matches!(admitted, Ok(Step::Say(..))) {
            self.prove();
        }
        match admitted {
            Ok(Step::Ask(ask)) => self.answer(&parts, ask, terms, told, since),
            Ok(Step::Say(answer, word)) => {
                self.note_said(terms, &told, word, since);
                Answering::Ready(Some(reply(answer)))
            }
            Ok(Step::Health) => self.tell_health(terms),
            Ok(Step::Verify(cluster, token)) => {
                let (service, terms, peer) = (Arc::clone(service), Arc::clone(terms), Arc::clone(peer));
                // it stays here as well: this token may be refused, and the connection's next one be good
                let standing = self.standing.take();
                self.standing.set(standing.clone());
                Answering::Waiting(Box::pin(async move {
                    let patience = service.engine.settings().patience;
                    // clients wait once: what the keys took of it, the engine does not have
                    let deadline = Instant::now() + patience;
                    let verified = cluster.keys.verified(token.expose().as_bytes(), &cluster.rules, patience).await;
                    match verified.and_then(|account| service.admit_verified(account, &cluster, &terms, &mut told)) {
                        Ok(ask) => {
                            standing.into_iter().for_each(Standing::prove);
                            let left = deadline.saturating_duration_since(Instant::now());
                            service.obtain(&ask, &terms, &told, &peer, since, left).await
                        }
                        Err(refusal) => reply(service.settle(&terms, &told, Err(refusal), &peer, since).0),
                    }
                }))
            }
            Err(refusal) => {
                let (answer, _) = service.settle(terms, &told, Err(refusal), peer, since);
                Answering::Ready(Some(reply(answer)))
            }
        }
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
